use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, render, traffic};
use crate::{
    api::{Canary, Live, Provider},
    routing::{RoutingError, Settings, router},
};

/// The paths of all problems of a Canary, in their order.
fn paths(canary: &Canary) -> Vec<String> {
    match router(Provider::GatewayApiV1).unwrap().render(
        canary,
        &Live::default(),
        &Settings::default(),
        &traffic(0),
    ) {
        Err(RoutingError::Inexpressible { problems, .. }) => {
            problems.into_iter().map(|problem| problem.path).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::no_gateway(json!({"gatewayRefs": []}), "spec.service.gatewayRefs")]
#[case::any_host(json!({"hosts": ["a.example", "*"]}), "spec.service.hosts[1]")]
#[case::upper_case_host(json!({"hosts": ["Cider.example"]}), "spec.service.hosts[0]")]
#[case::host_with_port(json!({"hosts": ["cider.example:80"]}), "spec.service.hosts[0]")]
#[case::empty_uri(json!({"match": [{"uri": {}}]}), "spec.service.match[0].uri")]
#[case::relative_uri(json!({"match": [{"uri": {"prefix": "cider"}}]}), "spec.service.match[0].uri")]
#[case::method_by_prefix(json!({"match": [{"method": {"prefix": "P"}}]}), "spec.service.match[0].method")]
#[case::unknown_method(json!({"match": [{"method": {"exact": "get"}}]}), "spec.service.match[0].method")]
#[case::w_rt_2_header_by_prefix(json!({"match": [{"headers": {"x-v": {"prefix": "v1"}}}]}), "spec.service.match[0].headers[\"x-v\"]")]
#[case::header_without_a_condition(json!({"match": [{"headers": {"x-v": {}}}]}), "spec.service.match[0].headers[\"x-v\"]")]
#[case::parameter_by_prefix(json!({"match": [{"queryParams": {"q": {"prefix": "v1"}}}]}), "spec.service.match[0].queryParams[\"q\"]")]
#[case::timeout_that_is_none(json!({"timeout": "soon"}), "spec.service.timeout")]
#[case::timeout_too_fine(json!({"timeout": "100us"}), "spec.service.timeout")]
#[case::negative_timeout(json!({"timeout": "-1s"}), "spec.service.timeout")]
#[case::attempts_longer_than_the_request(json!({"timeout": "1s", "backendTimeout": "2s"}), "spec.service.backendTimeout")]
#[case::prefix_rewrite_of_every_path_twice(
    json!({"match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}], "rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}}),
    "spec.service.rewrite.type"
)]
#[case::prefix_rewrite_of_an_exact_path(
    json!({"match": [{"uri": {"exact": "/a"}}], "rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}}),
    "spec.service.rewrite.type"
)]
#[case::mirror_to_nowhere(json!({"mirror": [{}]}), "spec.service.mirror[0].backendRef")]
#[case::origin_by_prefix(json!({"corsPolicy": {"allowOrigins": [{"prefix": "https://"}]}}), "spec.service.corsPolicy.allowOrigins[0]")]
#[case::max_age_that_is_none(json!({"corsPolicy": {"maxAge": "long"}}), "spec.service.corsPolicy.maxAge")]
fn what_an_httproute_cannot_say_is_named_and_never_ignored(#[case] service: Value, #[case] path: &str) {
    assert_eq!(paths(&canary(service)), [path]);
}

#[rstest]
#[case::w_rt_1_ab_by_weights_would_send_everything("match", json!([{"headers": {"x": {"exact": "a"}}}]), "spec.analysis.match")]
#[case::affinity("sessionAffinity", json!({"cookieName": "c"}), "spec.analysis.sessionAffinity")]
fn strategies_that_are_not_served_are_refused(#[case] field: &str, #[case] value: Value, #[case] path: &str) {
    let mut canary = json!(canary(json!({})));
    canary["spec"]["analysis"][field] = value;
    assert_eq!(paths(&serde_json::from_value(canary).unwrap()), [path]);
}

#[test]
fn all_problems_are_told_in_one_answer() {
    let wrong = canary(json!({
        "gatewayRefs": [], "hosts": ["*"], "timeout": "soon", "match": [{"uri": {}}, {"method": {"prefix": "P"}}],
    }));
    insta::assert_snapshot!(
        router(Provider::GatewayApiV1)
            .unwrap()
            .render(&wrong, &Live::default(), &Settings::default(), &traffic(0))
            .unwrap_err()
    );
}

#[test]
fn a_canary_without_a_service_is_refused() {
    let mut canary = canary(json!({}));
    canary.spec.service = None;
    assert_eq!(paths(&canary), ["spec.service"]);
}

fn rule(service: Value) -> Value {
    render(&canary(service), &Live::default(), 0)["spec"]["rules"][0].clone()
}

#[rstest]
#[case::regex_first(json!({"regex": "^/a", "exact": "/b", "prefix": "/c"}), "RegularExpression", "^/a")]
#[case::then_exact(json!({"exact": "/b", "prefix": "/c"}), "Exact", "/b")]
#[case::then_prefix(json!({"prefix": "/c"}), "PathPrefix", "/c")]
fn a_path_is_matched_by_what_is_set(#[case] uri: Value, #[case] kind: &str, #[case] value: &str) {
    let matches = &rule(json!({"match": [{"uri": uri}]}))["matches"];
    assert_eq!(*matches, json!([{"path": {"type": kind, "value": value}}]));
}

#[test]
fn an_empty_match_is_left_out() {
    let matches = &rule(json!({"match": [{"name": "all"}, {"uri": {"exact": "/a"}}]}))["matches"];
    assert_eq!(matches.as_array().unwrap().len(), 1);
}

#[rstest]
#[case::seconds("15s", "15s")]
#[case::a_fraction_as_go_writes_it("1.5s", "1s500ms")]
#[case::more_digits_than_a_part_may_have("100000s", "27h46m40s")]
#[case::none_at_all("0", "0s")]
fn time_outs_are_in_the_gateway_apis_own_form(#[case] written: &str, #[case] expected: &str) {
    assert_eq!(rule(json!({"timeout": written}))["timeouts"], json!({"request": expected}));
}

#[test]
fn a_full_path_is_rewritten_unless_the_prefix_is_meant() {
    let filters = &rule(json!({"rewrite": {"uri": "/new"}}))["filters"];
    let path = json!({"type": "ReplaceFullPath", "replaceFullPath": "/new"});
    assert_eq!(*filters, json!([{"type": "URLRewrite", "urlRewrite": {"path": path}}]));
}

#[test]
fn empty_operations_make_no_filter() {
    assert_eq!(
        rule(json!({"headers": {"request": {}}, "rewrite": {}, "corsPolicy": {}})).get("filters"),
        None
    );
}
