//! Routes as a whole, and the peer's weak points in them.

mod acceptance;
mod conformance;
mod contour;
mod documented;
mod istio;
mod left_out;
mod mapping;
mod shared;
mod table;

pub(crate) use table::given;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    Acceptance, Capabilities, ROUTERS, Route, RoutingError, Settings, Traffic, Weight, Weights, router,
};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider, object_ref::plural},
    workload::{apply, contains},
};

/// A Canary `cider` of namespace `orchard` with the given `spec.service` beside port and gatewayRefs.
fn canary(service: Value) -> Canary {
    let mut whole =
        json!({"name": "cider", "port": 80, "gatewayRefs": [{"name": "edge", "namespace": "gateways"}]});
    for (key, value) in service.as_object().unwrap() {
        whole[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cider", "namespace": "orchard", "uid": "c1de"},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "press"},
            "service": whole,
            "analysis": {"interval": "30s", "threshold": 3, "stepWeight": 20},
        },
    }))
    .unwrap()
}

fn weights(canary: i64) -> Weights {
    Weights::of_canary(Weight::try_from(canary).unwrap())
}

fn traffic(canary: i64) -> Traffic {
    weights(canary).into()
}

fn live(route: Object) -> Live {
    let name = route["metadata"]["name"].as_str().unwrap();
    let reference = ObjectRef::new("gateway.networking.k8s.io/v1", "HTTPRoute", "orchard", name);
    Live::from_iter([(reference, route.into())])
}

fn render(canary: &Canary, live: &Live, share: i64) -> Object {
    let gatewayapi = router(Provider::GatewayApiV1).unwrap();
    gatewayapi.render(canary, live, &Settings::default(), &traffic(share)).unwrap().remove(0)
}

fn read(canary: &Canary, route: Object) -> Route {
    router(Provider::GatewayApiV1).unwrap().read(canary, &live(route)).unwrap().unwrap()
}

fn full() -> Canary {
    canary(json!({
        "hosts": ["cider.orchard.example", "*.press.example"],
        "timeout": "1m30s",
        "backendTimeout": "1.5s",
        "match": [{
            "name": "only-for-logs",
            "uri": {"prefix": "/cider"},
            "method": {"exact": "GET"},
            "headers": {"x-b": {"regex": "^b.*"}, "x-a": {"exact": "a"}},
            "queryParams": {"q": {"exact": "1"}},
        }],
        "headers": {
            "request": {"add": {"x-z": "1", "x-y": "2"}, "set": {"x-x": "3"}, "remove": ["x-gone"]},
            "response": {"set": {"x-from": "orchard"}},
        },
        "rewrite": {"uri": "/", "authority": "press.orchard", "type": "ReplacePrefixMatch"},
        "mirror": [{"backendRef": {"name": "tap", "port": 81}}],
        "corsPolicy": {"allowOrigin": ["https://shop.example"], "allowOrigins": [{"exact": "https://two.example"}],
            "allowMethods": ["GET"], "maxAge": "24h", "allowCredentials": true},
        "apex": {"labels": {"team": "fruit"}, "annotations": {"orchard/contact": "ada"}},
    }))
}

#[test]
fn a_route_with_everything() {
    insta::assert_yaml_snapshot!(render(&full(), &Live::default(), 20));
}

#[test]
fn a_route_with_nothing_but_a_gateway() {
    insta::assert_yaml_snapshot!(render(&canary(json!({})), &Live::default(), 0));
}

#[rstest]
#[case::gateway_api("gatewayapi:v1", Some(true))]
#[case::gateway_api_by_its_older_name("gatewayapi:v1beta1", Some(true))]
#[case::kubernetes("kubernetes", Some(false))]
#[case::istio("istio", Some(true))]
#[case::later("linkerd", None)]
fn providers_have_their_router(#[case] provider: Provider, #[case] weights: Option<bool>) {
    assert_eq!(router(provider).map(|router| router.capabilities().weights), weights);
}

#[test]
fn no_provider_has_two_routers() {
    let mut all: Vec<_> = ROUTERS.iter().flat_map(|router| router.providers()).collect();
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn what_a_router_needs_and_renders_is_of_its_kinds() {
    for router in ROUTERS {
        let rendered =
            router.render(&canary(json!({})), &Live::default(), &Settings::default(), &traffic(0)).unwrap();
        let kinds: Vec<_> = router.kinds().iter().map(|kind| (kind.api_version, kind.kind)).collect();
        let needs = router.needs(&canary(json!({})));
        for reference in needs.iter().cloned().chain(rendered.iter().map(ObjectRef::of)) {
            assert!(kinds.contains(&(reference.api_version.as_str(), reference.kind.as_str())));
            assert!(router.kinds().iter().any(|kind| kind.plural == reference.plural()), "{reference}");
        }
        for kind in router.kinds() {
            assert_eq!(plural(kind.kind), kind.plural);
        }
        assert!(rendered.iter().all(|object| needs.contains(&ObjectRef::of(object))));
    }
}

#[test]
fn kinds_stand_in_the_order_in_which_they_are_written() {
    for router in ROUTERS {
        let live =
            Live::from_iter(documented::around().into_iter().map(|of| (ObjectRef::of(&of), of.into())));
        let rendered = router.render(&canary(json!({})), &live, &Settings::default(), &traffic(0)).unwrap();
        let place =
            |object: &Object| router.kinds().iter().position(|kind| object["kind"] == kind.kind).unwrap();
        assert!(rendered.iter().map(place).is_sorted(), "{rendered:?}");
    }
}

#[test]
fn provider_kubernetes_always_routes_to_the_primary() {
    let kubernetes = router(Provider::Kubernetes).unwrap();
    assert_eq!(kubernetes.capabilities(), Capabilities::default());
    let route = kubernetes.read(&full(), &Live::default()).unwrap();
    assert_eq!(route, Some(Route { weights: Weights::TO_PRIMARY, acceptance: Acceptance::Accepted }));
}

#[test]
fn w_rt_3_rendering_is_the_same_every_time_and_sorted() {
    let one = render(&full(), &Live::default(), 20);
    assert_eq!(one.to_string(), render(&full(), &Live::default(), 20).to_string());
    let headers = one.pointer("/spec/rules/0/matches/0/headers").unwrap();
    assert_eq!((&headers[0]["name"], &headers[1]["name"]), (&json!("x-a"), &json!("x-b")));
}

#[test]
fn w_rt_3_an_edit_of_the_canary_keeps_the_weights() {
    let mut edited = full();
    edited.spec.service.as_mut().unwrap().hosts.pop();
    let before = live(render(&full(), &Live::default(), 40));
    assert_eq!(read(&edited, render(&edited, &before, 40)).weights, weights(40));
}

#[test]
fn there_is_no_route_before_it_is_made() {
    let router = router(Provider::GatewayApiV1).unwrap();
    assert_eq!(router.read(&full(), &Live::default()).unwrap(), None);
}

#[test]
fn w_rt_17_annotations_of_others_are_no_difference() {
    let wished = render(&full(), &Live::default(), 20);
    let mut route = wished.clone();
    route["metadata"]["annotations"]["someone.else/note"] = "x".into();
    assert!(contains(&route, &wished));
}

fn backend(name: &str, weight: Value) -> Value {
    json!({"name": name, "port": 80, "weight": weight})
}

#[rstest]
#[case::as_we_write_it(json!([backend("cider-primary", json!(70)), backend("cider-canary", json!(30))]), (70, 30))]
#[case::by_name_not_by_place(json!([backend("cider-canary", json!(30)), backend("cider-primary", json!(70))]), (70, 30))]
#[case::w_rt_16_never_100_less_the_primary(json!([backend("cider-primary", json!(70)), backend("cider-canary", json!(90))]), (70, 90))]
#[case::default_weight(json!([{"name": "cider-primary"}, {"name": "cider-canary"}]), (1, 1))]
#[case::a_third_backend(json!([backend("cider-primary", json!(70)), backend("cider-canary", json!(30)), backend("tap", json!(5))]), (0, 0))]
#[case::one_backend_twice(json!([backend("cider-primary", json!(50)), backend("cider-primary", json!(50)), backend("cider-canary", json!(0))]), (0, 0))]
#[case::only_the_primary(json!([backend("cider-primary", json!(100))]), (0, 0))]
#[case::others(json!([backend("web", json!(1))]), (0, 0))]
#[case::none(json!([]), (0, 0))]
#[case::out_of_range(json!([backend("cider-primary", json!(700)), backend("cider-canary", json!(300))]), (0, 0))]
#[case::of_another_namespace(json!([
    {"name": "cider-primary", "namespace": "vineyard", "weight": 100}, backend("cider-canary", json!(0)),
]), (0, 0))]
#[case::not_a_service(json!([
    {"name": "cider-primary", "kind": "Bucket", "weight": 100}, backend("cider-canary", json!(0)),
]), (0, 0))]
fn weights_are_read_by_name(#[case] backends: Value, #[case] shares: (i64, i64)) {
    let (primary, share) = shares;
    let route = json!({
        "metadata": {"name": "cider", "namespace": "orchard"},
        "spec": {"rules": [{"backendRefs": backends}]},
    });
    let expected =
        Weights { primary: Weight::try_from(primary).unwrap(), canary: Weight::try_from(share).unwrap() };
    assert_eq!(read(&full(), route).weights, expected);
}

#[rstest]
#[case::no_rules(json!([]))]
#[case::a_rule_of_somebody_else(json!([
    {"backendRefs": [backend("cider-primary", json!(70)), backend("cider-canary", json!(30))]},
    {"backendRefs": [backend("web", json!(1))]},
]))]
#[case::a_rule_without_backends(json!([{"filters": []}]))]
fn a_route_of_another_shape_equals_no_wish_so_it_is_written_anew(#[case] rules: Value) {
    // A rule of somebody else has a place in the route of somebody else only.
    let mut route = render(&full(), &Live::default(), 0);
    route["spec"]["rules"] = rules;
    assert_eq!(read(&full(), route.clone()).weights, Weights::FOREIGN);
    let wished = render(&full(), &live(route.clone()), 0);
    assert!(!contains(&route, &wished));
}

#[test]
fn of_rules_that_differ_the_one_that_gives_the_canary_most_is_read() {
    let mut route = render(&full(), &Live::default(), 0);
    route["spec"]["rules"] = json!([
        {"backendRefs": [backend("cider-primary", json!(100)), backend("cider-canary", json!(0))]},
        {"backendRefs": [backend("cider-primary", json!(70)), backend("cider-canary", json!(30))]},
    ]);
    assert_eq!(read(&full(), route.clone()).weights, weights(30));
    let wished = render(&full(), &live(route.clone()), 0);
    assert!(!contains(&route, &wished), "and it is written anew");
}

#[rstest]
#[case::rules_are_text(json!({"metadata": {"name": "cider"}, "spec": {"rules": "x"}}))]
#[case::a_backend_without_a_name(json!({"metadata": {"name": "cider"}, "spec": {"rules": [{"backendRefs": [{}]}]}}))]
#[case::a_status_without_parent(json!({"metadata": {"name": "cider"}, "status": {"parents": [{}]}}))]
fn w_rt_9_a_malformed_route_is_an_error_that_names_it(#[case] route: Value) {
    let error = router(Provider::GatewayApiV1).unwrap().read(&full(), &live(route)).unwrap_err();
    assert!(matches!(error, RoutingError::Malformed(_)));
    assert!(error.to_string().starts_with("reading HTTPRoute orchard/cider: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(share in 0..=100i64, before in 0..=100i64) {
        let defaults = json!({
            "metadata": {"name": "cider", "namespace": "orchard", "uid": "r-1"},
            "status": {"parents": []},
        });
        let first = apply(&defaults, &render(&full(), &Live::default(), before));
        let wished = render(&full(), &live(first.clone()), share);
        prop_assert_eq!(contains(&first, &wished), share == before);
        let second = apply(&first, &wished);
        prop_assert!(contains(&second, &wished));
        prop_assert_eq!(read(&full(), second).weights, weights(share));
    }
}
