//! What the controller exports; the peer's names where it has them. `docs/operate.md` lists them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use crate::api::{Canary, CanaryKey, CanaryStatus, Phase};
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
    /// Registers everything.
    pub(super) fn new(registry: &mut Registry, provider: &str) -> Self {
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
        let count = |of| i64::try_from(of).unwrap_or(i64::MAX);
        self.running.set(count(running));
        self.queued.set(count(queued));
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

    /// What a status says. The end of a run is counted when the phase has just become one.
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
        let before = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
        if before != status.phase && before != Phase::Unset {
            let ends = match status.phase {
                Phase::Succeeded => &self.successes,
                Phase::Failed => &self.failures,
                _ => return,
            };
            ends.get_or_create(&by_end(canary, &key)).inc();
        }
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

fn by_canary(key: &CanaryKey) -> ByCanary {
    ByCanary { name: key.name.clone(), namespace: key.namespace.clone() }
}

fn by_end(canary: &Canary, key: &CanaryKey) -> ByEnd {
    let analysis = canary.spec.analysis.as_ref();
    let iterates = analysis.is_some_and(|analysis| analysis.iterations.unwrap_or(0) > 0);
    ByEnd {
        name: key.name.clone(),
        namespace: key.namespace.clone(),
        deployment_strategy: if iterates { "blue-green" } else { "canary" },
        analysis_status: if canary.spec.skip_analysis || analysis.is_none() {
            "skipped"
        } else {
            "completed"
        },
    }
}
