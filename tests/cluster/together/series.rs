//! The queries for a mesh against a real Prometheus. Istio's own proxies are not in the bed, so an exporter speaks the names
//! of their series, with labels as they have them; everything else is real: the query as Sluice plans it, the server, the
//! answer and the verdict.

use serde_json::{Value, json};
use sluice::analysis::{self, Check, Credentials, Outcome, Sample};
use sluice::api::{Canary, MetricTemplate, Provider};
use sluice::providers::{Limits, Providers};

use crate::install::shared;
use crate::support::bed::bed;
use crate::support::space::Space;
use crate::support::{facts, wait};

/// Requests of a workload in one namespace as one reporter counts them: good and bad ones a second, all as slow.
struct Requests {
    reporter: &'static str,
    workload: &'static str,
    good: f64,
    bad: f64,
    /// Upper bound in milliseconds of the bucket that all but one in fifty fall into.
    within: u32,
}

impl Requests {
    fn arguments(&self, namespace: &str) -> Vec<String> {
        let labels = format!(
            "reporter=\"{}\",destination_workload_namespace=\"{namespace}\",destination_workload=\"{}\"",
            self.reporter, self.workload
        );
        let all = self.good + self.bad;
        let bucket = |le: &str, rate: f64| {
            format!("istio_request_duration_milliseconds_bucket{{{labels},le=\"{le}\"}}={rate}")
        };
        let counted = |code: u16, rate: f64| {
            format!("istio_requests_total{{{labels},response_code=\"{code}\"}}={rate}")
        };
        vec![
            counted(200, self.good),
            counted(503, self.bad),
            bucket(&self.within.to_string(), all * 0.98),
            bucket(&(self.within * 2).to_string(), all),
            bucket("+Inf", all),
        ]
    }
}

/// The exporter with these requests.
fn exporter(namespace: &str, requests: &[Requests]) -> Value {
    let text = include_str!("../../testbed/apps/series.yaml");
    let mut app: Value = serde_saphyr::from_str(text).unwrap();
    let arguments: Vec<String> = requests.iter().flat_map(|of| of.arguments(namespace)).collect();
    app["spec"]["template"]["spec"]["containers"][0]["args"] = json!(arguments);
    app
}

/// The templates that are shipped for Istio as an implementation of the Gateway API, here and with the bed's Prometheus.
fn shipped(namespace: &str) -> Vec<MetricTemplate> {
    let text = include_str!("../../../docs/templates/istio-gateway.yaml");
    let templates = text.split("\n---\n").map(|document| {
        let mut template: MetricTemplate = serde_saphyr::from_str(document).unwrap();
        template.metadata.namespace = Some(namespace.to_owned());
        template.spec.provider.address = Some(bed().prometheus().to_owned());
        template
    });
    templates.collect()
}

/// The checks that Sluice makes of a Canary of Istio with these metrics.
fn checks(namespace: &str, metrics: Value) -> Vec<Check> {
    let canary: Canary = serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cider", "namespace": namespace},
        "spec": {
            "provider": "istio",
            "metricsServer": bed().prometheus(),
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "press"},
            "service": {"port": 80},
            "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10, "metrics": metrics},
        },
    }))
    .unwrap();
    let settings = analysis::Settings {
        provider: Provider::Istio,
        metrics_server: String::new(),
        no_cross_namespace_refs: false,
    };
    let templates = shipped(namespace);
    let planned = analysis::plan(&canary, &settings, |_, name| {
        templates.iter().find(|template| template.metadata.name.as_deref() == Some(name))
    });
    planned.into_iter().collect::<Result<_, _>>().unwrap()
}

/// What the bed's Prometheus answers, as a verdict, once it has data.
fn verdict(check: &Check) -> analysis::Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let providers = Providers::new(Limits::default(), |_| true).unwrap();
    let nothing = Credentials::new("", []);
    let sample = wait::until(wait::NOTICED, &format!("data for {}", check.query), || {
        match runtime.block_on(providers.query(check, &nothing)) {
            Ok(Sample::NoData) => Err("no data".to_owned()),
            Ok(sample) => Ok(sample),
            Err(error) => Err(error.to_string()),
        }
    });
    check.judge(sample)
}

#[test]
fn istio_is_measured_at_the_destination_and_with_the_gateway_api_at_the_source() {
    let Some(_sluice) = shared("Istio's series") else { return };
    let space = Space::new("series");
    let namespace = space.namespace.as_str();
    space.apply(&[&exporter(
        namespace,
        &[
            // The canary at its sidecar, its primary beside it, and the same canary as a gateway counts it.
            Requests { reporter: "destination", workload: "press", good: 97.0, bad: 3.0, within: 100 },
            Requests {
                reporter: "destination",
                workload: "press-primary",
                good: 100.0,
                bad: 0.0,
                within: 10,
            },
            Requests { reporter: "source", workload: "press", good: 90.0, bad: 10.0, within: 200 },
        ],
    )]);
    let metrics = json!([
        {"name": "request-success-rate", "interval": "30s", "thresholdRange": {"min": 99}},
        {"name": "request-duration", "interval": "30s", "thresholdRange": {"max": 500}},
        {"name": "at-the-gateway", "interval": "30s", "thresholdRange": {"min": 85},
         "templateRef": {"name": "istio-gateway-success-rate"}},
        {"name": "slow-at-the-gateway", "interval": "30s", "thresholdRange": {"max": 250},
         "templateRef": {"name": "istio-gateway-duration"}},
    ]);
    // The 99th of 100 lies in the middle of the bucket above the 98th.
    let expected = [
        (97.0, Outcome::Failed),
        (150.0, Outcome::Passed),
        (90.0, Outcome::Passed),
        (300.0, Outcome::Failed),
    ];
    let checks = checks(namespace, metrics);
    assert_eq!(checks.len(), expected.len());
    let mut told = Vec::new();
    for (check, (value, outcome)) in checks.iter().zip(expected) {
        let verdict = verdict(check);
        let measured = verdict.value.unwrap();
        assert!((measured - value).abs() <= value / 100.0, "{measured} instead of {value}: {}", check.query);
        assert_eq!(verdict.outcome, outcome, "{}", verdict.message);
        told.push(verdict.message);
    }
    facts::record("Istio's series in a real Prometheus", told);
}
