//! Metrics that the application itself exports (`http_request_duration_seconds`), for providers whose data plane
//! tells us nothing: `kubernetes` and the Gateway API.

use super::{Builtin, Source, pods, promql};
use crate::api::{Provider, TargetKind};

/// The application's own request histogram.
pub(super) struct Http;

impl Source for Http {
    fn serves(&self, provider: Provider) -> bool {
        matches!(provider, Provider::Kubernetes | Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1)
    }

    fn success_rate(&self, target: TargetKind) -> Builtin {
        promql::success_rate("http_request_duration_seconds_count", "status", &pods::selector(target))
    }

    fn duration(&self, target: TargetKind) -> Builtin {
        promql::p99("http_request_duration_seconds_bucket", &pods::selector(target), 1000.0)
    }
}
