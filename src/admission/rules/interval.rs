//! Intervals that are coerced.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::Duration;

pub(super) static SHORT: Rule = Rule {
    id: "SL401",
    severity: Severity::Warning,
    title: "spec.analysis.interval is at least 10s; less counts as 10s",
    manner: Manner::Plain,
    check: Check::Canary(check),
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
const SHORTEST: Duration = Duration::from_seconds(10);

fn check(context: &Context<'_>, findings: &mut Findings) {
    let Some(text) = context.analysis().and_then(|analysis| analysis.interval.as_deref()) else { return };
    if text.parse::<Duration>().is_ok_and(|interval| interval < SHORTEST) {
        findings.report(
            "spec.analysis.interval",
            format!("{text} counts as {SHORTEST}"),
            "Write 10s or more",
        );
    }
}
