//! A deadline that nothing can meet.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;

pub(super) static DEADLINE: Rule = Rule {
    id: "SL409",
    severity: Severity::Warning,
    title: "spec.progressDeadlineSeconds leaves time to start: at least 1; less counts as absent (600)",
    manner: Manner::Plain,
    check: Check::Canary(deadline),
    cel: &[],
    wrong: "
spec:
  progressDeadlineSeconds: 0
",
    right: "
spec:
  progressDeadlineSeconds: 600
",
};

/// With the peer a revision passes that is ready before the first look at it, and all others are taken back.
fn deadline(context: &Context<'_>, findings: &mut Findings) {
    if let Some(seconds) = context.canary.spec.progress_deadline_seconds.filter(|seconds| *seconds <= 0) {
        findings.report(
            "spec.progressDeadlineSeconds",
            format!("in {seconds} s nothing can start, so that it counts as 600"),
            "Write at least 1, or leave it out for 600",
        );
    }
}
