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
    // Its owner applies it again in mid-run: everything goes to the apex, which means the primary, until we see it.
    simulation.user(&reference, &json!({"spec": users()["spec"]}));
    simulation.pass(seconds(1), &mut watch);
    assert_eq!(object(&simulation, &reference)["spec"]["rules"][1]["backendRefs"][1]["weight"], 20);
    simulation.pass(seconds(120), &mut watch);
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(seen, [None, Some(0), Some(20), Some(50), Some(0)]);
    let applied = |deed: &(Timestamp, Deed)| matches!(&deed.1, Deed::Effect(Effect::Apply { object, .. }) if object["kind"] == "HTTPRoute");
    assert!(!simulation.world.state().deeds.iter().any(applied), "no apply ever touched it");
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
