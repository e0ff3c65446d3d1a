//! The numbers of the gate, named in one place. They go into a registry without a prefix that the caller owns.

use std::fmt::{self, Write};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Verdict;
use crate::admission::{Endpoint, Mode};
use crate::certs::Facts;

/// Seconds. Around the time-outs of the hot path (1 s) and below.
const BUCKETS: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    endpoint: Endpoint,
    mode: Mode,
    verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    endpoint: Endpoint,
}

impl EncodeLabelValue for Endpoint {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.path())
    }
}

impl EncodeLabelValue for Mode {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

impl EncodeLabelValue for Verdict {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.name())
    }
}

/// Requests and their duration, by endpoint.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<Request, Counter>,
    duration: Family<Place, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Registers `sluice_admission_requests_total` and `sluice_admission_duration_seconds`.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let duration = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        registry.register(
            "sluice_admission_requests",
            "Admission requests by endpoint, mode of the namespace and verdict",
            requests.clone(),
        );
        registry.register(
            "sluice_admission_duration_seconds",
            "Time from the first byte of an admission request to its answer",
            duration.clone(),
        );
        Self { requests, duration }
    }

    /// Counts one request.
    pub fn observe(&self, endpoint: Endpoint, mode: Mode, verdict: Verdict, took: Duration) {
        self.requests.get_or_create(&Request { endpoint, mode, verdict }).inc();
        self.duration.get_or_create(&Place { endpoint }).observe(took.as_secs_f64());
    }
}

/// Registers `sluice_certificate_not_before_seconds` and `sluice_certificate_not_after_seconds` (Unix time), asked of
/// `served` at each scrape; absent while no certificate is served.
pub fn register_certificate(
    registry: &mut Registry,
    served: impl Fn() -> Option<Facts> + Send + Sync + 'static,
) {
    registry.register_collector(Box::new(Certificate(Box::new(served))));
}

struct Certificate(Box<dyn Fn() -> Option<Facts> + Send + Sync>);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl Collector for Certificate {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Some(facts) = (self.0)() else { return Ok(()) };
        for (name, help, at) in [
            (
                "sluice_certificate_not_before_seconds",
                "Unix time from which on the served certificate is valid.",
                facts.not_before,
            ),
            (
                "sluice_certificate_not_after_seconds",
                "Unix time at which the served certificate expires.",
                facts.not_after,
            ),
        ] {
            let gauge = ConstGauge::new(at.as_second());
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
