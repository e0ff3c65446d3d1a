//! The workload that serves: only Sluice changes its pod template. Replicas are anybody's, a restart is no change, and whoever
//! has to change it at once says why in an annotation first; the gate then writes down who it was.
//!
//! A refusal rests on a Canary that was read for this very write. Where it is gone, is going, or cannot be read in time, the
//! write passes: the controller puts right what it still owns.

use json_patch::Patch;
use serde_json::{Map, Value};

use super::marks::{ours, restore};
use super::write::{Write, refuse};
use crate::admission::lookup::Lookups;
use crate::admission::problem::{Problem, Severity};
use crate::admission::rules::{Check, Manner, Rule};
use crate::admission::verdict::Verdict;
use crate::api::names::{BREAK_GLASS, BREAK_GLASS_BY, RESTARTED_AT};
use crate::workload::break_glass;

/// The rule about changes of the pod template.
pub static TEMPLATE: Rule = Rule {
    id: "SL601",
    severity: Severity::Error,
    title: "Only Sluice changes the pod template of a primary, unless its annotation sluice.dev/break-glass says why",
    manner: Manner::Plain,
    check: Check::Guard,
    cel: &[],
    wrong: "
status:
  phase: Succeeded
---
kind: Deployment
metadata:
  name: app-primary
  annotations:
    sluice.dev/canary: app
---
kind: Deployment
metadata:
  name: app-primary
  annotations:
    sluice.dev/canary: app
spec:
  template:
    spec:
      containers:
      - name: app
        image: app:2
",
    right: "
status:
  phase: Succeeded
---
kind: Deployment
metadata:
  name: app-primary
  annotations:
    sluice.dev/canary: app
---
kind: Deployment
metadata:
  name: app-primary
  annotations:
    sluice.dev/canary: app
    sluice.dev/break-glass: the release that mends checkout cannot wait for its analysis
spec:
  template:
    spec:
      containers:
      - name: app
        image: app:2
",
};

/// Judges the write to a primary.
pub(super) fn review(write: &Write<'_>, lookups: &Lookups) -> Verdict {
    let mut verdict = Verdict::allow();
    let changes = !same_pods(write.old, write.new);
    let mut annotations = ours(write.old, "annotations");
    let reason = break_glass(write.new);
    match reason {
        Some(reason) => sign(write, reason, changes, &mut annotations),
        None => [BREAK_GLASS, BREAK_GLASS_BY].into_iter().for_each(|key| drop(annotations.remove(key))),
    }
    if changes && reason.is_none() && !refuse(&mut verdict, &write.canary, lookups, problem(write)) {
        return verdict;
    }
    let mut patch = Vec::new();
    restore(write.new, "labels", &ours(write.old, "labels"), &mut patch);
    restore(write.new, "annotations", &annotations, &mut patch);
    verdict.patch = Patch(patch);
    verdict
}

/// Writes down who gave the reason, or made use of it last.
fn sign(write: &Write<'_>, reason: &str, changes: bool, annotations: &mut Map<String, Value>) {
    if changes || break_glass(write.old) != Some(reason) {
        annotations.insert(BREAK_GLASS_BY.to_owned(), write.request.user.clone().into());
    }
    annotations.insert(BREAK_GLASS.to_owned(), reason.into());
}

/// Whether both ask for the same pods; a restart asks for no others.
fn same_pods(old: &Value, new: &Value) -> bool {
    let (old, new) = (old.pointer("/spec/template"), new.pointer("/spec/template"));
    old == new || old.map(without_restart) == new.map(without_restart)
}

fn without_restart(template: &Value) -> Value {
    let mut template = template.clone();
    let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) else { return template };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(RESTARTED_AT);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    template
}

fn problem(write: &Write<'_>) -> Problem {
    let (kind, name, canary) = (&write.request.kind, &write.request.name, &write.canary.name);
    Problem {
        rule: TEMPLATE.id,
        severity: TEMPLATE.severity,
        path: "spec.template".into(),
        message: format!(
            "{kind} {name} serves for Canary {canary}, and only Sluice changes its pod template"
        ),
        fix: format!(
            "Change {kind} {} instead, so that the Canary releases it; if that cannot wait, annotate {name} with \
             {BREAK_GLASS}=\"<why>\", and what you change then stays until the next promotion",
            write.entry.claim.target
        ),
    }
}
