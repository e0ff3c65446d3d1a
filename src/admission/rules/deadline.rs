//! Deadlines that nothing can meet.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;

pub(super) static DEADLINE: Rule = Rule {
    id: "SL409",
    severity: Severity::Error,
    title: "spec.progressDeadlineSeconds leaves time to start: at least 1",
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

fn deadline(context: &Context<'_>, findings: &mut Findings) {
    if let Some(seconds) = context.canary.spec.progress_deadline_seconds.filter(|seconds| *seconds <= 0) {
        findings.report(
            "spec.progressDeadlineSeconds",
            format!("with {seconds} every revision is taken back before it can start"),
            "Write at least 1, or leave it out for 600",
        );
    }
}
