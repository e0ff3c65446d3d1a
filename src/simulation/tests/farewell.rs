//! The end of a Canary: a serving target stays behind.

use super::*;
use crate::rollout::Cause;

const FINALIZER: &str = "finalizer.flagger.app";

fn finalizers(simulation: &Simulation) -> Value {
    object(simulation, &simulation.canary_reference())["metadata"]["finalizers"].clone()
}

fn edit(simulation: &Simulation, change: Value) {
    simulation.user(&simulation.canary_reference(), &change);
}

fn delete(simulation: &Simulation) {
    simulation.world.state().memory.delete(&simulation.canary_reference());
}

fn is_gone(simulation: &Simulation) -> bool {
    object(simulation, &simulation.canary_reference()).is_null()
}

fn is_held(simulation: &Simulation) -> bool {
    finalizers(simulation) == json!([FINALIZER])
}

fn service(simulation: &Simulation, name: &str) -> ObjectRef {
    simulation.reference("v1", "Service", name)
}

fn route(simulation: &Simulation) -> ObjectRef {
    simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop")
}

/// A Canary at rest.
fn reverting() -> Simulation {
    let canary = canary(weights(&[50]));
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
    assert!(is_held(&simulation));
    simulation
}

#[test]
fn the_finalizer_stands_before_the_target_rests() {
    let mut canary = canary(weights(&[50]));
    canary["metadata"]["finalizers"] = json!(["somebody.else/waits"]);
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |simulation| {
        let held = finalizers(simulation) == json!(["somebody.else/waits", FINALIZER]);
        assert!(held || replicas(simulation, "shop") == 2, "the target rests and nothing holds the Canary");
    });
    assert_eq!(replicas(&simulation, "shop"), 0);
}

#[test]
fn w_ctl_16_w_ops_11_a_deleted_canary_leaves_a_target_that_serves_with_its_clients_and_its_route() {
    let mut simulation = reverting();
    delete(&simulation);
    let (apex, apex_slice) = (
        service(&simulation, "shop"),
        simulation.reference("discovery.k8s.io/v1", "EndpointSlice", "shop-0"),
    );
    let mut led_at = None;
    let mut had_a_share: Vec<Value> = Vec::new();
    simulation.pass(seconds(60), |simulation| {
        let backends = object(simulation, &route(simulation))["spec"]["rules"][0]["backendRefs"].clone();
        let backends: Vec<Value> = backends.as_array().cloned().unwrap_or_default();
        let names: Vec<&Value> = backends.iter().map(|backend| &backend["name"]).collect();
        for backend in &had_a_share {
            assert!(names.contains(&backend), "{backend} lost its share and its place at once");
        }
        let shares = backends.iter().filter(|backend| backend["weight"] != 0);
        had_a_share = shares.map(|backend| backend["name"].clone()).collect();
        let led = object(simulation, &apex)["spec"]["selector"] == json!({"app": "shop"});
        let ready = object(simulation, &apex_slice)["endpoints"].as_array().map_or(0, Vec::len);
        assert!(!led || ready > 0, "clients are led to nobody");
        if led && led_at.is_none() {
            led_at = Some(simulation.now());
        }
        let settled = led_at.is_some_and(|at| simulation.now() >= at + seconds(5));
        assert!(is_held(simulation) || settled, "the Canary may go before everybody has heard");
    });
    assert!(is_gone(&simulation));
    assert_eq!(replicas(&simulation, "shop"), 2, "as many pods as the primary has");
    let backends = object(&simulation, &route(&simulation))["spec"]["rules"][0]["backendRefs"].clone();
    assert_eq!((&backends[0]["name"], backends.as_array().map(Vec::len)), (&json!("shop"), Some(1)));
    for stays in [apex, route(&simulation), deployment(&simulation, "shop")] {
        let metadata = object(&simulation, &stays)["metadata"].clone();
        assert!(metadata["ownerReferences"].as_array().is_none_or(Vec::is_empty), "{stays}: {metadata}");
        assert!(!metadata.to_string().contains("sluice.dev/"), "{stays}: {metadata}");
    }
    let primary = object(&simulation, &deployment(&simulation, "shop-primary"));
    assert!(primary.is_null(), "it goes with the Canary: {primary}");
    let told = reasons(&simulation);
    assert_eq!(told[told.len() - 2..], [Reason::Terminating, Reason::Terminated]);
}

#[test]
fn w_rt_18_what_a_user_had_before_leads_to_the_apex_again_which_selects_as_they_wrote() {
    let canary = canary(weights(&[50]));
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    let selector = json!({"app": "shop", "tier": "web"});
    let applied = json!({"spec": {"selector": selector}}).to_string();
    simulation.user(
        &service(&simulation, "shop"),
        &json!({
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
            "spec": {"selector": selector, "ports": [{"port": 80}]},
        }),
    );
    let rules = json!([
        {"matches": [{"path": {"value": "/help"}}], "backendRefs": [{"name": "help", "port": 80, "weight": 1}]},
        {"backendRefs": [{"name": "shop", "port": 80}]},
    ]);
    let users = json!({"spec": {"parentRefs": [{"name": "public", "namespace": "edge"}], "rules": rules}});
    simulation.user(&route(&simulation), &users);
    simulation.pass(seconds(30), |_| {});
    assert_ne!(object(&simulation, &service(&simulation, "shop"))["spec"]["selector"], selector);
    delete(&simulation);
    simulation.pass(seconds(60), |_| {});
    assert!(is_gone(&simulation));
    assert_eq!(object(&simulation, &service(&simulation, "shop"))["spec"]["selector"], selector);
    let rules = object(&simulation, &route(&simulation))["spec"]["rules"].clone();
    assert_eq!(rules[0]["backendRefs"][0]["name"], "help");
    assert_eq!(rules[1]["backendRefs"], json!([{"name": "shop", "port": 80, "weight": 100}]));
}

#[test]
fn a_canary_deleted_in_mid_run_leaves_a_target_with_all_pods() {
    let mut simulation = reverting();
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().canary_weight, 50);
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 1}}));
    delete(&simulation);
    simulation.pass(seconds(60), |_| {});
    assert!(is_gone(&simulation));
    assert_eq!(replicas(&simulation, "shop"), 2);
}

#[test]
fn a_canary_deleted_in_mid_run_leaves_a_route_without_copies_and_cookies() {
    let strategies = [
        json!({"mirror": true, "mirrorWeight": 30}),
        json!({"sessionAffinity": {"cookieName": "version", "primaryCookieName": "primary"}}),
    ];
    for (strategy, trace) in strategies.into_iter().zip(["requestmirror", "cookie"]) {
        let mut analysis = weights(&[50]);
        analysis.as_object_mut().unwrap().extend(strategy.as_object().unwrap().clone());
        let mut simulation =
            Simulation::new(canary(analysis), target("shop:1"), Settings::default(), good(), no_faults());
        simulation.pass(seconds(30), |_| {});
        release(&simulation, "shop:2");
        simulation.pass(seconds(12), |_| {});
        let traces = |simulation: &Simulation| {
            let spec = object(simulation, &route(simulation))["spec"].to_string();
            spec.to_lowercase().contains(trace)
        };
        assert!(traces(&simulation), "{trace}: {:?}", simulation.status());
        delete(&simulation);
        simulation.pass(seconds(60), |_| {});
        assert!(is_gone(&simulation));
        assert!(!traces(&simulation), "{}", object(&simulation, &route(&simulation)));
        let rules = object(&simulation, &route(&simulation))["spec"]["rules"].clone();
        assert_eq!(rules.as_array().map(Vec::len), Some(1));
        assert_eq!(rules[0]["backendRefs"].as_array().map(Vec::len), Some(1));
        assert_eq!(rules[0]["backendRefs"][0]["name"], "shop");
    }
}

#[test]
fn a_canary_deleted_in_mid_run_whose_pods_die_leads_nobody_to_them() {
    let mut simulation = reverting();
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().canary_weight, 50);
    delete(&simulation);
    let (target, back) = (deployment(&simulation, "shop"), simulation.now() + seconds(90));
    simulation.kubernetes.lose(&target, back);
    simulation.pass(seconds(2), |_| {});
    let backends = object(&simulation, &route(&simulation))["spec"]["rules"][0]["backendRefs"].clone();
    assert_eq!((&backends[0]["weight"], &backends[1]["weight"]), (&json!(100), &json!(0)), "{backends}");
    simulation.pass(seconds(180), |_| {});
    assert!(is_gone(&simulation), "it goes once they are back");
}

#[test]
fn a_deleted_canary_whose_clients_are_led_to_its_target_needs_the_canarys_service_no_more() {
    let mut simulation = reverting();
    delete(&simulation);
    simulation.pass(seconds(6), |_| {});
    let edit = json!({"spec": {"selector": {"app": "nobody"}}});
    simulation.user(&service(&simulation, "shop-canary"), &edit);
    simulation.pass(seconds(60), |_| {});
    assert!(is_gone(&simulation), "{:?}", simulation.status().last_decision);
}

#[rstest]
#[case::deletes(Value::Null)]
#[case::changes(json!({"spec": {"selector": {"app": "nobody"}}}))]
fn a_deleted_canary_goes_although_somebody_spoils_the_canarys_service(#[case] edit: Value) {
    let mut simulation = reverting();
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    delete(&simulation);
    simulation.pass(seconds(2), |_| {});
    let service = service(&simulation, "shop-canary");
    match edit {
        Value::Null => simulation.world.state().memory.delete(&service),
        edit => simulation.user(&service, &edit),
    }
    simulation.pass(seconds(2), |_| {});
    let backends = object(&simulation, &route(&simulation))["spec"]["rules"][0]["backendRefs"].clone();
    let mut backends = backends.as_array().into_iter().flatten();
    let led = backends.any(|backend| backend["name"] == "shop-canary" && backend["weight"] != 0);
    assert!(!led, "nobody is led to a Service without endpoints");
    simulation.pass(seconds(900), |_| {});
    assert!(is_gone(&simulation), "{:?}", simulation.status().last_decision);
}

#[rstest]
#[case::gateway_api("gatewayapi:v1", "gateway.networking.k8s.io/v1", "HTTPRoute")]
#[case::istio("istio", "networking.istio.io/v1beta1", "VirtualService")]
#[case::contour("contour", "projectcontour.io/v1", "HTTPProxy")]
fn a_deleted_canary_leaves_a_route_of_any_provider_that_leads_to_the_apex_alone(
    #[case] provider: &str,
    #[case] api_version: &str,
    #[case] kind: &str,
) {
    let mut canary = canary(weights(&[50]));
    canary["spec"]["provider"] = json!(provider);
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    let route = simulation.reference(api_version, kind, "shop");
    assert!(object(&simulation, &route)["spec"].to_string().contains("shop-primary"));
    delete(&simulation);
    simulation.pass(seconds(60), |_| {});
    assert!(is_gone(&simulation));
    let left = object(&simulation, &route)["spec"].to_string();
    assert!(left.contains("\"shop\"") && !left.contains("shop-primary"), "{left}");
}

#[test]
fn a_route_that_a_policy_keeps_otherwise_holds_no_deletion_up_for_ever() {
    let mut analysis = weights(&[50]);
    analysis["mirror"] = json!(true);
    let mut simulation =
        Simulation::new(canary(analysis), target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    simulation.world.state().memory.policy = Some(|object| {
        if object["kind"] == "HTTPRoute" {
            object["spec"]["parentRefs"][0]["name"] = json!("another");
        }
    });
    delete(&simulation);
    simulation.pass(seconds(50), |_| {});
    assert!(is_held(&simulation), "it is given its time");
    simulation.pass(seconds(60), |_| {});
    assert!(is_gone(&simulation));
    let rules = object(&simulation, &route(&simulation))["spec"]["rules"].clone();
    assert_eq!(rules[0]["backendRefs"].as_array().map(Vec::len), Some(1));
    assert_eq!(rules[0]["backendRefs"][0]["name"], "shop");
}

#[test]
fn a_route_that_nobody_could_write_for_long_is_left_without_copies_all_the_same() {
    let mut analysis = weights(&[50]);
    analysis["mirror"] = json!(true);
    let mut simulation =
        Simulation::new(canary(analysis), target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    simulation.world.state().unwritable.insert("HTTPRoute".to_owned(), crate::rollout::Cause::WriteFailed);
    delete(&simulation);
    simulation.pass(seconds(180), |_| {});
    assert!(is_held(&simulation));
    simulation.world.state().unwritable.clear();
    simulation.pass(seconds(60), |_| {});
    assert!(is_gone(&simulation));
    let left = object(&simulation, &route(&simulation))["spec"].to_string();
    assert!(!left.to_lowercase().contains("mirror"), "{left}");
}

#[test]
fn a_target_that_never_gets_ready_holds_the_canary_with_a_way_out() {
    let mut simulation = reverting();
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.user(&deployment(&simulation, "shop"), &broken);
    delete(&simulation);
    simulation.pass(seconds(120), |_| {});
    assert!(is_held(&simulation), "the primary goes on serving");
    let stalled = simulation.status().conditions.into_iter().find(|of| of.type_ == "Stalled").unwrap();
    assert_eq!(stalled.reason, "TargetNotReady");
    let way_out = "take finalizer.flagger.app from its metadata.finalizers";
    assert!(stalled.message.contains(way_out), "{}", stalled.message);
    edit(&simulation, json!({"metadata": {"finalizers": []}}));
    simulation.pass(seconds(1), |_| {});
    assert!(is_gone(&simulation), "whoever does not wait is not made to");
}

#[test]
fn nothing_holds_up_a_canary_whose_target_is_gone_as_at_the_end_of_a_namespace() {
    for going in [true, false] {
        let mut simulation = reverting();
        let target = deployment(&simulation, "shop");
        if going {
            let held = json!({"metadata": {"finalizers": ["foregroundDeletion"]}});
            simulation.user(&target, &held);
            simulation.world.state().memory.delete(&target);
        } else {
            simulation.world.state().memory.delete(&target);
        }
        delete(&simulation);
        simulation.pass(seconds(0), |_| {});
        assert!(is_gone(&simulation));
    }
}

#[test]
fn a_route_that_a_user_made_is_theirs_again_although_the_target_is_gone() {
    let mut simulation = simulation(weights(&[50]), good());
    let users = json!({
        "parentRefs": [{"name": "public", "namespace": "edge"}],
        "rules": [{"backendRefs": [{"name": "shop", "port": 80, "weight": 100}]}],
    });
    let route = route(&simulation);
    simulation.user(&route, &json!({ "spec": users }));
    simulation.pass(seconds(30), |_| {});
    simulation.world.state().memory.delete(&deployment(&simulation, "shop"));
    delete(&simulation);
    simulation.pass(seconds(0), |_| {});
    assert!(is_gone(&simulation));
    let left = object(&simulation, &route);
    assert_eq!(left["spec"], users);
    let metadata = &left["metadata"];
    assert_eq!([&metadata["labels"], &metadata["annotations"]], [&json!({}), &json!({})]);
}

#[test]
fn a_canary_that_never_served_goes_at_once() {
    let mut canary = canary(weights(&[50]));
    canary["metadata"]["finalizers"] = json!([FINALIZER]); // the peer's, say
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(1), |_| {});
    delete(&simulation);
    simulation.pass(seconds(0), |_| {});
    assert!(is_gone(&simulation));
    assert_eq!(replicas(&simulation, "shop"), 2);
}

/// A Canary at rest whose route a user made, deleted after its target.
fn last_of_its_app() -> Simulation {
    let canary = canary(weights(&[50]));
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    let rules = json!([{"backendRefs": [{"name": "shop", "port": 80}]}]);
    let users = json!({"spec": {"parentRefs": [{"name": "public", "namespace": "edge"}], "rules": rules}});
    simulation.user(&route(&simulation), &users);
    simulation.pass(seconds(30), |_| {});
    assert!(object(&simulation, &route(&simulation))["metadata"].to_string().contains("sluice.dev/"));
    simulation.world.state().memory.delete(&deployment(&simulation, "shop"));
    delete(&simulation);
    simulation
}

#[test]
fn a_canary_that_goes_after_its_target_leaves_no_mark_on_what_users_made_whenever_we_die() {
    let mut simulation = last_of_its_app();
    // The first write passes, and the process dies before the second one.
    let mut calls = 0;
    simulation.world.state().faults = Box::new(move || {
        calls += 1;
        if calls == 2 { Fault::CrashBefore } else { Fault::None }
    });
    simulation.pass(seconds(1), |_| {});
    assert!(is_gone(&simulation));
    let metadata = object(&simulation, &route(&simulation))["metadata"].clone();
    assert!(!metadata.to_string().contains("sluice.dev/"), "{metadata}");
}

#[test]
fn a_canary_that_goes_after_its_target_does_not_wait_for_a_route_that_nobody_may_write() {
    let mut simulation = last_of_its_app();
    simulation.world.state().unwritable.insert("HTTPRoute".to_owned(), Cause::WriteRefused);
    simulation.pass(seconds(1), |_| {});
    assert!(is_gone(&simulation));
}
