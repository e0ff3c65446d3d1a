//! From a Canary as it is written to the checks that are run, and from there to sentences.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::{Canary, MetricProviderType, MetricTemplate, Provider};

fn canary(metrics: Value) -> Canary {
    canary_with(metrics, json!({}))
}

fn canary_with(metrics: Value, more: Value) -> Canary {
    let mut canary = json!({
        "metadata": { "name": "shop", "namespace": "prod" },
        "spec": {
            "targetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "service": { "name": "shop-api", "port": 80 },
            "analysis": { "interval": "1m", "threshold": 1, "stepWeight": 10, "metrics": metrics },
        },
    });
    json_patch::merge(&mut canary, &json!({ "spec": more }));
    canary["apiVersion"] = json!("flagger.app/v1beta1");
    canary["kind"] = json!("Canary");
    serde_json::from_value(canary).unwrap()
}

fn template(namespace: &str, spec: Value) -> MetricTemplate {
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate",
        "metadata": { "name": "errors", "namespace": namespace },
        "spec": spec,
    }))
    .unwrap()
}

fn prometheus(namespace: &str, query: &str) -> MetricTemplate {
    template(
        namespace,
        json!({ "provider": { "type": "prometheus", "address": "http://prom:9090" }, "query": query }),
    )
}

fn settings() -> Settings {
    Settings {
        provider: Provider::GatewayApiV1,
        metrics_server: "http://prometheus:9090".into(),
        no_cross_namespace_refs: false,
    }
}

fn planned(canary: &Canary, templates: &[MetricTemplate]) -> Vec<Result<Check, Problem>> {
    planned_with(canary, &settings(), templates)
}

fn planned_with(
    canary: &Canary,
    settings: &Settings,
    templates: &[MetricTemplate],
) -> Vec<Result<Check, Problem>> {
    plan(canary, settings, |namespace, name| {
        templates.iter().find(|template| {
            template.metadata.namespace.as_deref() == Some(namespace)
                && template.metadata.name.as_deref() == Some(name)
        })
    })
}

fn only(mut planned: Vec<Result<Check, Problem>>) -> Result<Check, Problem> {
    assert_eq!(planned.len(), 1, "{planned:?}");
    planned.remove(0)
}

fn refused(planned: Vec<Result<Check, Problem>>) -> (String, String) {
    let problem = only(planned).unwrap_err();
    (problem.path.clone(), problem.to_string())
}

#[test]
fn builtin_metrics_ask_the_default_server_in_percent_and_milliseconds() {
    let metrics = json!([
        { "name": "request-success-rate", "thresholdRange": { "min": 99 }, "interval": "30s" },
        { "name": "request-duration", "thresholdRange": { "max": 500 } },
    ]);
    let checks: Vec<_> = planned(&canary(metrics), &[]).into_iter().map(Result::unwrap).collect();
    let [success, duration] = &checks[..] else { panic!("{checks:?}") };
    assert_eq!(
        (success.kind, success.endpoint.address.as_str()),
        (Kind::SuccessRate, "http://prometheus:9090")
    );
    assert_eq!(success.id.to_string(), "metrics[0].success-rate");
    assert!(
        success.query.contains(r#"kubernetes_namespace="prod",kubernetes_pod_name=~"web-"#),
        "{}",
        success.query
    );
    assert!(success.query.contains("[30s]") && duration.query.contains("[1m]"));
    assert_eq!(
        success.judge(Sample::Value(92.1)).message,
        "request-success-rate 92.10 % is below the minimum 99 %"
    );
    // The histogram is in seconds, the bound in milliseconds.
    assert_eq!(duration.judge(Sample::Value(0.4503)).message, "request-duration 450.30 ms is at most 500 ms");
    assert_eq!(duration.judge(Sample::Value(0.6)).value, Some(600.0));
    assert_eq!(duration.judge(Sample::NoData).outcome, Outcome::NoData);
}

#[test]
fn one_entry_may_give_several_checks_and_templates_come_last() {
    let metrics = json!([
        { "name": "request-success-rate", "threshold": 99, "query": "vector(1)", "templateRef": { "name": "errors" } },
        { "name": "request-duration", "threshold": 500 },
    ]);
    let checks = planned(&canary(metrics), &[prometheus("prod", "up")]);
    let ids: Vec<_> = checks.iter().map(|check| check.as_ref().unwrap().id.to_string()).collect();
    assert_eq!(
        ids,
        ["metrics[0].success-rate", "metrics[0].query", "metrics[1].duration", "metrics[0].template"]
    );
    let sources: Vec<_> = checks.iter().map(|check| check.as_ref().unwrap().source.to_string()).collect();
    let builtin = "builtin query of gatewayapi:v1";
    assert_eq!(sources, [builtin, "query of the Canary", builtin, "MetricTemplate prod/errors"]);
}

#[test]
fn all_names_of_a_canary_reach_its_queries() {
    let query = "{{ name }} {{ namespace }} {{ target }} {{ service }} {{ ingress }} {{ route }} {{ interval }} {{ variables.zone }}";
    let metrics =
        json!([{ "name": "errors", "threshold": 1, "templateVariables": { "zone": "eu" }, "query": query }]);
    let bare = only(planned(&canary(metrics.clone()), &[])).unwrap();
    assert_eq!(bare.query, "shop prod web shop-api web web 1m eu");
    let refs = json!({
        "service": null,
        "metricsServer": "http://other:9090/prefix",
        "ingressRef": { "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "in" },
        "routeRef": { "apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "out" },
    });
    let named = only(planned(&canary_with(metrics, refs), &[])).unwrap();
    assert_eq!(named.query, "shop prod web web in out 1m eu");
    assert_eq!(named.endpoint.address, "http://other:9090/prefix");
}

#[test]
fn a_templates_server_and_headers_are_used_and_headers_are_not_printed() {
    let spec = json!({
        "provider": { "type": "prometheus", "address": "https://prom", "headers": { "X-Scope": ["hush"] }, "insecureSkipVerify": true },
        "query": "sum(\n  up\n)",
    });
    let metrics = json!([{ "name": "errors", "templateRef": { "name": "errors", "namespace": "metrics" }, "threshold": 1 }]);
    let check = only(planned(&canary(metrics), &[template("metrics", spec)])).unwrap();
    assert_eq!((check.provider, check.query.as_str()), (MetricProviderType::Prometheus, "sum( up )"));
    assert_eq!(check.endpoint.headers["X-Scope"], ["hush"]);
    assert!(check.endpoint.insecure);
    assert!(!format!("{check:?}").contains("hush"));
}

#[test]
fn the_secret_of_a_template_is_the_one_beside_it_and_only_its_name_is_planned() {
    let spec = json!({
        "provider": { "type": "prometheus", "address": "https://prom", "secretRef": { "name": "login" } }, "query": "up",
    });
    let metrics = json!([{ "name": "errors", "templateRef": { "name": "errors", "namespace": "metrics" }, "threshold": 1 }]);
    let check = only(planned(&canary(metrics), &[template("metrics", spec)])).unwrap();
    assert_eq!(check.endpoint.secret.unwrap().to_string(), "Secret metrics/login");
}

#[test]
fn w_met_5_a_template_without_interval_gets_the_default_one() {
    let metrics = json!([{ "name": "errors", "templateRef": { "name": "errors" }, "threshold": 1 }]);
    let check = only(planned(&canary(metrics), &[prometheus("prod", "rate(x[{{ interval }}])")])).unwrap();
    assert_eq!(check.query, "rate(x[1m])");
}

#[test]
fn w_met_12_a_query_that_does_not_render_is_told_and_never_sent_empty() {
    let wrong = json!([{ "name": "errors", "threshold": 1, "query": "x{{ variables.nope }}" }]);
    let (path, message) = refused(planned(&canary(wrong), &[]));
    assert_eq!(path, "spec.analysis.metrics[0].query");
    insta::assert_snapshot!(message, @"errors cannot be checked: the query is wrong at line 1, column 14: the variable 'nope' is not set; add it under templateVariables of the metric (none are set)");
    let empty =
        json!([{ "name": "errors", "threshold": 1, "query": "{{ if eq namespace \"test\" }}up{{ end }}" }]);
    insta::assert_snapshot!(refused(planned(&canary(empty), &[])).1, @"errors cannot be checked: the query is empty once rendered; let every branch of the template ask something");
}

#[test]
fn w_ctl_1_a_template_of_another_namespace_is_refused_when_it_is_used() {
    let strict = Settings { no_cross_namespace_refs: true, ..settings() };
    let foreign = json!([{ "name": "errors", "threshold": 1, "templateRef": { "name": "errors", "namespace": "secret" } }]);
    let templates = [prometheus("secret", "up"), prometheus("prod", "up")];
    assert!(only(planned(&canary(foreign.clone()), &templates)).is_ok());
    let (path, message) = refused(planned_with(&canary(foreign), &strict, &templates));
    assert_eq!(path, "spec.analysis.metrics[0].templateRef");
    insta::assert_snapshot!(message, @"errors cannot be checked: MetricTemplate secret/errors is in another namespace, which --no-cross-namespace-refs forbids; copy it next to the Canary");
    for own in [
        json!({ "name": "errors" }),
        json!({ "name": "errors", "namespace": "" }),
        json!({ "name": "errors", "namespace": "prod" }),
    ] {
        let metrics = json!([{ "name": "errors", "threshold": 1, "templateRef": own }]);
        assert!(only(planned_with(&canary(metrics), &strict, &templates)).is_ok());
    }
}

#[rstest]
#[case::unknown_name(json!({ "name": "errors", "threshold": 1 }), "", "the name is no builtin metric")]
#[case::no_bound(json!({ "name": "request-success-rate" }), ".thresholdRange", "set thresholdRange.min, for example 99")]
#[case::missing_template(json!({ "name": "e", "threshold": 1, "templateRef": { "name": "nope" } }), ".templateRef", "MetricTemplate prod/nope does not exist; create it")]
#[case::wrong_interval(json!({ "name": "request-duration", "threshold": 1, "interval": "10seconds" }), ".interval", "the interval '10seconds' is no window")]
#[case::wrong_template(json!({ "name": "e", "threshold": 1, "templateRef": { "name": "errors", "namespace": "broken" } }), ".templateRef", "the query of MetricTemplate broken/errors is wrong at line 1, column 1: this '{{' is never closed")]
#[case::other_provider(json!({ "name": "e", "threshold": 1, "templateRef": { "name": "errors", "namespace": "datadog" } }), ".templateRef", "the provider of MetricTemplate datadog/errors cannot be asked: datadog answers nobody without credentials; set provider.secretRef to a Secret with 'datadog_api_key' and 'datadog_application_key'")]
#[case::unknown_provider(json!({ "name": "e", "threshold": 1, "templateRef": { "name": "errors", "namespace": "keptn" } }), ".templateRef", "metric provider keptn is not supported yet; use prometheus, datadog, cloudwatch, newrelic or graphite")]
#[case::no_address(json!({ "name": "e", "threshold": 1, "templateRef": { "name": "errors", "namespace": "nowhere" } }), ".templateRef", "prometheus has no address of its own; set provider.address")]
fn what_cannot_be_checked_is_told_with_its_place_and_the_way_out(
    #[case] metric: Value,
    #[case] field: &str,
    #[case] part: &str,
) {
    let templates = [
        prometheus("broken", "{{ up"),
        template("datadog", json!({ "provider": { "type": "datadog" }, "query": "up" })),
        template("keptn", json!({ "provider": { "type": "keptn" }, "query": "up" })),
        template("nowhere", json!({ "provider": { "type": "prometheus" }, "query": "up" })),
    ];
    let problem = only(planned(&canary(json!([metric])), &templates)).unwrap_err();
    assert_eq!(problem.path, format!("spec.analysis.metrics[0]{field}"));
    assert!(problem.to_string().contains(part), "{problem}");
    let verdict = Verdict::from(&problem);
    assert!(!verdict.passed() && verdict.message == problem.to_string());
}

#[test]
fn only_what_may_still_come_is_no_contradiction() {
    let missing = json!([{ "name": "e", "threshold": 1, "templateRef": { "name": "nope" } }]);
    assert!(!only(planned(&canary(missing), &[])).unwrap_err().is_contradiction());
    let builtin = canary(json!([{ "name": "request-duration", "threshold": 1 }]));
    let lonely = Settings { metrics_server: String::new(), ..settings() };
    let problem = only(planned_with(&builtin, &lonely, &[])).unwrap_err();
    assert!(!problem.is_contradiction() && problem.to_string().contains("set spec.metricsServer"));
    assert!(
        only(planned(&canary(json!([{ "name": "e", "threshold": 1 }])), &[])).unwrap_err().is_contradiction()
    );
}

#[test]
fn a_provider_without_a_source_says_so_and_can_still_be_asked_by_query() {
    let kuma = json!({ "provider": "kuma" });
    let builtin = canary_with(json!([{ "name": "request-duration", "threshold": 1 }]), kuma.clone());
    assert!(refused(planned(&builtin, &[])).1.contains("the provider kuma has no builtin metrics yet"));
    let own = canary_with(json!([{ "name": "errors", "threshold": 1, "query": "up" }]), kuma);
    assert!(only(planned(&own, &[])).is_ok());
}

#[rstest]
#[case("ftp://prom", "ftp://prom")]
#[case("prom:9090", "prom:9090")]
#[case("http://", "http://")]
#[case("user:hush@prom", "prom")]
fn an_address_that_is_no_url_is_told_without_credentials(#[case] address: &str, #[case] shown: &str) {
    let metrics = json!([{ "name": "errors", "threshold": 1, "query": "up" }]);
    let canary = canary_with(metrics, json!({ "metricsServer": address }));
    let (_, message) = refused(planned(&canary, &[]));
    assert!(
        message.contains(&format!("the address '{shown}' is no URL")) && !message.contains("hush"),
        "{message}"
    );
}

#[test]
fn a_canary_without_metrics_needs_no_check() {
    assert!(planned(&canary(json!([])), &[]).is_empty());
    assert!(planned(&Canary::default(), &[]).is_empty());
}
