//! A route that a user made before the Canary: it is led along, never taken over.

use super::*;

fn route(simulation: &Simulation) -> ObjectRef {
    simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop")
}

/// As its owner writes it: first a rule of somebody else.
fn users() -> Object {
    json!({
        "metadata": {"annotations": {"someone.else/note": "keep"}},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "edge"}],
            "rules": [
                {"matches": [{"path": {"value": "/help"}}], "backendRefs": [{"name": "help", "port": 80, "weight": 1}]},
                {"backendRefs": [{"name": "shop", "port": 80}]},
            ],
        },
    })
}

fn foreign(object: &Object) -> (Value, Value, Value, Value) {
    let rule = object["spec"]["rules"][0].clone();
    let metadata = &object["metadata"];
    let note = metadata["annotations"]["someone.else/note"].clone();
    (rule, object["spec"]["parentRefs"].clone(), note, metadata["ownerReferences"].clone())
}

#[test]
fn w_rt_18_a_route_that_a_user_made_follows_the_steps_and_stays_the_users() {
    let mut simulation = simulation(weights(&[20, 50]), good());
    let reference = route(&simulation);
    simulation.user(&reference, &users());
    let kept = foreign(&object(&simulation, &reference));
    let mut seen = Vec::new();
    let mut watch = |simulation: &Simulation| {
        let present = object(simulation, &reference);
        assert_eq!(foreign(&present), kept);
        let share = present["spec"]["rules"][1]["backendRefs"][1]["weight"].as_i64();
        if seen.last() != Some(&share) {
            seen.push(share);
        }
    };
    simulation.pass(seconds(60), &mut watch);
    assert_eq!(simulation.status().phase, Phase::Initialized);
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), &mut watch);
    // Its owner applies it again in mid-run: everything goes to the apex, which means the primary, until every proxy knows us again.
    simulation.user(&reference, &json!({"spec": users()["spec"]}));
    simulation.pass(seconds(120), &mut watch);
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(seen, [None, Some(0), Some(20), Some(0), Some(20), Some(50), Some(0)]);
    let applied = |deed: &(Timestamp, Deed)| matches!(&deed.1, Deed::Effect(Effect::Apply { object, .. }) if object["kind"] == "HTTPRoute");
    assert!(!simulation.world.state().deeds.iter().any(applied), "no apply ever touched it");
}

/// At 20 % the owner of a route applies it again, without a gate that keeps our backends in it. What it says from then on, as shares of
/// primary, canary and apex, and after which time.
fn written_anew(primary_serves: bool) -> Vec<(Vec<i64>, i64)> {
    let mut simulation = simulation(weights(&[20, 50]), good());
    let reference = route(&simulation);
    simulation.user(&reference, &users());
    simulation.pass(seconds(60), |_| {});
    release(&simulation, "shop:2");
    while simulation.status().canary_weight != 20 {
        simulation.pass(seconds(1), |_| {});
    }
    simulation.pass(seconds(3), |_| {});
    if !primary_serves {
        let primary = deployment(&simulation, "shop-primary");
        simulation.kubernetes.lose(&primary, Timestamp::MAX);
    }
    simulation.user(&reference, &json!({"spec": users()["spec"]}));
    let begin = simulation.now();
    let mut seen: Vec<(Vec<i64>, i64)> = Vec::new();
    simulation.pass(seconds(9), |simulation| {
        let object = object(simulation, &reference);
        let backends = object["spec"]["rules"][1]["backendRefs"].as_array().unwrap();
        let weights: Vec<i64> = backends.iter().filter_map(|backend| backend["weight"].as_i64()).collect();
        if seen.last().is_none_or(|(last, _)| *last != weights) {
            seen.push((weights, simulation.now().duration_since(begin).as_secs()));
        }
    });
    seen
}

#[test]
fn a_users_route_that_is_written_anew_in_a_run_gets_its_places_first_and_its_shares_once_proxies_know_them() {
    assert_eq!(written_anew(true), [(vec![0, 0, 100], 0), (vec![80, 20, 0], 5)]);
}

#[test]
fn it_gets_both_at_once_where_the_primary_cannot_carry_what_it_is_led_to() {
    assert_eq!(written_anew(false), [(vec![80, 20, 0], 0)]);
}

#[test]
fn a_route_that_does_not_lead_to_us_blocks_with_a_way_out_and_stays() {
    let mut simulation = simulation(weights(&[50]), good());
    let reference = route(&simulation);
    let mut other = users();
    other["spec"]["rules"].as_array_mut().unwrap().pop();
    simulation.user(&reference, &other);
    let before = object(&simulation, &reference)["spec"].clone();
    simulation.pass(seconds(60), |_| {});
    assert_eq!(object(&simulation, &reference)["spec"], before);
    let stalled =
        simulation.status().conditions.iter().find(|condition| condition.type_ == "Stalled").cloned();
    let stalled = stalled.unwrap();
    assert_eq!(stalled.reason, "RouteNotPossible");
    assert!(stalled.message.contains("add one, or delete the object"), "{}", stalled.message);
    let (wake, now) = (simulation.wake().unwrap(), simulation.now());
    assert!(now - seconds(1) < wake && wake <= now + seconds(10), "no watch tells that it went: {wake}");
}
