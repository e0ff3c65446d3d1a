//! Metrics that the application itself exports (`http_request_duration_seconds`), for providers whose data plane
//! tells us nothing: `kubernetes` and the Gateway API.

use super::{Builtin, Source};
use crate::api::{Provider, TargetKind};

/// The application's own request histogram.
pub(super) struct Http;

/// What Kubernetes makes the generated parts of a pod's name from: no vowels and nothing that looks like one, so
/// hardly a word fits.
const GENERATED: &str = "[bcdfghjklmnpqrstvwxz2456789]";

impl Source for Http {
    fn serves(&self, provider: Provider) -> bool {
        matches!(provider, Provider::Kubernetes | Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1)
    }

    fn success_rate(&self, target: TargetKind) -> Builtin {
        let pods = pods(target);
        let rate = |more: &str| {
            format!("sum(rate(http_request_duration_seconds_count{{{pods}{more}}}[{{{{ interval }}}}]))")
        };
        Builtin { template: format!("{} / {} * 100", rate(",status!~\"5.*\""), rate("")), scale: 1.0 }
    }

    fn duration(&self, target: TargetKind) -> Builtin {
        let pods = pods(target);
        let buckets =
            format!("sum(rate(http_request_duration_seconds_bucket{{{pods}}}[{{{{ interval }}}}])) by (le)");
        Builtin { template: format!("histogram_quantile(0.99, {buckets})"), scale: 1000.0 }
    }
}

/// Selects the target's own pods and not the primary's. A Deployment's pods are named `<target>-<template hash>-<5>`,
/// a DaemonSet's `<target>-<5>`.
/// Kubernetes cuts what stands before the last five characters at 58, so with a long target the second dash is gone.
fn pods(target: TargetKind) -> String {
    let name = match target {
        TargetKind::DaemonSet => format!("-{GENERATED}{{5}}"),
        TargetKind::Deployment | TargetKind::Service => format!("-{GENERATED}{{5,10}}-?{GENERATED}{{5}}"),
    };
    format!(
        "kubernetes_namespace=\"{{{{ namespace }}}}\",kubernetes_pod_name=~\"{{{{ target | literal }}}}{name}\""
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::analysis::template::{self, Variables};

    fn rendered(builtin: Builtin, target: &str) -> String {
        let variables = Variables {
            namespace: "prod".into(),
            target: target.into(),
            interval: "1m".into(),
            ..Variables::default()
        };
        template::render(&template::parse(&builtin.template).unwrap(), &variables).unwrap()
    }

    #[test]
    fn the_texts_ask_for_percent_and_for_the_99th_percentile_in_seconds() {
        insta::assert_snapshot!(rendered(Http.success_rate(TargetKind::Deployment), "shop"), @r#"sum(rate(http_request_duration_seconds_count{kubernetes_namespace="prod",kubernetes_pod_name=~"shop-[bcdfghjklmnpqrstvwxz2456789]{5,10}-?[bcdfghjklmnpqrstvwxz2456789]{5}",status!~"5.*"}[1m])) / sum(rate(http_request_duration_seconds_count{kubernetes_namespace="prod",kubernetes_pod_name=~"shop-[bcdfghjklmnpqrstvwxz2456789]{5,10}-?[bcdfghjklmnpqrstvwxz2456789]{5}"}[1m])) * 100"#);
        insta::assert_snapshot!(rendered(Http.duration(TargetKind::DaemonSet), "shop"), @r#"histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{kubernetes_namespace="prod",kubernetes_pod_name=~"shop-[bcdfghjklmnpqrstvwxz2456789]{5}"}[1m])) by (le))"#);
    }

    fn matches(kind: TargetKind, target: &str, pod: &str) -> bool {
        let query = rendered(Http.duration(kind), target);
        let (_, rest) = query.split_once("kubernetes_pod_name=~\"").unwrap();
        let (pattern, _) = rest.split_once('"').unwrap();
        regex::Regex::new(&format!("^(?:{})$", pattern.replace(r"\\", r"\"))).unwrap().is_match(pod)
    }

    #[rstest]
    #[case::canary_pod(TargetKind::Deployment, "shop-6f7d9c8b5-x2k4z", true)]
    #[case::long_hash(TargetKind::Deployment, "shop-6f7d9c8b59-x2k4z", true)]
    #[case::cut_by_a_long_name(TargetKind::Deployment, "shop-6f7d9c8x2k4z", true)]
    #[case::primary_pod(TargetKind::Deployment, "shop-primary-6f7d9c8b5-x2k4z", false)]
    #[case::stateful_set(TargetKind::Deployment, "shop-6f7d9c8b5-0", false)]
    #[case::daemon_set_of_a_longer_name(TargetKind::Deployment, "shop-agent-x2k4z", false)]
    fn a_deployments_own_pods_are_measured(
        #[case] kind: TargetKind,
        #[case] pod: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(matches(kind, "shop", pod), expected);
    }

    #[rstest]
    #[case::canary_pod("shop-x2k4z", true)]
    #[case::primary_pod("shop-primary-x2k4z", false)]
    #[case::deployment_pod("shop-6f7d9c8b5-x2k4z", false)]
    #[case::stateful_set("shop-0", false)]
    fn w_met_1_a_daemon_sets_canary_is_measured_and_not_its_primary(
        #[case] pod: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(matches(TargetKind::DaemonSet, "shop", pod), expected);
    }

    #[test]
    fn w_met_15_a_dot_in_the_targets_name_matches_only_a_dot() {
        assert!(matches(TargetKind::DaemonSet, "shop.web", "shop.web-x2k4z"));
        assert!(!matches(TargetKind::DaemonSet, "shop.web", "shopxweb-x2k4z"));
    }
}
