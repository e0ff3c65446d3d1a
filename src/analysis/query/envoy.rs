//! Envoy's own series, which count requests to the clusters behind it. Who routes decides by which label the canary's are
//! found; the histogram is in milliseconds.

use super::{Builtin, promql};

/// Requests that did not fail, in percent.
pub(super) fn success_rate(selector: &str) -> Builtin {
    promql::success_rate("envoy_cluster_upstream_rq", "envoy_response_code", selector)
}

/// How long requests took.
pub(super) fn duration(selector: &str) -> Builtin {
    promql::p99("envoy_cluster_upstream_rq_time_bucket", selector, 1.0)
}
