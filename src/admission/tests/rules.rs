//! Every rule's examples do what they say, and the list is in order.

use std::collections::BTreeSet;

use super::{World, told};
use crate::admission::Problem;
use crate::admission::rules::{RETIRED, RULES, example, find};
use crate::api::crd;

/// Runs an example as its form says.
fn run(text: &str) -> Vec<Problem> {
    if text.contains(example::TOGETHER) {
        // The gate sees one write, so that it has no word for it.
        return example::problems(text).unwrap();
    }
    let mut objects = example::objects(text).unwrap();
    let written = objects.pop().unwrap();
    if !objects.iter().any(|object| matches!(object["kind"].as_str(), Some("Deployment" | "DaemonSet"))) {
        objects.push(example::plain("Deployment"));
    }
    if !objects.iter().any(|object| object["kind"] == "Secret") {
        objects.push(example::plain("Secret"));
    }
    let mut world = World::new(objects);
    world.settings.no_cross_namespace_refs = text.contains("--no-cross-namespace-refs");
    world.answers = !text.contains("does not answer");
    let deletes = text.contains(example::DELETED);
    if deletes || written["kind"] == "Deployment" {
        return world.guarded(&written, deletes);
    }
    world.write(&written)
}

#[test]
fn every_wrong_example_breaks_its_rule_and_no_other_that_sluice_could_serve() {
    for rule in RULES {
        let problems = run(rule.wrong);
        // What an example shows may not be served yet; that is another rule's matter and goes away by itself.
        let ids: BTreeSet<&str> = problems
            .iter()
            .map(|p| p.rule)
            .filter(|id| rule.id.starts_with("SL9") || !id.starts_with("SL9"))
            .collect();
        assert_eq!(ids, BTreeSet::from([rule.id]), "{}:\n{}", rule.id, told(&problems));
        assert!(
            problems.iter().filter(|p| p.rule == rule.id).all(|p| p.severity == rule.severity),
            "{}",
            rule.id
        );
    }
}

#[test]
fn every_right_example_breaks_no_rule() {
    for rule in RULES {
        // What is right of a field that is not served yet is not served yet either.
        let waits: BTreeSet<&str> = run(rule.wrong)
            .iter()
            .map(|p| p.rule)
            .filter(|id| id.starts_with("SL9") && *id != rule.id)
            .collect();
        let mut problems = run(rule.right);
        problems.retain(|problem| !waits.contains(problem.rule));
        assert!(problems.is_empty(), "{}:\n{}", rule.id, told(&problems));
    }
}

/// What `sluice rules` shows.
#[test]
fn every_example_is_judged_without_a_cluster_as_the_gate_judges_it() {
    for text in RULES.iter().flat_map(|rule| [rule.wrong, rule.right]) {
        assert_eq!(example::problems(text).unwrap(), run(text), "{text}");
    }
}

#[test]
fn ids_are_unique_and_in_order_and_titles_are_sentences_without_a_full_stop() {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    for rule in RULES {
        assert_eq!(find(&rule.id.to_lowercase()).map(|found| found.id), Some(rule.id));
        assert!(!rule.title.ends_with('.'), "{}", rule.id);
        assert!(!RETIRED.contains(&rule.id), "{} had another meaning", rule.id);
    }
}

#[test]
fn every_message_stands_alone() {
    let problems: Vec<String> =
        RULES.iter().flat_map(|rule| run(rule.wrong)).map(|p| p.to_string()).collect();
    for problem in &problems {
        assert!(!problem.contains(['\n', '\t']) && !problem.contains(".."), "{problem}");
    }
    insta::assert_snapshot!("messages", problems.join("\n"));
}

/// What holds when the gate is away is told in more words when it is there.
#[test]
fn every_expression_of_the_schema_has_a_rule() {
    let definitions = serde_json::to_value(crd::crds()).unwrap();
    let mut expressions = BTreeSet::new();
    let mut rest = vec![&definitions];
    while let Some(value) = rest.pop() {
        if let Some(list) = value.get("x-kubernetes-validations").and_then(serde_json::Value::as_array) {
            expressions.extend(list.iter().filter_map(|entry| entry["rule"].as_str()));
        }
        rest.extend(value.as_array().into_iter().flatten());
        rest.extend(value.as_object().into_iter().flat_map(|map| map.values()));
    }
    let claimed: BTreeSet<&str> = RULES.iter().flat_map(|rule| rule.cel).map(|cel| cel.rule).collect();
    assert_eq!(claimed, expressions);
}
