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

#[test]
fn istio_leaves_nothing_out() {
    let mut canary =
        canary(json!({"match": [{"sourceLabels": {"app": "a"}, "port": 80}], "gatewayRefs": null}));
    canary.spec.provider = Some(Provider::Istio);
    assert!(router(Provider::Istio).unwrap().left_out(&canary).is_empty());
}
