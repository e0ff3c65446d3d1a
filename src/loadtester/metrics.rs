//! What the load tester exports; `docs/operate.md` lists it.

use std::time::Duration;

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEnd {
    end: &'static str,
}

/// All metrics of the load tester.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    requests: Family<ByCode, Counter>,
    seconds: Histogram,
    loads: Family<ByEnd, Counter>,
    running: Gauge,
    open: Gauge,
}

impl Metrics {
    /// Registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Metrics {
            requests: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            loads: Family::default(),
            running: Gauge::default(),
            open: Gauge::default(),
        };
        let requests = "Requests of loads by the status of their answer, or none";
        registry.register("sluice_load_requests", requests, metrics.requests.clone());
        let seconds = "Time from a request of a load to the end of its answer";
        registry.register("sluice_load_seconds", seconds, metrics.seconds.clone());
        registry.register("sluice_loads", "Loads by what came of them", metrics.loads.clone());
        registry.register("sluice_loads_running", "Loads that run", metrics.running.clone());
        registry.register("sluice_gates_open", "Gates that are open", metrics.open.clone());
        metrics
    }

    pub(super) fn answered(&self, status: u16, took: Duration) {
        self.requests.get_or_create(&ByCode { code: status.to_string() }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn unanswered(&self) {
        self.requests.get_or_create(&ByCode { code: "none".to_owned() }).inc();
    }

    pub(super) fn begun(&self) {
        self.running.inc();
    }

    pub(super) fn ended(&self, reached_nobody: bool) {
        self.running.dec();
        let end = if reached_nobody { "unanswered" } else { "answered" };
        self.loads.get_or_create(&ByEnd { end }).inc();
    }

    pub(super) fn refused(&self) {
        self.loads.get_or_create(&ByEnd { end: "refused" }).inc();
    }

    pub(super) fn open(&self, gates: usize) {
        self.open.set(i64::try_from(gates).unwrap_or(i64::MAX));
    }
}
