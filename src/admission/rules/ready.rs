//! How ready pods have to be, and how long they have to get there.

use serde_json::Value;

use super::{Check, Context, Findings, Manner, Rule, selector};
use crate::admission::problem::Severity;

pub(super) static NOTHING_READY: Rule = Rule {
    id: "SL440",
    severity: Severity::Warning,
    title: "Ready thresholds are shares of pods: at least 1; less counts as 1",
    manner: Manner::Plain,
    check: Check::Canary(nothing_ready),
    cel: &[],
    wrong: "
spec:
  analysis:
    primaryReadyThreshold: 0
",
    right: "
spec:
  analysis:
    primaryReadyThreshold: 50
",
};

pub(super) static SOONER_THAN_READY: Rule = Rule {
    id: "SL441",
    severity: Severity::Warning,
    title: "spec.progressDeadlineSeconds is longer than the target's minReadySeconds",
    manner: Manner::Plain,
    check: Check::Canary(sooner_than_ready),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: app
spec:
  minReadySeconds: 60
---
spec:
  progressDeadlineSeconds: 30
",
    right: "
kind: Deployment
metadata:
  name: app
spec:
  minReadySeconds: 60
---
spec:
  progressDeadlineSeconds: 300
",
};

/// With the peer 0 lets traffic at pods of which none is available; here one in a hundred, so at least one, has to be.
fn nothing_ready(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let thresholds = [
        ("primaryReadyThreshold", analysis.primary_ready_threshold),
        ("canaryReadyThreshold", analysis.canary_ready_threshold),
    ];
    for (field, threshold) in thresholds {
        if let Some(threshold) = threshold.filter(|threshold| *threshold < 1) {
            findings.report(
                format!("spec.analysis.{field}"),
                format!("{threshold} counts as 1, for traffic is never sent where no pod is available"),
                "Write 1 to 100",
            );
        }
    }
}

/// Whether pods start in time is not known; that they do not is, where each of them waits longer than the deadline.
fn sooner_than_ready(context: &Context<'_>, findings: &mut Findings) {
    let Some(deadline) = context.canary.spec.progress_deadline_seconds.filter(|seconds| *seconds > 0) else {
        return;
    };
    let target = selector::workload(context);
    let waits = target.and_then(|target| target.pointer("/spec/minReadySeconds")).and_then(Value::as_i64);
    if let Some(waits) = waits.filter(|waits| *waits >= i64::from(deadline)) {
        findings.report(
            "spec.progressDeadlineSeconds",
            format!("after {deadline} s a revision is taken back, and a pod of the target counts as available after {waits} s only"),
            format!("Write well over {waits}, or leave it out for 600"),
        );
    }
}
