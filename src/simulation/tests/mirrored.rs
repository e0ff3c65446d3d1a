//! Copies of requests: before the first step of a canary, and all along the iterations of blue/green.

use super::*;

/// What the route did at each of its states: the canary's share, and the percentage of requests that were copied to it.
fn states(simulation: &Simulation) -> Vec<(i64, i64)> {
    let deeds = simulation.world.state().deeds.clone();
    let states = deeds.iter().filter_map(|(_, deed)| {
        let share = share(deed)?;
        let Deed::Effect(Effect::Apply { object, .. }) = deed else { return None };
        let filters = object["spec"]["rules"][0]["filters"].as_array();
        let copies = filters.into_iter().flatten().find(|filter| filter["type"] == "RequestMirror");
        let percent = copies.map_or(0, |copies| copies["requestMirror"]["percent"].as_i64().unwrap_or(100));
        Some((share, percent))
    });
    let mut states: Vec<_> = states.collect();
    states.dedup();
    states
}

fn mirrored(changes: Value) -> Value {
    let mut analysis = weights(&[20, 50]);
    analysis["mirror"] = json!(true);
    json_patch::merge(&mut analysis, &changes);
    analysis
}

fn blue_green() -> Value {
    json!({"stepWeights": null, "iterations": 2})
}

#[test]
fn w_rt_4_requests_are_copied_before_the_first_step_and_then_never_again() {
    let mut simulation = initialised(mirrored(json!({"mirrorWeight": 30})), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(180), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(states(&simulation), [(0, 0), (0, 30), (20, 0), (50, 0), (0, 0)]);
    assert_eq!(reasons(&simulation).iter().filter(|reason| **reason == Reason::RequestsMirrored).count(), 1);
}

#[test]
fn w_ctl_12_a_revision_that_fails_with_copies_never_gets_a_request_of_a_user() {
    let mut simulation = initialised(mirrored(json!({})), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert_eq!(states(&simulation), [(0, 0), (0, 100), (0, 0)]);
}

#[test]
fn blue_green_copies_requests_until_it_switches_and_switches_once() {
    let mut simulation = initialised(mirrored(blue_green()), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(180), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(states(&simulation), [(0, 0), (0, 100), (100, 0), (0, 0)]);
}

#[test]
fn blue_green_without_copies_moves_traffic_only_while_the_primary_is_replaced() {
    let mut analysis = weights(&[]);
    json_patch::merge(&mut analysis, &blue_green());
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(180), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(states(&simulation), [(0, 0), (100, 0), (0, 0)]);
    let iterations = reasons(&simulation).iter().filter(|reason| **reason == Reason::IterationPassed).count();
    assert_eq!(iterations, 1, "the second one ends in the promotion");
}

/// When the primary was given an image, and when the canary got all traffic.
fn switched(simulation: &Simulation, image: &str) -> (Option<Timestamp>, Option<Timestamp>) {
    let state = simulation.world.state();
    let given = |deed: &Deed| match deed {
        Deed::Effect(Effect::Apply { object, .. }) => {
            object["metadata"]["name"] == "shop-primary"
                && object["spec"]["template"]["spec"]["containers"][0]["image"] == image
        }
        _ => false,
    };
    let mut deeds = state.deeds.iter();
    let led = deeds.find(|(_, deed)| share(deed) == Some(100)).map(|(at, _)| *at);
    (state.deeds.iter().find(|(_, deed)| given(deed)).map(|(at, _)| *at), led)
}

/// A primary with strategy Recreate loses all its pods at once: no proxy may lead anybody there any more.
#[test]
fn blue_green_replaces_the_primary_once_every_proxy_knows_of_the_switch() {
    let mut analysis = weights(&[]);
    json_patch::merge(&mut analysis, &blue_green());
    let mut simulation = initialised(analysis, good());
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"strategy": {"type": "Recreate"}}}));
    release(&simulation, "shop:2");
    simulation.pass(seconds(180), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    let (given, led) = switched(&simulation, "shop:2");
    let passed = given.unwrap().duration_since(led.unwrap());
    assert!(passed >= seconds(6), "a second until the route is accepted, and the settle time: {passed:#}");
}

#[test]
fn a_switch_that_the_gateway_does_not_take_over_leaves_the_primary_as_it_is() {
    let mut analysis = weights(&[]);
    json_patch::merge(&mut analysis, &blue_green());
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(22), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    simulation.world.state().gateway_away = true;
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert_eq!(switched(&simulation, "shop:2").0, None);
    assert_eq!(states(&simulation), [(0, 0), (100, 0), (0, 0)]);
}

#[test]
fn a_revision_that_comes_while_users_are_led_to_the_canary_takes_its_place() {
    let mut analysis = weights(&[]);
    json_patch::merge(&mut analysis, &blue_green());
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    let mut released = false;
    simulation.pass(seconds(240), |simulation| {
        if simulation.status().phase == Phase::Promoting && !released {
            released = true;
            release(simulation, "shop:3");
        }
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(switched(&simulation, "shop:2").0, None, "it was never promoted");
    assert_eq!(image(&simulation, "shop-primary"), "shop:3");
}

#[test]
fn copies_that_somebody_takes_out_come_back_and_the_step_begins_anew() {
    let mut simulation = initialised(mirrored(json!({})), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(10), |_| {});
    let due = simulation.status().next_step_at.expect("the copies are in force");
    let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
    let mut rules = object(&simulation, &route)["spec"]["rules"].clone();
    rules[0]["filters"] = Value::Null;
    simulation.user(&route, &json!({"spec": {"rules": rules}}));
    simulation.pass(seconds(5), |_| {});
    assert!(object(&simulation, &route).to_string().contains("RequestMirror"));
    assert!(simulation.status().next_step_at.unwrap().0 > due.0);
    simulation.pass(seconds(180), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
}

#[test]
fn a_route_of_a_user_takes_no_copies_so_that_the_run_is_blocked_and_ends() {
    let simulation = simulation(mirrored(json!({})), good());
    let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
    let rules = json!([{"backendRefs": [{"name": "shop", "port": 80}]}]);
    let parents = json!([{"name": "public", "namespace": "edge"}]);
    simulation.user(&route, &json!({"spec": {"parentRefs": parents, "rules": rules}}));
    let mut simulation = simulation;
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    let stalled = simulation.status().conditions.into_iter().find(|one| one.type_ == "Stalled").unwrap();
    assert_eq!(stalled.reason, "RouteNotPossible");
    assert!(stalled.message.contains("delete it, so that Sluice makes its own"), "{}", stalled.message);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    let backends = &object(&simulation, &route)["spec"]["rules"][0]["backendRefs"];
    // The apex, by which it goes on, means the primary.
    let shares = [0, 1, 2].map(|place| backends[place]["weight"].clone());
    assert_eq!(shares, [json!(0), json!(0), json!(100)], "{backends}");
}
