//! Intervals that are coerced, and those that do not fit each other.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::analysis::{DEFAULT_INTERVAL, is_builtin};
use crate::api::Duration;

pub(super) static SHORT: Rule = Rule {
    id: "SL401",
    severity: Severity::Warning,
    title: "spec.analysis.interval is at least 10s; less counts as 10s",
    manner: Manner::Plain,
    check: Check::Canary(short),
    cel: &[],
    wrong: "
spec:
  analysis:
    interval: 1s
",
    right: "
spec:
  analysis:
    interval: 10s
",
};

/// The shortest interval that is kept as written, as with the peer.
pub(super) const SHORTEST: Duration = Duration::from_seconds(10);

pub(super) static METRIC: Rule = Rule {
    id: "SL410",
    severity: Severity::Warning,
    title: "The interval of a metric is at most spec.analysis.interval, so that a check sees requests of its own step only",
    manner: Manner::Plain,
    check: Check::Canary(metric),
    cel: &[],
    wrong: "
spec:
  analysis:
    interval: 30s
    metrics:
      - name: request-duration
        interval: 1m
        thresholdRange:
          max: 500
",
    right: "
spec:
  analysis:
    interval: 30s
    metrics:
      - name: request-duration
        interval: 30s
        thresholdRange:
          max: 500
",
};

fn short(context: &Context<'_>, findings: &mut Findings) {
    let Some(text) = context.analysis().and_then(|analysis| analysis.interval.as_deref()) else { return };
    if text.parse::<Duration>().is_ok_and(|interval| interval < SHORTEST) {
        findings.report(
            "spec.analysis.interval",
            format!("{text} counts as {SHORTEST}"),
            "Write 10s or more",
        );
    }
}

fn metric(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let written = analysis.interval.as_deref().unwrap_or_default();
    let Ok(interval) = written.parse::<Duration>() else { return };
    // The shortest is warned about by the rule above; the run waits that long.
    let interval = interval.max(SHORTEST);
    for (index, metric) in analysis.metrics.iter().enumerate() {
        let (window, told) = match metric.interval.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => (text, format!("it looks {text} back")),
            // Whether another query looks back as far as the default is not known.
            None if is_builtin(&metric.name) => {
                (DEFAULT_INTERVAL, format!("it has none and looks {DEFAULT_INTERVAL} back"))
            }
            None => continue,
        };
        if window.parse::<Duration>().is_ok_and(|window| window > interval) {
            findings.report(
                format!("spec.analysis.metrics[{index}].interval"),
                format!("{told}, further than the {interval} between two checks, and so sees requests of the step before"),
                format!("Write {interval} or less, or raise spec.analysis.interval"),
            );
        }
    }
}
