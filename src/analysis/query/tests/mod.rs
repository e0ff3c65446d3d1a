//! What the builtin queries say, read by a parser of PromQL, against labels as real servers have them.

mod faq;
mod prometheus;

use std::fmt::Write;

use rstest::rstest;

use super::*;
use crate::analysis::template::{self, Variables};

/// A Canary whose names differ, so that a query that uses the wrong one finds nothing.
fn names() -> Variables {
    Variables {
        name: "cider".into(),
        namespace: "orchard".into(),
        target: "press".into(),
        service: "juice".into(),
        ingress: "press".into(),
        route: "press".into(),
        interval: "1m".into(),
        ..Variables::default()
    }
}

fn rendered(text: &str, names: &Variables) -> String {
    collapse(&template::render(&template::parse(text).unwrap(), names).unwrap())
}

/// The success rate and the duration as they are sent.
fn sent(provider: Provider, target: TargetKind, names: &Variables) -> [String; 2] {
    let source = source(provider).unwrap();
    [source.success_rate(target), source.duration(target)].map(|builtin| rendered(&builtin.template, names))
}

fn finds(provider: Provider, target: TargetKind, names: &Variables, labels: &[(&str, &str)]) -> bool {
    let [success, duration] = sent(provider, target, names).map(|query| prometheus::finds(&query, labels));
    assert_eq!(success, duration, "{provider} measures other requests than it times");
    success
}

#[test]
fn the_texts_ask_for_percent_and_for_the_99th_percentile() {
    let mut texts = String::new();
    for provider in Provider::ALL.iter().filter(|provider| source(**provider).is_some()) {
        let scale = source(*provider).unwrap().duration(TargetKind::Deployment).scale;
        let [success, duration] = sent(*provider, TargetKind::Deployment, &names());
        let _ = write!(texts, "{provider}\n  %            {success}\n  ms = x {scale:<4}  {duration}\n");
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn every_builtin_query_is_promql_and_no_provider_has_two_sources() {
    for provider in Provider::ALL {
        let serving: Vec<_> = SOURCES.iter().filter(|source| source.serves(*provider)).collect();
        assert!(serving.len() <= 1, "{provider} is served twice");
        for (source, target) in
            serving.iter().flat_map(|source| TargetKind::ALL.iter().map(move |target| (source, *target)))
        {
            for builtin in [source.success_rate(target), source.duration(target)] {
                prometheus::expression(&rendered(&builtin.template, &names()));
                assert_eq!(collapse(&builtin.template), builtin.template);
                assert!(builtin.scale > 0.0);
            }
        }
    }
}

#[rstest]
#[case::its_pods("orchard", "press", true)]
#[case::its_primary("orchard", "press-primary", false)]
#[case::another_namespace("meadow", "press", false)]
fn istio_counts_at_the_pod_that_answers(
    #[case] namespace: &str,
    #[case] workload: &str,
    #[case] expected: bool,
) {
    let at = |reporter| {
        [
            ("reporter", reporter),
            ("destination_workload_namespace", namespace),
            ("destination_workload", workload),
            ("response_code", "200"),
        ]
    };
    let found = |reporter| finds(Provider::Istio, TargetKind::Deployment, &names(), &at(reporter));
    assert_eq!(found("destination"), expected);
    assert!(!found("source"));
}

#[rstest]
#[case::canary("orchard_juice-canary_8080", true)]
#[case::primary("orchard_juice-primary_8080", false)]
#[case::apex("orchard_juice_8080", false)]
#[case::another_namespace("meadow_juice-canary_8080", false)]
#[case::the_targets_name("orchard_press-canary_8080", false)]
fn contour_counts_at_the_cluster_of_the_canary_service(#[case] cluster: &str, #[case] expected: bool) {
    let labels = [("envoy_cluster_name", cluster), ("envoy_response_code", "200")];
    assert_eq!(finds(Provider::Contour, TargetKind::Deployment, &names(), &labels), expected);
}

#[rstest]
#[case::canary("orchard-juice-canaryupstream-8080_orchard", true)]
#[case::primary("orchard-juice-primaryupstream-8080_orchard", false)]
#[case::the_same_words_cut_otherwise("orchard-juice-canaryupstream-8080_orchard-juice", false)]
#[case::the_targets_name("orchard-press-canaryupstream-8080_orchard", false)]
fn w_met_7_gloo_counts_at_the_upstream_that_is_named_after_the_service(
    #[case] cluster: &str,
    #[case] expected: bool,
) {
    let labels = [("envoy_cluster_name", cluster), ("envoy_response_code", "200")];
    assert_eq!(finds(Provider::Gloo, TargetKind::Deployment, &names(), &labels), expected);
}

#[rstest]
#[case::canary_pod(TargetKind::Deployment, "press-6f7d9c8b5-x2k4z", true)]
#[case::long_hash(TargetKind::Deployment, "press-6f7d9c8b59-x2k4z", true)]
#[case::cut_by_a_long_name(TargetKind::Deployment, "press-6f7d9c8x2k4z", true)]
#[case::primary_pod(TargetKind::Deployment, "press-primary-6f7d9c8b5-x2k4z", false)]
#[case::stateful_set(TargetKind::Deployment, "press-6f7d9c8b5-0", false)]
#[case::daemon_set_of_a_longer_name(TargetKind::Deployment, "press-agent-x2k4z", false)]
#[case::w_met_1_canary_of_a_daemon_set(TargetKind::DaemonSet, "press-x2k4z", true)]
#[case::w_met_1_primary_of_a_daemon_set(TargetKind::DaemonSet, "press-primary-x2k4z", false)]
#[case::w_met_1_deployment_beside_a_daemon_set(TargetKind::DaemonSet, "press-6f7d9c8b5-x2k4z", false)]
#[case::w_met_1_stateful_set_beside_a_daemon_set(TargetKind::DaemonSet, "press-0", false)]
fn the_targets_own_pods_are_measured(
    #[case] target: TargetKind,
    #[case] pod: &str,
    #[case] expected: bool,
    #[values(Provider::Kubernetes, Provider::GatewayApiV1, Provider::AppMeshV1Beta2)] provider: Provider,
) {
    let labels = [("kubernetes_namespace", "orchard"), ("kubernetes_pod_name", pod), ("status", "200")];
    assert_eq!(finds(provider, target, &names(), &labels), expected);
}

#[test]
fn w_met_8_a_service_as_target_gets_the_queries_of_its_own_provider() {
    for (provider, series) in [
        (Provider::Kubernetes, "http_request_duration_seconds"),
        (Provider::AppMeshV1Beta2, "envoy_cluster_upstream_rq"),
        (Provider::Contour, "envoy_cluster_upstream_rq"),
    ] {
        for query in sent(provider, TargetKind::Service, &names()) {
            assert!(query.contains(series), "{provider}: {query}");
        }
    }
}

#[rstest]
#[case(Provider::Istio, "destination_workload", "press.two", "pressxtwo")]
#[case(Provider::Contour, "envoy_cluster_name", "orchard_juice.two-canary_80", "orchard_juicextwo-canary_80")]
#[case(
    Provider::Gloo,
    "envoy_cluster_name",
    "orchard-juice.two-canaryupstream-80_orchard",
    "orchard-juicextwo-canaryupstream-80_orchard"
)]
#[case(Provider::Kubernetes, "kubernetes_pod_name", "press.two-x2k4z", "pressxtwo-x2k4z")]
#[case(Provider::AppMeshV1Beta2, "kubernetes_pod_name", "press.two-x2k4z", "pressxtwo-x2k4z")]
fn w_met_15_a_dot_in_a_name_matches_only_a_dot(
    #[case] provider: Provider,
    #[case] label: &str,
    #[case] own: &str,
    #[case] foreign: &str,
) {
    let dotted = Variables { target: "press.two".into(), service: "juice.two".into(), ..names() };
    let with = |value| {
        [
            (label, value),
            ("reporter", "destination"),
            ("destination_workload_namespace", "orchard"),
            ("kubernetes_namespace", "orchard"),
        ]
    };
    assert!(finds(provider, TargetKind::DaemonSet, &dotted, &with(own)));
    assert!(!finds(provider, TargetKind::DaemonSet, &dotted, &with(foreign)));
}
