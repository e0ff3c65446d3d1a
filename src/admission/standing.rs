//! The problems of a Canary as it is stored: the same rules, asked by the controller, for the gate may have been away.

use serde_json::Value;

use super::{
    catalog::Catalog,
    examine::{Scene, yield_to_better},
    lookup::Lookups,
    problem::{Problem, Severity},
    rules::{self, Context, Findings},
};
use crate::{
    api::{Canary, CanaryKey, ObjectRef},
    rollout::Settings,
};

/// The objects that the rules want to see beside a stored Canary.
pub fn needs(canary: &Canary, settings: &Settings) -> Vec<ObjectRef> {
    let namespace = canary.namespace_name();
    let templates = rules::template_references(canary, &namespace, !settings.no_cross_namespace_refs);
    rules::target_reference(canary, &namespace).into_iter().chain(templates).collect()
}

/// The problems for which nobody may act on a Canary. Of two rivals only the younger one has a problem.
pub fn problems(
    object: &Value,
    canary: &Canary,
    catalog: &Catalog,
    settings: &Settings,
    lookups: &Lookups,
) -> Vec<Problem> {
    let key = CanaryKey::from(canary);
    let mut findings = Findings::default();
    findings.check_json("Canary", object);
    findings.check_canary(&Context { canary, old: None, key: &key, lookups, catalog, settings });
    let mut problems = findings.problems;
    yield_to_better(&mut problems);
    let oldest = catalog.older_rivals(&key).is_empty();
    problems.retain(|problem| problem.severity == Severity::Error);
    rules::order::sort(&mut problems);
    problems.retain(|problem| !(oldest && rules::OWNERSHIP.contains(&problem.rule)));
    problems
}

/// The problems of a Canary that cannot be read: why that is so, and what the rules say of the rest of it.
pub fn unreadable(object: &Value, key: &CanaryKey, catalog: &Catalog, settings: &Settings) -> Vec<Problem> {
    let lookups = Lookups::new();
    let scene = Scene { kind: "Canary", key, catalog, settings, lookups: &lookups };
    let mut problems = scene.check(object, None).problems;
    yield_to_better(&mut problems);
    problems.retain(|problem| problem.severity == Severity::Error);
    problems
}
