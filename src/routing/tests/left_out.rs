//! Conditions on requests that a route has no words for: it is made without them, and each is named.

use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, traffic};
use crate::api::{Live, Provider};
use crate::routing::{Settings, router};

const SERVED: [Provider; 3] = [Provider::GatewayApiV1, Provider::Contour, Provider::AppMeshV1Beta2];

#[rstest]
#[case::case_of_the_uri(json!({"ignoreUriCase": true}), "ignoreUriCase", &SERVED)]
#[case::authority(json!({"authority": {"exact": "a"}}), "authority", &SERVED)]
#[case::port(json!({"port": 80}), "port", &SERVED)]
#[case::scheme(json!({"scheme": {"exact": "https"}}), "scheme", &SERVED)]
#[case::without_headers(json!({"withoutHeaders": {"x": {"exact": "a"}}}), "withoutHeaders", &SERVED)]
#[case::source_labels(json!({"sourceLabels": {"app": "a"}}), "sourceLabels", &SERVED)]
#[case::source_namespace(json!({"sourceNamespace": "a"}), "sourceNamespace", &SERVED)]
#[case::gateways(json!({"gateways": ["a"]}), "gateways", &SERVED)]
#[case::method(json!({"method": {"exact": "GET"}}), "method", &SERVED[1..2])]
#[case::parameter(json!({"queryParams": {"q": {"exact": "1"}}}), "queryParams", &SERVED[2..])]
fn conditions_that_the_peer_ignores_too_are_left_out_and_named(
    #[case] condition: Value,
    #[case] name: &str,
    #[case] providers: &[Provider],
) {
    for provider in providers {
        let mut with = condition.clone();
        with["uri"] = json!({"prefix": "/a"});
        let made = |wanted: &Value| {
            let mut canary = canary(json!({"match": [{"uri": {"prefix": "/b"}}, wanted]}));
            canary.spec.provider = Some(*provider);
            let router = router(*provider).unwrap();
            let objects = router.render(&canary, &Live::default(), &Settings::default(), &traffic(0));
            (objects.unwrap(), router.left_out(&canary))
        };
        let (objects, left_out) = made(&with);
        let (without, nothing) = made(&json!({"uri": {"prefix": "/a"}}));
        assert_eq!(objects, without, "{provider}");
        assert!(nothing.is_empty(), "{provider}");
        let paths: Vec<&str> = left_out.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [format!("spec.service.match[1].{name}")], "{provider}");
    }
}

/// App Mesh: what is given otherwise than its routes can say it, which the peer ignores.
#[rstest]
#[case::path(json!({"uri": {"exact": "/a"}}), json!({"uri": {"prefix": "/"}}), "uri")]
#[case::method(json!({"method": {"regex": "G.*"}}), json!({"uri": {"prefix": "/"}}), "method")]
#[case::path_of_a_call(json!({"uri": {"prefix": "/a"}}), json!({}), "uri")]
fn a_mesh_matches_more_where_it_lacks_the_way_to_match(
    #[case] wanted: Value,
    #[case] as_good_as: Value,
    #[case] name: &str,
) {
    let port_name = if as_good_as == json!({}) { "grpc" } else { "http" };
    let made = |wanted: &Value| {
        let mut canary = canary(json!({"portName": port_name, "match": [wanted]}));
        canary.spec.provider = Some(Provider::AppMeshV1Beta2);
        let router = router(Provider::AppMeshV1Beta2).unwrap();
        let objects = router.render(&canary, &Live::default(), &Settings::default(), &traffic(0)).unwrap();
        (objects, router.left_out(&canary))
    };
    let ((objects, left_out), (plain, _)) = (made(&wanted), made(&as_good_as));
    assert_eq!(objects, plain);
    let paths: Vec<&str> = left_out.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, [format!("spec.service.match[0].{name}")]);
}

#[test]
fn a_route_of_connections_sees_no_requests_and_says_so() {
    let wanted = json!({"uri": {"prefix": "/"}, "headers": {"x": {"exact": "a"}}, "port": 80});
    let mut canary = canary(json!({"appProtocol": "tcp", "match": [wanted], "gatewayRefs": null}));
    canary.spec.provider = Some(Provider::Istio);
    let router = router(Provider::Istio).unwrap();
    let objects = router.render(&canary, &Live::default(), &Settings::default(), &traffic(0)).unwrap();
    assert_eq!(objects[2]["spec"]["tcp"][0]["match"], json!([{"port": 80}]));
    let paths: Vec<String> = router.left_out(&canary).into_iter().map(|problem| problem.path).collect();
    assert_eq!(paths, ["spec.service.match[0].uri", "spec.service.match[0].headers"]);
}

#[test]
fn istio_leaves_nothing_out_of_requests() {
    let mut canary =
        canary(json!({"match": [{"sourceLabels": {"app": "a"}, "port": 80}], "gatewayRefs": null}));
    canary.spec.provider = Some(Provider::Istio);
    assert!(router(Provider::Istio).unwrap().left_out(&canary).is_empty());
}
