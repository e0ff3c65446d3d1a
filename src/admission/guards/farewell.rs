//! The deletion of a Canary: who serves afterwards. Its primary goes with it, while its target rests without a pod.

use serde::Deserialize;

use super::write::goes;
use crate::admission::problem::{Problem, Severity};
use crate::admission::review::{Operation, Request};
use crate::admission::rules::{Check, Manner, Rule};
use crate::admission::verdict::Verdict;
use crate::api::{Canary, Phase, names};

/// The rule about Canaries that leave nobody who serves.
pub static NOBODY_SERVES: Rule = Rule {
    id: "SL605",
    severity: Severity::Warning,
    title: "When a Canary is deleted somebody serves: its target has pods, or its finalizer waits until it has some",
    manner: Manner::Plain,
    check: Check::Guard,
    cel: &[],
    wrong: "
# kubectl delete
status:
  phase: Succeeded
",
    right: "
# kubectl delete
metadata:
  finalizers: [finalizer.flagger.app]
status:
  phase: Succeeded
",
};

/// Judges the deletion of a Canary; it is never refused.
pub fn review(request: &Request) -> Verdict {
    let mut verdict = Verdict::allow();
    let old = request.old_object.as_ref().filter(|old| request.operation == Operation::Delete && !goes(old));
    // One that cannot be read was never initialised.
    let Some(canary) = old.and_then(|old| Canary::deserialize(old).ok()) else { return verdict };
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let rests = matches!(phase, Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting);
    // Without ours: somebody has taken it away, or the Canary is still the peer's.
    let waits = canary.metadata.finalizers.iter().flatten().any(|name| name == names::FINALIZER);
    if rests && !waits {
        let (kind, target) = (canary.spec.target_ref.kind, canary.target_name());
        verdict.problems.push(Problem {
            rule: NOBODY_SERVES.id,
            severity: NOBODY_SERVES.severity,
            path: "metadata.name".into(),
            message: format!(
                "{kind} {} serves and goes with its Canary, while {kind} {target} rests",
                canary.primary_name()
            ),
            fix: format!("Let {target} run, and lead its clients to it"),
        });
    }
    verdict
}
