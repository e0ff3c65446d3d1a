//! The two shapes that all builtin queries have.

use super::Builtin;

/// The requests that did not end with a status of 5xx, in percent of all. `counter` counts requests, `status` is the label
/// that holds the HTTP status, `selector` says which series are the canary's.
pub(super) fn success_rate(counter: &str, status: &str, selector: &str) -> Builtin {
    let rate = |more: &str| format!("sum(rate({counter}{{{selector}{more}}}[{{{{ interval }}}}]))");
    let good = rate(&format!(",{status}!~\"5.*\""));
    Builtin { template: format!("{good} / {} * 100", rate("")), scale: 1.0 }
}

/// The 99th percentile of a histogram. `scale` turns its unit into milliseconds.
pub(super) fn p99(histogram: &str, selector: &str, scale: f64) -> Builtin {
    let buckets = format!("sum(rate({histogram}{{{selector}}}[{{{{ interval }}}}])) by (le)");
    Builtin { template: format!("histogram_quantile(0.99, {buckets})"), scale }
}
