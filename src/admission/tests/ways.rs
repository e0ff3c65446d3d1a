//! Writes to Services and routes by which clients reach a Canary's pods: our part stays, the rest is the writer's.

use json_patch::patch;
use rstest::rstest;
use serde_json::{Value, json};

use super::{OWN, World, call, review};
use crate::admission::rules::example;
use crate::admission::{Endpoint, Verdict};

fn world() -> World {
    let mut canary = example::plain("Canary");
    canary["status"] = json!({"phase": "Progressing"});
    World::new(vec![canary])
}

fn marked(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("shop");
    object["metadata"]["name"] = json!("app");
    object["metadata"]["labels"] = json!({"sluice.dev/managed": "true"});
    object["metadata"]["annotations"] =
        json!({"sluice.dev/canary": "app", "sluice.dev/ports": "80/TCP,9090/TCP"});
    object
}

fn service() -> Value {
    marked(json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {
        "type": "NodePort",
        "selector": {"app": "app-primary"},
        "ports": [
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080},
            {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090, "appProtocol": "http"},
            {"name": "users", "port": 81, "protocol": "TCP", "targetPort": 81},
        ],
    }}))
}

fn route() -> Value {
    marked(
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {}, "spec": {"rules": [
            {"backendRefs": [{"name": "help", "port": 80, "weight": 1}]},
            {"backendRefs": [{"name": "app-primary", "port": 80, "weight": 80}, {"name": "app-canary", "port": 80, "weight": 20}]},
        ]}}),
    )
}

/// What is stored after a write, and what the writer is told. Asks twice, as the API server may.
fn stored(world: &World, user: &str, new: &Value, old: &Value) -> (Value, Verdict) {
    let judge = |new: &Value| {
        let verdict =
            world.judge(&call(Endpoint::RouteMutate, &review(user, new.clone(), Some(old.clone()))));
        assert!(verdict.is_allowed());
        let mut stored = new.clone();
        patch(&mut stored, &verdict.patch.0).unwrap();
        (stored, verdict)
    };
    let (once, verdict) = judge(new);
    assert_eq!(judge(&once).0, once, "a second call changes nothing");
    (once, verdict)
}

fn changed(of: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut object = of.clone();
    change(&mut object);
    object
}

#[test]
fn selector_and_our_ports_stay_and_the_rest_of_a_service_is_the_writers() {
    let new = changed(&service(), |service| {
        service["spec"]["selector"] = json!({"app": "app"});
        service["spec"]["type"] = json!("ClusterIP");
        // One of ours in another form, one of ours left out, the user's own moved, and a new one.
        service["spec"]["ports"] = json!([
            {"name": "web", "port": 80, "protocol": "TCP", "targetPort": 1},
            {"name": "users", "port": 82, "protocol": "TCP", "targetPort": 82},
            {"name": "more", "port": 83, "protocol": "TCP", "targetPort": 83},
        ]);
    });
    let (stored, verdict) = stored(&world(), "ann", &new, &service());
    let expected = changed(&new, |service| {
        service["spec"]["selector"] = json!({"app": "app-primary"});
        service["spec"]["ports"] = json!([
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080},
            {"name": "users", "port": 82, "protocol": "TCP", "targetPort": 82},
            {"name": "more", "port": 83, "protocol": "TCP", "targetPort": 83},
            {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090, "appProtocol": "http"},
        ]);
    });
    assert_eq!(stored, expected);
    let told = "Service app keeps its selector and port 80/TCP, 9090/TCP, by which clients reach what Canary app releases";
    assert_eq!(verdict.changes, [told]);
}

#[test]
fn a_port_of_ours_under_another_number_gets_its_own_back_instead_of_a_twin_of_its_name() {
    let new = changed(&service(), |service| service["spec"]["ports"][0]["port"] = json!(8888));
    assert_eq!(stored(&world(), "ann", &new, &service()).0, service());
}

#[test]
fn the_weights_of_a_route_stay_and_the_rest_of_it_is_the_writers() {
    let new = changed(&route(), |route| {
        route["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!(9);
        route["spec"]["rules"][1]["filters"] = json!([{"type": "URLRewrite"}]);
        // As its owner wrote it before there was a Canary.
        route["spec"]["rules"][1]["backendRefs"] = json!([{"name": "app", "port": 80}]);
        route["metadata"].as_object_mut().unwrap().remove("annotations");
    });
    let (stored, verdict) = stored(&world(), "ann", &new, &route());
    let expected = changed(&new, |new| {
        let mut backends = route()["spec"]["rules"][1]["backendRefs"].clone();
        backends.as_array_mut().unwrap().push(json!({"name": "app", "port": 80, "weight": 0}));
        new["spec"]["rules"][1]["backendRefs"] = backends;
        new["metadata"]["annotations"] = route()["metadata"]["annotations"].clone();
    });
    assert_eq!(stored, expected);
    assert_eq!(
        verdict.changes,
        ["HTTPRoute app keeps the weights of app-primary and app-canary, which Canary app moves"]
    );
}

/// Makes the selector or a weight another's.
fn drift(object: &mut Value) {
    if object["kind"] == "Service" {
        object["spec"]["selector"] = json!({"app": "app"});
    } else {
        object["spec"]["rules"][1]["backendRefs"][0]["weight"] = json!(0);
    }
}

#[rstest]
#[case::our_own_account(OWN, |_: &mut World, _: &mut Value| {})]
#[case::an_unmarked_object("ann", |_: &mut World, old: &mut Value| old["metadata"]["annotations"] = json!({}))]
#[case::a_canary_that_is_gone("ann", |world: &mut World, _: &mut Value| *world = World::new(vec![]))]
#[case::a_canary_that_goes("ann", |world: &mut World, _: &mut Value| {
    world.objects[0]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    *world = World::new(world.objects.clone());
})]
#[case::an_object_that_goes("ann", |_: &mut World, old: &mut Value| old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"))]
fn what_is_not_ours_to_touch_passes(#[case] user: &str, #[case] change: fn(&mut World, &mut Value)) {
    for object in [service(), route()] {
        let (mut world, mut old) = (world(), object);
        change(&mut world, &mut old);
        let new = changed(&old, drift);
        assert_eq!(stored(&world, user, &new, &old), (new.clone(), Verdict::allow()));
    }
}

#[test]
fn a_service_that_is_none_of_the_three_is_its_writers() {
    let rename = |object: &Value| changed(object, |service| service["metadata"]["name"] = json!("other"));
    let (old, new) = (rename(&service()), rename(&changed(&service(), drift)));
    assert_eq!(stored(&world(), "ann", &new, &old), (new.clone(), Verdict::allow()));
}

#[test]
fn a_canary_that_cannot_be_looked_at_lets_a_route_pass_and_says_so() {
    let mut world = world();
    world.answers = false;
    let new = changed(&route(), drift);
    let (stored, verdict) = stored(&world, "ann", &new, &route());
    assert_eq!(stored, new);
    assert!(verdict.notices[0].contains("could not be looked at"), "{:?}", verdict.notices);
}
