//! Contour's `HTTPProxy`.

use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, traffic};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider},
    routing::{Acceptance, Change, Route, RoutingError, Settings, Traffic, changes, router},
};

fn render(canary: &Canary, share: i64) -> Result<Object, RoutingError> {
    let contour = router(Provider::Contour).unwrap();
    Ok(contour.render(canary, &Live::default(), &Settings::default(), &traffic(share))?.remove(0))
}

fn read(proxy: Object) -> Route {
    let live = Live::from_iter([(
        ObjectRef::new("projectcontour.io/v1", "HTTPProxy", "orchard", "cider"),
        proxy.into(),
    )]);
    router(Provider::Contour).unwrap().read(&canary(json!({})), &live).unwrap().unwrap()
}

#[test]
fn an_http_proxy_with_everything() {
    let canary = canary(json!({
        "match": [
            {"uri": {"prefix": "/cider"}, "headers": {"x-a": {"exact": "a"}, "x-b": {"prefix": "b.1"}}},
            {"uri": {"exact": "/perry"}, "queryParams": {"q": {"regex": "^1"}}},
        ],
        "timeout": "1m30s",
        "retries": {"attempts": 3, "perTryTimeout": "5s", "retryOn": "gateway-error, reset"},
        "apex": {"labels": {"team": "fruit"}, "annotations": {"orchard/contact": "ada"}},
    }));
    insta::assert_yaml_snapshot!(render(&canary, 20).unwrap());
}

#[test]
fn an_http_proxy_with_nothing_names_the_operators_class() {
    let settings = Settings { ingress_class: Some("inner".to_owned()) };
    let contour = router(Provider::Contour).unwrap();
    let proxy =
        contour.render(&canary(json!({})), &Live::default(), &settings, &traffic(0)).unwrap().remove(0);
    assert_eq!(proxy["spec"]["ingressClassName"], "inner");
    assert_eq!(proxy["spec"]["routes"][0]["conditions"], json!([{"prefix": "/"}]));
    assert_eq!(proxy["spec"].get("virtualhost"), None, "the root HTTPProxy is the user's");
    assert_eq!(render(&canary(json!({})), 0).unwrap()["spec"].get("ingressClassName"), None);
}

#[test]
fn w_rt_14_one_of_several_matches_is_enough_and_a_regex_stays_one() {
    let canary = canary(json!({"match": [
        {"headers": {"x-a": {"regex": "^a+$"}}}, {"headers": {"x-b": {"exact": "b"}}},
    ]}));
    let proxy = render(&canary, 0).unwrap();
    let conditions: Vec<_> =
        proxy["spec"]["routes"].as_array().unwrap().iter().map(|route| &route["conditions"]).collect();
    assert_eq!(
        conditions,
        [
            &json!([{"prefix": "/"}, {"header": {"name": "x-a", "regex": "^a+$"}}]),
            &json!([{"prefix": "/"}, {"header": {"name": "x-b", "exact": "b"}}]),
        ]
    );
}

#[rstest]
#[case::empty_uri(json!({"match": [{"uri": {}}]}), "spec.service.match[0].uri")]
#[case::relative_uri(json!({"match": [{"uri": {"exact": "cider"}}]}), "spec.service.match[0].uri")]
#[case::header_without_condition(json!({"match": [{"headers": {"x": {}}}]}), "spec.service.match[0].headers[\"x\"]")]
#[case::timeout(json!({"timeout": "soon"}), "spec.service.timeout")]
#[case::time_of_a_try(json!({"retries": {"perTryTimeout": "-1s"}}), "spec.service.retries.perTryTimeout")]
#[case::failure(json!({"retries": {"retryOn": "5xx,bad-luck"}}), "spec.service.retries.retryOn")]
fn what_an_http_proxy_cannot_say_is_named(#[case] service: Value, #[case] path: &str) {
    let Err(RoutingError::Inexpressible { problems, .. }) = render(&canary(service), 0) else { panic!() };
    assert_eq!(problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>(), [path]);
}

#[rstest]
#[case::no_tries(json!({"attempts": 0}), json!({"count": -1}))]
#[case::tries(json!({"attempts": 2}), json!({"count": 2}))]
fn zero_attempts_are_none_and_not_the_proxys_default(#[case] retries: Value, #[case] expected: Value) {
    let proxy = render(&canary(json!({ "retries": retries })), 0).unwrap();
    assert_eq!(proxy["spec"]["routes"][0]["retryPolicy"], expected);
}

#[test]
fn a_timeout_of_zero_is_none() {
    let proxy = render(&canary(json!({"timeout": "0s"})), 0).unwrap();
    assert_eq!(proxy["spec"]["routes"][0]["timeoutPolicy"], json!({"response": "infinity"}));
}

fn service(name: &str, weight: i64) -> Value {
    json!({"name": name, "port": 80, "weight": weight})
}

#[rstest]
#[case::w_rt_16_each_by_itself(json!([service("cider-primary", 70), service("cider-canary", 90)]), (70, 90))]
#[case::a_copy_is_no_share(json!([
    service("cider-primary", 70), service("cider-canary", 30), {"name": "tap", "port": 80, "mirror": true},
]), (0, 0))]
#[case::no_weights(json!([{"name": "cider-primary"}, {"name": "cider-canary"}]), (0, 0))]
#[case::others(json!([service("web", 1)]), (0, 0))]
fn weights_are_read_by_name(#[case] services: Value, #[case] expected: (u8, u8)) {
    let route = read(json!({"metadata": {}, "spec": {"routes": [{"services": services}]}}));
    assert_eq!((route.weights.primary.get(), route.weights.canary.get()), expected);
}

#[rstest]
#[case::in_force(json!([{"type": "Valid", "status": "True", "observedGeneration": 3}]), "accepted")]
#[case::nothing_said(json!([]), "pending: Contour has not looked at the last change of the HTTPProxy yet")]
#[case::older_generation(json!([{"type": "Valid", "status": "True", "observedGeneration": 2}]), "pending: Contour has not looked at the last change of the HTTPProxy yet")]
#[case::not_included(
    json!([{"type": "Valid", "status": "False", "observedGeneration": 3, "errors": [{"type": "Orphaned", "reason": "Orphaned", "message": "m"}]}]),
    "pending: no root HTTPProxy includes it; name it in spec.includes of the HTTPProxy with your virtual host"
)]
#[case::services_not_seen_yet(
    json!([{"type": "Valid", "status": "False", "observedGeneration": 3, "errors": [{"type": "ServiceError", "reason": "ServiceUnresolvedReference", "message": "m"}]}]),
    "pending: Contour: ServiceUnresolvedReference: m"
)]
#[case::invalid(
    json!([{"type": "Valid", "status": "False", "observedGeneration": 3, "reason": "ErrorPresent", "message": "look", "errors": [{"type": "RouteError", "reason": "PathMatchConditionsNotValid", "message": "m"}]}]),
    "refused: Contour: PathMatchConditionsNotValid: m"
)]
#[case::invalid_without_errors(
    json!([{"type": "Valid", "status": "False", "observedGeneration": 3, "reason": "Bad", "message": "m"}]),
    "refused: Contour: Bad: m"
)]
fn contour_says_whether_the_proxy_is_in_force(#[case] conditions: Value, #[case] expected: &str) {
    let route = read(json!({"metadata": {"generation": 3}, "status": {"conditions": conditions}}));
    let said = match route.acceptance {
        Acceptance::Accepted => "accepted".to_owned(),
        Acceptance::Pending(why) => format!("pending: {why}"),
        Acceptance::Refused(why) => format!("refused: {why}"),
    };
    assert_eq!(said, expected);
}

#[test]
fn in_an_http_proxy_of_a_user_linkerds_header_follows_the_split() {
    let policy = |host: &str| json!({"set": [{"name": "l5d-dst-override", "value": host}]});
    let mut proxy = json!({
        "apiVersion": "projectcontour.io/v1",
        "kind": "HTTPProxy",
        "metadata": {"name": "cider", "namespace": "orchard", "resourceVersion": "1"},
        "spec": {
            "virtualhost": {"fqdn": "cider.example"},
            "routes": [{"services": [{"name": "cider", "port": 80, "requestHeadersPolicy": policy("cider.orchard.svc.cluster.local:80")}]}],
        },
    });
    let live = Live::from_iter([(ObjectRef::of(&proxy), proxy.clone().into())]);
    let contour = router(Provider::Contour).unwrap();
    let wished =
        changes(contour, &canary(json!({})), &live, &Settings::default(), &Traffic::AT_REST).unwrap();
    let [Change::Patch { patch, .. }] = wished.as_slice() else { panic!("{wished:?}") };
    json_patch::patch(&mut proxy, patch).unwrap();
    assert_eq!(
        proxy["spec"]["routes"][0]["services"],
        json!([
            {"name": "cider-primary", "port": 80, "weight": 0, "requestHeadersPolicy": policy("cider-primary.orchard.svc.cluster.local:80")},
            {"name": "cider-canary", "port": 80, "weight": 0, "requestHeadersPolicy": policy("cider-canary.orchard.svc.cluster.local:80")},
            {"name": "cider", "port": 80, "weight": 100, "requestHeadersPolicy": policy("cider.orchard.svc.cluster.local:80")},
        ])
    );
    assert_eq!(proxy["spec"]["virtualhost"]["fqdn"], "cider.example");
}
