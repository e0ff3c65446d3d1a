//! One document an object: what only those see who have all manifests before them.

use super::{Check, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::ObjectRef;

pub(super) static COPIES: Rule = Rule {
    id: "SL106",
    severity: Severity::Warning,
    title: "Manifests that are validated together describe an object once",
    manner: Manner::Plain,
    check: Check::Copies(copies),
    cel: &[],
    wrong: "
# validated together
spec:
  analysis:
    threshold: 3
---
spec:
  analysis:
    threshold: 5
",
    right: "
spec:
  analysis:
    threshold: 5
",
};

/// A warning only: a folder may hold the manifests of several clusters.
fn copies(reference: &ObjectRef, count: usize, findings: &mut Findings) {
    findings.report(
        "metadata.name",
        format!("{count} documents describe {reference}, and the one that is applied last wins"),
        "Keep one of them, or validate the manifests of each cluster by themselves",
    );
}
