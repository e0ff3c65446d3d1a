//! Istio's own series, as the sidecar of the pod that answers counts them.

use super::{Builtin, Source, promql};
use crate::api::{Provider, TargetKind};

/// `istio_requests_total` and its histogram of milliseconds.
pub(super) struct Istio;

/// The workload is named exactly: the primary's name begins with the target's, and a name may hold dots.
const CANARY: &str = "reporter=\"destination\",destination_workload_namespace=\"{{ namespace }}\",destination_workload=\"{{ target }}\"";

impl Source for Istio {
    fn serves(&self, provider: Provider) -> bool {
        provider == Provider::Istio
    }

    fn success_rate(&self, _: TargetKind) -> Builtin {
        promql::success_rate("istio_requests_total", "response_code", CANARY)
    }

    fn duration(&self, _: TargetKind) -> Builtin {
        promql::p99("istio_request_duration_milliseconds_bucket", CANARY, 1.0)
    }
}
