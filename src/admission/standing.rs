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
    findings.check_canary(&Context {
        canary,
        old: None,
        key: &key,
        lookups,
        catalog,
        settings,
        stored: true,
        memo: rules::Memo::default(),
    });
    standing(findings.problems)
}

/// The problems of a Canary that cannot be read: why that is so, and what the rules say of the rest of it.
pub fn unreadable(object: &Value, key: &CanaryKey, catalog: &Catalog, settings: &Settings) -> Vec<Problem> {
    let lookups = Lookups::new();
    let scene = Scene { kind: "Canary", key, catalog, settings, lookups: &lookups, stored: true };
    standing(scene.check(object, None).problems)
}

/// Those that stand in the way, the worst first.
fn standing(mut problems: Vec<Problem>) -> Vec<Problem> {
    yield_to_better(&mut problems);
    problems.retain(|problem| problem.severity == Severity::Error);
    rules::order::sort(&mut problems);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::rules::example;

    fn canary(name: &str) -> Value {
        let mut canary = example::plain("Canary");
        json_patch::merge(
            &mut canary,
            &serde_json::json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"service": {"name": name}}}),
        );
        canary
    }

    #[test]
    fn a_canary_that_cannot_be_read_is_told_its_own_faults_the_worst_first_and_nothing_of_a_younger_rival() {
        let mut catalog = Catalog::default();
        catalog.apply(&serde_json::from_value(canary("younger")).unwrap());
        let mut broken = canary("older");
        broken["spec"]["analysis"]["interval"] = "10seconds".into();
        broken["spec"]["analysis"]["stepWeight"] = serde_json::json!(-2.5);
        broken["spec"]["service"]["gatewayRefs"] = serde_json::json!([]);
        let key = CanaryKey::new("shop", "older");
        let problems = unreadable(&broken, &key, &catalog, &Settings::default());
        let rules: Vec<&str> = problems.iter().map(|problem| problem.rule).collect();
        assert_eq!(rules.first(), Some(&"SL302"), "{problems:?}");
        assert!(rules.contains(&"SL001") && rules.contains(&"SL002"), "{problems:?}");
        assert!(!rules.contains(&"SL102"), "{problems:?}");
    }
}
