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
#[case::w_rt_2_by_prefix(json!([{"headers": {"x": {"prefix": "a"}}}]), "spec.analysis.match[0].headers[\"x\"]")]
#[case::w_rt_2_by_suffix_of_the_second(json!([{"headers": {"x": {"exact": "a"}}}, {"queryParams": {"q": {"prefix": "a"}}}]), "spec.analysis.match[1].queryParams[\"q\"]")]
#[case::w_rt_2_by_source(json!([{"headers": {"x": {"exact": "a"}}, "sourceLabels": {"app": "a"}}]), "spec.analysis.match[0].sourceLabels")]
fn what_cannot_choose_requests_is_told_once_by_its_place(#[case] entries: Value, #[case] path: &str) {
    let mut canary = json!(canary(json!({"match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]})));
    canary["spec"]["analysis"] =
        json!({"interval": "30s", "threshold": 3, "iterations": 2, "match": entries});
    assert_eq!(paths(&serde_json::from_value(canary).unwrap()), [path]);
}

#[test]
fn requests_are_chosen_among_those_that_are_served() {
    let service = json!({"match": [{"uri": {"prefix": "/a"}}, {"headers": {"x": {"exact": "old"}, "y": {"exact": "1"}}}]});
    let mut canary = json!(canary(service));
    let entries = json!([{"headers": {"x": {"exact": "new"}}}, {"queryParams": {"q": {"exact": "1"}}}]);
    canary["spec"]["analysis"] =
        json!({"interval": "30s", "threshold": 3, "iterations": 2, "match": entries});
    let rules =
        render(&serde_json::from_value(canary).unwrap(), &Live::default(), 100)["spec"]["rules"].clone();
    let header = |name: &str, value: &str| json!({"type": "Exact", "name": name, "value": value});
    let path = |path: &str| json!({"type": "PathPrefix", "value": path});
    let parameter = json!([{"type": "Exact", "name": "q", "value": "1"}]);
    let chosen = json!([
        {"path": path("/a"), "headers": [header("x", "new")]},
        // Where both speak of a header, that of the analysis counts.
        {"path": path("/"), "headers": [header("x", "new"), header("y", "1")]},
        {"path": path("/a"), "queryParams": parameter},
        {"path": path("/"), "headers": [header("x", "old"), header("y", "1")], "queryParams": parameter},
    ]);
    assert_eq!(rules[0]["matches"], chosen);
    let all =
        json!([{"path": path("/a")}, {"path": path("/"), "headers": [header("x", "old"), header("y", "1")]}]);
    assert_eq!(rules[1]["matches"], all);
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
