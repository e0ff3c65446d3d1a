//! What the controller exports; the peer's names where it has them. `docs/operate.md` lists them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use crate::{
    api::{Canary, CanaryKey, CanaryStatus, Phase},
    cluster::Failures,
    rollout::{self, Plan, Reason, Settings},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

type GaugeOf<L> = Family<L, Gauge<f64, AtomicU64>>;

/// A Canary by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByCanary {
    name: String,
    namespace: String,
}

/// A workload by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByWorkload {
    workload: String,
    namespace: String,
}

/// A check of a Canary.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByMetric {
    name: String,
    namespace: String,
    metric: String,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByEnd {
    name: String,
    namespace: String,
    deployment_strategy: &'static str,
    analysis_status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Info {
    version: &'static str,
    mesh_provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByNamespace {
    namespace: String,
}

/// All metrics of the controller.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    total: GaugeOf<ByNamespace>,
    status: GaugeOf<ByCanary>,
    weight: GaugeOf<ByWorkload>,
    analysis: GaugeOf<ByMetric>,
    duration: Family<ByCanary, Histogram>,
    successes: Family<ByEnd, Counter>,
    failures: Family<ByEnd, Counter>,
    reconciles: Family<ByOutcome, Counter>,
    told: Family<ByChannel, Counter>,
    running: Gauge,
    queued: Gauge,
    unwritten: Gauge,
    known: Arc<Mutex<HashMap<CanaryKey, Known>>>,
}

/// Labels that were used for a Canary, to be forgotten with it.
#[derive(Debug, Default)]
struct Known {
    workloads: BTreeSet<String>,
    metrics: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByChannel {
    channel: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

impl Metrics {
    /// Registers everything; `lost` counts the events that the cluster was not told of, `failures` those of watches.
    pub(super) fn new(registry: &mut Registry, provider: &str, lost: &Counter, failures: Failures) -> Self {
        let metrics = Metrics {
            total: Family::default(),
            status: Family::default(),
            weight: Family::default(),
            analysis: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
            successes: Family::default(),
            failures: Family::default(),
            reconciles: Family::default(),
            told: Family::default(),
            running: Gauge::default(),
            queued: Gauge::default(),
            unwritten: Gauge::default(),
            known: Arc::default(),
        };
        let info: Family<Info, Gauge> = Family::default();
        info.get_or_create(&Info { version: env!("CARGO_PKG_VERSION"), mesh_provider: provider.to_owned() })
            .set(1);
        registry.register("flagger_info", "Version and default provider", info);
        registry.register("flagger_canary_total", "Canaries in a namespace", metrics.total.clone());
        registry.register("flagger_canary_status", "0 in a run, 1 at rest, 2 failed", metrics.status.clone());
        registry.register("flagger_canary_weight", "Share of the traffic in percent", metrics.weight.clone());
        registry.register(
            "flagger_canary_metric_analysis",
            "Last value of a check",
            metrics.analysis.clone(),
        );
        registry.register(
            "flagger_canary_duration_seconds",
            "Time that one look at a Canary takes",
            metrics.duration.clone(),
        );
        registry.register("flagger_canary_successes", "Promoted revisions", metrics.successes.clone());
        registry.register(
            "flagger_canary_failures",
            "Revisions that were taken back",
            metrics.failures.clone(),
        );
        registry.register("sluice_reconciles", "Looks at Canaries by outcome", metrics.reconciles.clone());
        registry.register("sluice_rollouts_running", "Rollouts that go on", metrics.running.clone());
        registry.register(
            "sluice_rollouts_queued",
            "Rollouts that wait for their turn",
            metrics.queued.clone(),
        );
        registry.register(
            "sluice_statuses_failing",
            "Canaries whose status cannot be written",
            metrics.unwritten.clone(),
        );
        registry.register(
            "sluice_events_lost",
            "Events of Canaries that the API server did not take",
            lost.clone(),
        );
        registry.register("sluice_watch_failures", "Attempts to watch that failed, by kind", failures);
        registry.register(
            "sluice_told",
            "What people were told, by channel and outcome",
            metrics.told.clone(),
        );
        metrics
    }

    /// Somebody was told something through a channel (`event`, `alert`): `sent`, `failed` or `dropped`.
    pub(super) fn told(&self, channel: &'static str, outcome: &'static str) {
        self.told.get_or_create(&ByChannel { channel, outcome }).inc();
    }

    /// How many rollouts go on, and how many wait for their turn.
    pub(super) fn slots(&self, (running, queued): (usize, usize)) {
        self.running.set(count(running));
        self.queued.set(count(queued));
    }

    /// Of how many Canaries the status cannot be written.
    pub(super) fn unwritten(&self, canaries: usize) {
        self.unwritten.set(count(canaries));
    }

    /// How many Canaries a namespace has.
    pub(super) fn count(&self, namespace: &str, canaries: usize) {
        let labels = ByNamespace { namespace: namespace.to_owned() };
        self.total.get_or_create(&labels).set(canaries as f64);
    }

    /// A look at a Canary ended: `done`, `stale` or `error`.
    pub(super) fn looked(&self, key: &CanaryKey, seconds: f64, outcome: &'static str) {
        self.duration.get_or_create(&by_canary(key)).observe(seconds);
        self.reconciles.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// People were told of something: the end of a run is counted, with how it went.
    pub(super) fn said(&self, canary: &Canary, reason: Reason, settings: &Settings) {
        let (ends, judged) = match reason {
            Reason::Promoted => {
                (&self.successes, !canary.spec.skip_analysis && canary.spec.analysis.is_some())
            }
            // Nothing is taken back that nobody has judged.
            Reason::RolledBack | Reason::PromotionFailed => (&self.failures, true),
            _ => return,
        };
        let CanaryKey { namespace, name } = CanaryKey::from(canary);
        let deployment_strategy = match rollout::plan(canary, settings) {
            Plan::Weights { .. } => "canary",
            Plan::Matched { .. } => "ab-testing",
            Plan::BlueGreen { .. } => "blue-green",
        };
        let analysis_status = if judged { "completed" } else { "skipped" };
        ends.get_or_create(&ByEnd { name, namespace, deployment_strategy, analysis_status }).inc();
    }

    /// What a status says.
    pub(super) fn status(&self, canary: &Canary, status: &CanaryStatus) {
        let key = CanaryKey::from(canary);
        let code = match status.phase {
            Phase::Progressing => 0.0,
            Phase::Failed => 2.0,
            _ => 1.0,
        };
        self.status.get_or_create(&by_canary(&key)).set(code);
        let canary_share = f64::from(status.canary_weight);
        let mut known = self.known();
        let known = known.entry(key.clone()).or_default();
        for (workload, share) in
            [(canary.primary_name(), 100.0 - canary_share), (canary.target_name().to_owned(), canary_share)]
        {
            known.workloads.insert(workload.clone());
            self.weight.get_or_create(&ByWorkload { workload, namespace: key.namespace.clone() }).set(share);
        }
        for check in &status.checks {
            if let Some(value) = check.value {
                let metric = check.name.clone();
                known.metrics.insert(metric.clone());
                let labels = ByMetric { name: key.name.clone(), namespace: key.namespace.clone(), metric };
                self.analysis.get_or_create(&labels).set(value);
            }
        }
    }

    /// A term ends: what this replica last said of Canaries is from now on another one's to say.
    pub(super) fn rest(&self) {
        self.slots((0, 0));
        self.unwritten(0);
        let known: Vec<CanaryKey> = self.known().keys().cloned().collect();
        known.iter().for_each(|key| self.forget(key));
    }

    /// Forgets a deleted Canary.
    pub(super) fn forget(&self, key: &CanaryKey) {
        self.status.remove(&by_canary(key));
        self.duration.remove(&by_canary(key));
        let known = self.known().remove(key).unwrap_or_default();
        for workload in known.workloads {
            self.weight.remove(&ByWorkload { workload, namespace: key.namespace.clone() });
        }
        for metric in known.metrics {
            let labels = ByMetric { name: key.name.clone(), namespace: key.namespace.clone(), metric };
            self.analysis.remove(&labels);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<CanaryKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

fn by_canary(key: &CanaryKey) -> ByCanary {
    ByCanary { name: key.name.clone(), namespace: key.namespace.clone() }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn canary(spec: &Value) -> Canary {
        let mut object = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "app", "namespace": "shop"},
            "spec": {
                "provider": "istio", "service": {"port": 80},
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            },
        });
        object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    fn exported(spec: &Value, reasons: &[Reason]) -> Vec<String> {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry, "kubernetes", &Counter::default(), Failures::default());
        let canary = canary(spec);
        reasons.iter().for_each(|reason| metrics.said(&canary, *reason, &Settings::default()));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let ends = |line: &&str| line.contains("deployment_strategy=");
        text.lines().filter(ends).map(str::to_owned).collect()
    }

    #[test]
    fn w_met_14_w_ops_14_a_canary_has_gauges_also_when_suspended_and_leaves_none_behind_when_it_or_the_term_ends()
     {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry, "kubernetes", &Counter::default(), Failures::default());
        let named = |registry: &Registry| {
            let mut text = String::new();
            encode(&mut text, registry).unwrap();
            text.lines().filter(|line| line.contains("\"shop\"")).count()
        };
        let end = |ending: &dyn Fn(&Metrics, &CanaryKey)| {
            let canary = canary(&json!({"suspend": true}));
            let status = serde_json::from_value(json!({"phase": "Progressing", "canaryWeight": 20,
                "checks": [{"name": "errors", "value": 1.5, "outcome": "Passed", "message": "fine"}]}));
            metrics.status(&canary, &status.unwrap());
            metrics.looked(&CanaryKey::from(&canary), 0.1, "done");
            assert!(named(&registry) > 4);
            ending(&metrics, &CanaryKey::from(&canary));
            assert_eq!(named(&registry), 0);
        };
        end(&|metrics, key| metrics.forget(key));
        end(&|metrics, _| metrics.rest());
    }

    #[rstest]
    #[case::weights(json!({"analysis": {"stepWeight": 10}}), "canary", "completed")]
    #[case::blue_green(json!({"analysis": {"iterations": 3}}), "blue-green", "completed")]
    #[case::no_weights(json!({"provider": "kubernetes", "analysis": {"stepWeight": 10}}), "blue-green", "completed")]
    #[case::a_b(
        json!({"analysis": {"iterations": 3, "match": [{"headers": {"x": {"exact": "y"}}}]}}), "ab-testing", "completed"
    )]
    #[case::skipped(json!({"skipAnalysis": true, "analysis": {"stepWeight": 10}}), "canary", "skipped")]
    fn a_promotion_is_counted_once_by_its_plan(
        #[case] spec: Value,
        #[case] strategy: &str,
        #[case] status: &str,
    ) {
        let expected = format!(
            r#"flagger_canary_successes_total{{name="app",namespace="shop",deployment_strategy="{strategy}",analysis_status="{status}"}} 1"#
        );
        assert_eq!(exported(&spec, &[Reason::Promoting, Reason::Promoted]), [expected]);
    }

    #[rstest]
    #[case::rolled_back(Reason::RolledBack)]
    #[case::promotion_failed(Reason::PromotionFailed)]
    fn a_failure_is_counted_with_its_event_and_never_as_skipped(#[case] reason: Reason) {
        let lines = exported(&json!({"skipAnalysis": true}), &[Reason::CheckFailed, reason]);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.starts_with("flagger_canary_failures_total"), "{line}");
        assert!(line.contains(r#"analysis_status="completed""#) && line.ends_with(" 1"), "{line}");
    }
}
