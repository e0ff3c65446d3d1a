//! The manifests of the schema tests: of those that it accepts the gate refuses what Sluice cannot do yet, and little else; of those
//! that it refuses the gate lets none pass.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{World, told};
use crate::admission::rules::{RULES, example};
use crate::admission::{Problem, Severity};

/// What is refused although the schema takes it, each for a reason that its rule gives.
const REFUSED: &[(&str, &[&str])] = &[
    // A metric without a bound passes always, also at 0.1 % success.
    ("canary-all-metrics.yaml", &["SL422"]),
];

/// What is told of manifests that work with the peer although not all of it does what it says: coerced or left out, never refused.
const TOLD: &[(&str, &[&str])] = &[
    ("canary-left-out-conditions.yaml", &["SL306", "SL306", "SL306", "SL306"]),
    ("canary-left-out-fields.yaml", &["SL306", "SL306", "SL306", "SL306", "SL315", "SL315"]),
    (
        "canary-coerced-numbers.yaml",
        &[
            "SL208", "SL213", "SL216", "SL461", "SL401", "SL402", "SL408", "SL410", "SL430", "SL431",
            "SL431", "SL432", "SL451", "SL453", "SL462",
        ],
    ),
    ("canary-kubernetes-steps.yaml", &["SL315", "SL407"]),
    ("canary-skipped-metrics.yaml", &["SL421", "SL422", "SL424"]),
];

/// The manifests are about the schema, so that many of them have no Gateway to hang a route on, or words that another provider has.
const ROUTE: [&str; 2] = ["SL302", "SL303"];

/// The documents of the manifests in a folder, by file name, as they come to the gate.
fn manifests(folder: &str) -> Vec<(String, Vec<Value>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema").join(folder);
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = text.split("\n---\n").map(|document| {
            let mut object: Value = serde_saphyr::from_str(document).unwrap();
            object["metadata"]["namespace"] = json!("shop");
            object
        });
        (path.file_name().unwrap().to_string_lossy().into_owned(), documents.collect())
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

/// Writes a manifest where its target and, perhaps, an earlier version of it are.
fn problems(documents: &[Value]) -> Vec<Problem> {
    let (written, before) = documents.split_last().unwrap();
    let mut target = example::plain("Deployment");
    if let Some(name) = written["spec"]["targetRef"]["name"].as_str() {
        target["metadata"]["name"] = json!(name);
        target["spec"]["selector"]["matchLabels"]["app"] = json!(name);
        target["spec"]["template"]["metadata"]["labels"]["app"] = json!(name);
    }
    World::new(before.iter().cloned().chain([target]).collect()).write(written)
}

/// The rules that refuse for another reason than that Sluice cannot do it yet.
fn refusals(problems: &[Problem]) -> Vec<&'static str> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let mut rules: Vec<&'static str> =
        errors.map(|problem| problem.rule).filter(|rule| !rule.starts_with("SL9")).collect();
    rules.dedup();
    rules
}

#[test]
fn valid_manifests_are_refused_only_for_what_sluice_cannot_do_yet() {
    let expected: BTreeMap<&str, &[&str]> = REFUSED.iter().copied().collect();
    let manifests = manifests("valid");
    assert!(manifests.len() > 40, "only {} manifests were found", manifests.len());
    for (name, documents) in manifests {
        let problems = problems(&documents);
        let mut refused = refusals(&problems);
        refused.retain(|rule| !ROUTE.contains(rule));
        assert_eq!(
            refused,
            expected.get(name.as_str()).copied().unwrap_or_default(),
            "{name}:\n{}",
            told(&problems)
        );
    }
}

#[test]
fn a_manifest_of_a_switcher_is_told_what_is_coerced_or_left_out_and_is_not_refused() {
    let manifests: BTreeMap<String, Vec<Value>> = manifests("valid").into_iter().collect();
    for (name, expected) in TOLD {
        let problems = problems(&manifests[*name]);
        let told: Vec<&str> = problems
            .iter()
            .filter(|problem| !problem.rule.starts_with("SL9"))
            .map(|problem| problem.rule)
            .collect();
        assert_eq!(told, *expected, "{name}:\n{}", super::told(&problems));
        assert_eq!(refusals(&problems), [""; 0], "{name}");
    }
}

/// Nobody meets the API server's words first: what its schema refuses, the gate refuses before, with everything else.
#[test]
fn manifests_that_the_schema_refuses_are_refused_by_the_gate() {
    for folder in ["invalid", "change-invalid"] {
        let passed: Vec<String> = manifests(folder)
            .into_iter()
            .filter(|(_, documents)| {
                let problems = problems(documents);
                refusals(&problems).iter().all(|rule| ROUTE.contains(rule))
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(passed, [""; 0], "{folder}");
    }
}

/// What a manifest that the schema refuses says the API server tells, by file name.
fn expected_words(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema").join(folder);
    let words = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let words = text.lines().next()?.strip_prefix("# expect: ")?.to_owned();
        Some((path.file_name()?.to_string_lossy().into_owned(), words))
    };
    std::fs::read_dir(folder).unwrap().filter_map(words).collect()
}

/// One manifest shows both: the API server refuses it with the words of the backstop (the cluster's test of the schema), and the gate
/// by the rule that the backstop belongs to.
#[test]
fn every_backstop_in_the_schema_agrees_with_its_rule_over_a_manifest() {
    let folders = ["invalid", "change-invalid"];
    let words: BTreeMap<String, String> = folders.iter().flat_map(|folder| expected_words(folder)).collect();
    let told: BTreeMap<String, Vec<&'static str>> = folders
        .iter()
        .flat_map(|folder| manifests(folder))
        .map(|(name, documents)| (name, refusals(&problems(&documents))))
        .collect();
    for rule in RULES {
        for cel in rule.cel {
            let shown = words.iter().filter(|(_, words)| cel.message.contains(words.as_str()));
            let names: Vec<&str> = shown.map(|(name, _)| name.as_str()).collect();
            assert!(!names.is_empty(), "no manifest shows: {}", cel.message);
            for name in names {
                assert!(told[name].contains(&rule.id), "{name} does not break {}: {:?}", rule.id, told[name]);
            }
        }
    }
}

#[test]
fn changes_that_keep_the_apex_name_are_not_taken_for_renames() {
    for (name, documents) in manifests("change-valid") {
        let problems = problems(&documents);
        assert!(!refusals(&problems).contains(&"SL101"), "{name}:\n{}", told(&problems));
    }
}

#[test]
fn every_canary_in_the_document_of_strategies_passes_the_gate_without_a_warning() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/strategies.md")).unwrap();
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 6, "only {} Canaries were found", blocks.len());
    for block in blocks {
        let canary: Value = serde_saphyr::from_str(block).unwrap();
        let mut problems = problems(&[canary]);
        // The target that stands here has another label than name.
        problems.retain(|problem| problem.rule != "SL203");
        assert!(problems.is_empty(), "{block}\n{}", told(&problems));
    }
}
