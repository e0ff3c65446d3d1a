//! Objects that a user made: what we change in them, and what never.

use json_patch::Patch;
use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, traffic, weights};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider},
    routing::{Change, Settings, Weights, changes, held, router},
};

/// A route as users write it: a rule of the apex between rules of others.
fn users() -> Object {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": "cider", "namespace": "orchard", "resourceVersion": "7", "uid": "u",
            "annotations": {"someone.else/note": "keep"},
        },
        "spec": {
            "parentRefs": [{"name": "edge", "namespace": "gateways"}],
            "rules": [
                {"matches": [{"path": {"value": "/shop"}}], "backendRefs": [{"name": "shop", "port": 80}]},
                {
                    "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}],
                    "backendRefs": [{"name": "cider", "port": 8080, "filters": []}],
                },
                {"matches": [{"path": {"value": "/next"}}], "backendRefs": [{"name": "cider-canary", "port": 80}]},
            ],
        },
    })
}

fn live(route: Object) -> Live {
    Live::from_iter([(ObjectRef::of(&route), route.into())])
}

fn wish(canary: &Canary, route: &Object, weights: Weights) -> Result<Vec<Change>, String> {
    let gatewayapi = router(Provider::GatewayApiV1).unwrap();
    changes(gatewayapi, canary, &live(route.clone()), &Settings::default(), &weights.into())
        .map_err(|e| e.to_string())
}

/// The object after the changes; the API server gives it another version.
fn carried_out(canary: &Canary, route: &Object, share: i64) -> Object {
    let mut after = route.clone();
    for change in wish(canary, route, weights(share)).unwrap() {
        let Change::Patch { reference, patch } = change else { panic!("{change:?}") };
        assert_eq!(reference, ObjectRef::of(route));
        json_patch::patch(&mut after, &patch).unwrap();
    }
    after
}

#[test]
fn w_rt_18_in_a_route_of_a_user_only_the_backends_of_the_apex_change() {
    let canary = canary(json!({}));
    let after = carried_out(&canary, &users(), 20);
    let mut expected = users();
    expected["spec"]["rules"][1]["backendRefs"] = json!([
        {"name": "cider-primary", "port": 8080, "filters": [], "weight": 80},
        {"name": "cider-canary", "port": 8080, "filters": [], "weight": 20},
        {"name": "cider", "port": 8080, "filters": [], "weight": 0},
    ]);
    expected["metadata"]["labels"] = json!({"sluice.dev/managed": "true"});
    expected["metadata"]["annotations"]["sluice.dev/canary"] = json!("cider");
    assert_eq!(after, expected);
    let router = router(Provider::GatewayApiV1).unwrap();
    assert_eq!(router.read(&canary, &live(after.clone())).unwrap().unwrap().weights, weights(20));
    assert_eq!(wish(&canary, &after, weights(20)), Ok(vec![]), "what is as wished is not written");
}

#[test]
fn a_route_that_is_taken_over_goes_on_by_the_apex_until_proxies_know_primary_and_canary() {
    let canary = canary(json!({}));
    let weights_of = |route: &Object| -> Vec<Value> {
        let backends = route["spec"]["rules"][1]["backendRefs"].as_array().unwrap();
        backends.iter().map(|backend| json!([backend["name"], backend["weight"]])).collect()
    };
    let taken = carried_out(&canary, &users(), 0);
    let places = [json!(["cider-primary", 0]), json!(["cider-canary", 0]), json!(["cider", 100])];
    assert_eq!(weights_of(&taken), places, "what no proxy knows yet gets requests");
    let router = router(Provider::GatewayApiV1).unwrap();
    assert_eq!(router.read(&canary, &live(taken.clone())).unwrap().unwrap().weights, weights(0));
    assert_eq!(wish(&canary, &taken, weights(0)), Ok(vec![]), "the apex means the primary");
    let at_20 = carried_out(&canary, &taken, 20);
    let places = [json!(["cider-primary", 80]), json!(["cider-canary", 20]), json!(["cider", 0])];
    assert_eq!(weights_of(&at_20), places);
    let back = carried_out(&canary, &at_20, 0);
    assert_eq!(weights_of(&back)[0], json!(["cider-primary", 100]));
    // Whoever applies it as it was finds all three known.
    let mut again = users();
    json_patch::patch(&mut again, &Patch(held(router, &canary, &taken, &users()))).unwrap();
    assert_eq!(weights_of(&again), weights_of(&back));
}

#[test]
fn a_shared_route_is_changed_weight_by_weight_and_its_drift_is_seen() {
    let canary = canary(json!({}));
    let at_20 = carried_out(&canary, &users(), 20);
    let at_60 = carried_out(&canary, &at_20, 60);
    assert_eq!(at_60["spec"]["rules"][1]["backendRefs"][1]["weight"], 60);
    assert_eq!(carried_out(&canary, &at_60, 20), at_20);
    let mut drifted = at_20.clone();
    drifted["spec"]["rules"][1]["backendRefs"][0]["weight"] = json!(0);
    assert_eq!(carried_out(&canary, &drifted, 20), at_20);
    // Its owner applies the route again as it is written.
    let mut again = at_20.clone();
    again["spec"] = users()["spec"].clone();
    assert_eq!(carried_out(&canary, &again, 20), at_20);
    let router = router(Provider::GatewayApiV1).unwrap();
    let read = router.read(&canary, &live(again)).unwrap().unwrap();
    assert_eq!(read.weights, Weights::FOREIGN, "it is told that the split is gone");
}

#[rstest]
#[case::another_version("/metadata/resourceVersion", json!("8"))]
#[case::another_rule_in_its_place("/spec/rules/1/backendRefs/0/name", json!("pear"))]
fn a_patch_is_void_when_the_object_has_moved(#[case] place: &str, #[case] value: Value) {
    let wished = wish(&canary(json!({})), &users(), weights(20)).unwrap();
    let [Change::Patch { patch, .. }] = wished.as_slice() else { panic!("{wished:?}") };
    let mut moved = users();
    *moved.pointer_mut(place).unwrap() = value;
    assert!(json_patch::patch(&mut moved, patch).is_err());
}

#[rstest]
#[case::no_rule_of_ours(
    json!([{"backendRefs": [{"name": "shop"}]}]),
    "HTTPRoute orchard/cider cannot be the route: it is not this Canary's, and no rule of it leads to Service cider alone; \
     add one, or delete the object so that Sluice makes its own"
)]
#[case::no_rules(
    json!([]),
    "HTTPRoute orchard/cider cannot be the route: it exists and is not this Canary's; delete or rename it, so that Sluice \
     can make its own"
)]
#[case::with_others(
    json!([{"backendRefs": [{"name": "cider", "weight": 1}, {"name": "shop", "weight": 1}]}]),
    "HTTPRoute orchard/cider cannot be the route: its rule at /spec/rules/0/backendRefs leads to Service cider and to others; \
     give the Service a rule of its own"
)]
fn a_route_of_a_user_that_does_not_lead_to_us_stays_as_it_is(#[case] rules: Value, #[case] why: &str) {
    let mut route = users();
    route["spec"]["rules"] = rules;
    assert_eq!(wish(&canary(json!({})), &route, weights(0)), Err(why.to_owned()));
}

#[test]
fn a_route_of_another_canary_stays_as_it_is() {
    let mut route = users();
    route["metadata"]["annotations"]["sluice.dev/canary"] = json!("perry");
    let why = wish(&canary(json!({})), &route, weights(0)).unwrap_err();
    assert!(why.contains("it belongs to Canary perry; name another service"), "{why}");
}

#[test]
fn a_route_of_ours_is_applied_whole() {
    let canary = canary(json!({}));
    let gatewayapi = router(Provider::GatewayApiV1).unwrap();
    let own =
        gatewayapi.render(&canary, &Live::default(), &Settings::default(), &traffic(20)).unwrap().remove(0);
    let mut drifted = own.clone();
    drifted["spec"]["rules"] = json!([]);
    assert_eq!(wish(&canary, &drifted, weights(20)), Ok(vec![Change::Apply(own)]));
}

/// The route after somebody wrote `new` over `old` and the gate kept the weights.
fn kept(old: &Object, new: &Object) -> Object {
    let mut after = new.clone();
    let edits = held(router(Provider::GatewayApiV1).unwrap(), &canary(json!({})), old, new);
    json_patch::patch(&mut after, &json_patch::Patch(edits)).unwrap();
    after
}

#[test]
fn a_user_who_applies_a_route_again_takes_no_step_back_and_may_move_its_other_rules() {
    let canary = canary(json!({}));
    let at_20 = carried_out(&canary, &users(), 20);
    let mut again = users();
    let rules = again["spec"]["rules"].as_array_mut().unwrap();
    rules.insert(
        0,
        json!({"matches": [{"path": {"value": "/new"}}], "backendRefs": [{"name": "new", "port": 80}]}),
    );
    let after = kept(&at_20, &again);
    let split = at_20["spec"]["rules"][1]["backendRefs"].clone();
    let mut expected = again.clone();
    expected["spec"]["rules"][2]["backendRefs"] = split;
    assert_eq!(after, expected);
}

#[test]
fn rules_with_weights_of_their_own_keep_them_place_by_place_and_only_as_long_as_the_places_are_clear() {
    let split = |share: i64| json!([{"name": "cider-primary", "port": 80, "weight": 100 - share}, {"name": "cider-canary", "port": 80, "weight": share}]);
    let route = |shares: &[i64]| {
        let mut route = users();
        let rules: Vec<Value> = shares.iter().map(|share| json!({"backendRefs": split(*share)})).collect();
        route["spec"]["rules"] = rules.into();
        route
    };
    assert_eq!(kept(&route(&[100, 0]), &route(&[50, 50])), route(&[100, 0]));
    assert_eq!(kept(&route(&[100, 0]), &route(&[50, 50, 50])), route(&[50, 50, 50]));
}

#[test]
fn a_route_that_led_nowhere_near_us_is_left_as_it_is_written() {
    assert_eq!(kept(&json!({}), &users()), users());
    let mut mixed = users();
    mixed["spec"]["rules"] =
        json!([{"backendRefs": [{"name": "cider", "weight": 1}, {"name": "shop", "weight": 1}]}]);
    assert_eq!(kept(&carried_out(&canary(json!({})), &users(), 20), &mixed), mixed);
}
