//! The expressions that the peer's questions and answers show, beside ours, on labels as real servers have them. Where the
//! letter of an expression finds nothing or has another unit than its threshold, a test here shows why ours differs.

use super::prometheus::{Series, finds, value};
use super::{names, rendered, sent};
use crate::analysis::{Bounds, Kind, Sample, judge};
use crate::api::{MetricTemplate, Provider, TargetKind};

/// The shape that all success rates there have: a share of one, not percent.
fn share(counter: &str, selector: &str, status: &str) -> String {
    let text = format!(
        "sum(rate({counter}{{{selector},{status}!~\"5.*\"}}[{{{{ interval }}}}])) / sum(rate({counter}{{{selector},}}[{{{{ interval }}}}]))"
    );
    rendered(&text, &names())
}

fn p99_of_envoy() -> String {
    let text = "histogram_quantile(0.99, sum(irate(envoy_cluster_upstream_rq_time_bucket{kubernetes_pod_name=~\"{{ target }}\",kubernetes_namespace=~\"{{ namespace }}\"}[{{ interval }}])) by (le))";
    rendered(text, &names())
}

/// What a canary's requests look like with 199 good ones and 1 bad one a second.
fn requests<'a>(good: &'a [(&'a str, &'a str)], bad: &'a [(&'a str, &'a str)]) -> [Series<'a>; 2] {
    [Series { labels: good, per_second: 199.0 }, Series { labels: bad, per_second: 1.0 }]
}

/// Whether a value passes a success rate of at least 99 %.
fn passes(value: Option<f64>) -> bool {
    let sample = value.map_or(Sample::NoData, Sample::Value);
    judge("request-success-rate", Kind::SuccessRate, Bounds { min: Some(99.0), max: None }, "1m", sample)
        .passed()
}

#[test]
fn istio_a_share_of_one_never_reaches_a_minimum_in_percent_and_ours_is_in_percent() {
    let labels = |code| {
        [
            ("__name__", "istio_requests_total"),
            ("reporter", "destination"),
            ("destination_workload_namespace", "orchard"),
            ("destination_workload", "press"),
            ("response_code", code),
        ]
    };
    let (good, bad) = (labels("200"), labels("503"));
    let series = requests(&good, &bad);
    let letter = share(
        "istio_requests_total",
        "reporter=\"destination\",destination_workload_namespace=~\"{{ namespace }}\",destination_workload=~\"{{ target }}\"",
        "response_code",
    );
    assert_eq!(value(&letter, &series), Some(0.995));
    assert!(!passes(value(&letter, &series)));
    let [ours, _] = sent(Provider::Istio, TargetKind::Deployment, &names());
    assert_eq!(value(&ours, &series), Some(99.5));
    assert!(passes(value(&ours, &series)));
}

#[test]
fn app_mesh_no_pod_has_the_bare_name_of_its_deployment_and_ours_finds_the_pods() {
    let labels = |code| {
        [
            ("__name__", "envoy_cluster_upstream_rq"),
            ("kubernetes_namespace", "orchard"),
            ("kubernetes_pod_name", "press-6f7d9c8b5-x2k4z"),
            ("envoy_response_code", code),
        ]
    };
    let (good, bad) = (labels("200"), labels("500"));
    let series = requests(&good, &bad);
    let letter = share(
        "envoy_cluster_upstream_rq",
        "kubernetes_namespace=\"{{ namespace }}\",kubernetes_pod_name=~\"{{ target }}\"",
        "envoy_response_code",
    );
    assert_eq!(value(&letter, &series), None);
    let [ours, duration] = sent(Provider::AppMeshV1Beta2, TargetKind::Deployment, &names());
    assert_eq!(value(&ours, &series), Some(99.5));
    assert!(!finds(&p99_of_envoy(), &good) && finds(&duration, &good));
}

/// Envoy's series of Contour and Gloo belong to the proxy's pod, and their cluster is named after the canary Service.
fn behind_a_proxy(provider: Provider, cluster: &str, proxy: (&str, &str)) {
    let labels = |code| {
        [
            ("__name__", "envoy_cluster_upstream_rq"),
            ("kubernetes_namespace", proxy.0),
            ("kubernetes_pod_name", proxy.1),
            ("envoy_cluster_name", cluster),
            ("envoy_response_code", code),
        ]
    };
    let (good, bad) = (labels("200"), labels("500"));
    let series = requests(&good, &bad);
    let letter = share(
        "envoy_cluster_upstream_rq",
        "envoy_cluster_name=~\"{{ namespace }}-{{ target }}\"",
        "envoy_response_code",
    );
    assert_eq!(value(&letter, &series), None);
    let [ours, duration] = sent(provider, TargetKind::Deployment, &names());
    assert_eq!(value(&ours, &series), Some(99.5));
    assert!(!finds(&p99_of_envoy(), &good) && finds(&duration, &good));
}

#[test]
fn contour_no_cluster_is_named_namespace_dash_target_and_ours_finds_the_canary_service() {
    behind_a_proxy(Provider::Contour, "orchard_juice-canary_8080", ("projectcontour", "envoy-7k2lp"));
}

#[test]
fn gloo_no_cluster_is_named_namespace_dash_target_and_ours_finds_the_canary_upstream() {
    let cluster = "orchard-juice-canaryupstream-8080_orchard";
    behind_a_proxy(Provider::Gloo, cluster, ("gloo-system", "gateway-proxy-5d8f7c9b6-q4x7m"));
}

#[test]
fn istio_the_duration_there_and_ours_find_the_same_series() {
    let letter = rendered(
        "histogram_quantile(0.99, sum(irate(istio_request_duration_milliseconds_bucket{reporter=\"destination\",destination_workload=~\"{{ target }}\",destination_workload_namespace=~\"{{ namespace }}\"}[{{ interval }}])) by (le))",
        &names(),
    );
    let [_, ours] = sent(Provider::Istio, TargetKind::Deployment, &names());
    for (workload, expected) in [("press", true), ("press-primary", false)] {
        let labels = [
            ("reporter", "destination"),
            ("destination_workload_namespace", "orchard"),
            ("destination_workload", workload),
        ];
        assert_eq!((finds(&letter, &labels), finds(&ours, &labels)), (expected, expected));
    }
}

/// The query of a MetricTemplate that is shipped for Istio as an implementation of the Gateway API.
fn shipped(name: &str) -> String {
    let file = include_str!("../../../../docs/templates/istio-gateway.yaml");
    let templates: Vec<MetricTemplate> =
        file.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect();
    let found =
        templates.into_iter().find(|template| template.metadata.name.as_deref() == Some(name)).unwrap();
    rendered(&found.spec.query, &names())
}

#[test]
fn istio_with_the_gateway_api_is_counted_at_the_source_and_the_shipped_template_asks_there() {
    let labels = |reporter, code| {
        [
            ("__name__", "istio_requests_total"),
            ("reporter", reporter),
            ("destination_workload_namespace", "orchard"),
            ("destination_workload", "press"),
            ("response_code", code),
        ]
    };
    let (good, bad) = (labels("source", "200"), labels("source", "502"));
    let series = requests(&good, &bad);
    let letter = rendered(
        "100 - sum(rate(istio_requests_total{reporter=\"source\",destination_workload_namespace=~\"{{ namespace }}\",destination_workload=~\"{{ target }}\",response_code!~\"5.*\"}[{{ interval }}])) / sum(rate(istio_requests_total{reporter=\"source\",destination_workload_namespace=~\"{{ namespace }}\",destination_workload=~\"{{ target }}\"}[{{ interval }}])) * 100",
        &names(),
    );
    assert_eq!(value(&letter, &series), Some(0.5));
    assert_eq!(value(&shipped("istio-gateway-success-rate"), &series), Some(99.5));
    let [builtin, _] = sent(Provider::Istio, TargetKind::Deployment, &names());
    assert_eq!(value(&builtin, &series), None);
    let duration = shipped("istio-gateway-duration");
    assert!(finds(&duration, &good) && !finds(&duration, &labels("destination", "200")));
}
