//! Whether the target is there. A manifest may come before its workload, so these only warn.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{Canary, ObjectRef, TargetKind};
use crate::workload;

pub(super) static MISSING: Rule = Rule {
    id: "SL201",
    severity: Severity::Warning,
    title: "The target exists; until it does, the Canary waits for it",
    manner: Manner::Plain,
    check: Check::Canary(missing),
    cel: &[],
    wrong: "
spec:
  targetRef:
    name: ap
",
    right: "
spec:
  targetRef:
    name: app
",
};

pub(super) static UNKNOWN: Rule = Rule {
    id: "SL204",
    severity: Severity::Warning,
    title: "The target can be looked at when the Canary is written",
    manner: Manner::Plain,
    check: Check::Canary(unknown),
    cel: &[],
    wrong: "
# the API server does not answer
spec:
  targetRef:
    name: app
",
    right: "
spec:
  targetRef:
    name: app
",
};

pub(super) static IMPOSSIBLE: Rule = Rule {
    id: "SL205",
    severity: Severity::Error,
    title: "The target's pods get a new revision by themselves (a DaemonSet's updateStrategy is not OnDelete)",
    manner: Manner::Plain,
    check: Check::Canary(impossible),
    cel: &[],
    wrong: "
kind: DaemonSet
metadata:
  name: app
spec:
  updateStrategy:
    type: OnDelete
---
spec:
  targetRef:
    kind: DaemonSet
    name: app
",
    right: "
kind: DaemonSet
metadata:
  name: app
spec:
  updateStrategy:
    type: RollingUpdate
---
spec:
  targetRef:
    kind: DaemonSet
    name: app
",
};

/// The target as the API server knows it; none for kinds whose objects rules do not look at.
pub(super) fn reference(canary: &Canary, namespace: &str) -> Option<ObjectRef> {
    let kind = canary.spec.target_ref.kind;
    (kind != TargetKind::Service)
        .then(|| ObjectRef::new("apps/v1", kind.as_str(), namespace, canary.target_name()))
}

/// The outcome of the look at the target.
pub(super) fn look(context: &Context<'_>) -> Option<Lookup> {
    reference(context.canary, &context.key.namespace).map(|reference| context.look(&reference))
}

fn missing(context: &Context<'_>, findings: &mut Findings) {
    if look(context) == Some(Lookup::Missing) {
        let (kind, name) = (context.canary.spec.target_ref.kind, context.canary.target_name());
        findings.report(
            "spec.targetRef.name",
            format!("there is no {kind} {name} in namespace {}", context.key.namespace),
            "Create it, the Canary waits for it, or correct the name",
        );
    }
}

fn unknown(context: &Context<'_>, findings: &mut Findings) {
    if let Some(Lookup::Failed(reason)) = look(context) {
        let (kind, name) = (context.canary.spec.target_ref.kind, context.canary.target_name());
        findings.report(
            "spec.targetRef.name",
            format!("{kind} {name} could not be looked at ({reason}), so its labels were not checked"),
            "Look at the Canary's conditions once it is stored",
        );
    }
}

fn impossible(context: &Context<'_>, findings: &mut Findings) {
    let Some(kind) = workload::kind::of(context.canary.spec.target_ref.kind) else { return };
    if let Some(Lookup::Found(target)) = look(context)
        && let Some(problem) = kind.problem(&target)
    {
        let name = context.canary.target_name();
        findings.report_sentence("spec.targetRef.name", &format!("{} {name}: {problem}", kind.name()));
    }
}
