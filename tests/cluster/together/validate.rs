//! `sluice validate` beside the cluster: what it says of a file is what the gate says when the file is applied.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::install::shared;
use crate::support::bed::bed;
use crate::support::command::{self, Outcome};
use crate::support::space::Space;
use crate::support::{switch, wait};

fn validate(words: &[&str]) -> Outcome {
    let mut command = bed().command(env!("CARGO_BIN_EXE_sluice"));
    command.args(["validate", "--output", "json"]).args(words);
    command::run(&mut command, None, wait::COMMAND)
}

/// The ids in the lines of `kubectl` that are no warnings.
fn refusals(said: &str) -> BTreeSet<String> {
    let lines = said.lines().filter(|line| !line.starts_with("Warning:"));
    let words = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
    words.filter(|word| word.len() == 5 && word.starts_with("SL")).map(str::to_owned).collect()
}

#[test]
fn a_file_is_refused_without_a_cluster_for_what_the_gate_refuses_it() {
    let Some(_sluice) = shared("validate") else { return };
    let space = Space::new("validate");
    for name in ["steps", "fraction", "ambitious"] {
        let path = format!("tests/demo/wrong/{name}.yaml");
        let outcome = validate(&[&path]);
        assert!(!outcome.success, "{}", outcome.text());
        let told: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
        let errors = told.iter().filter(|problem| problem["severity"] == "error");
        let ids: BTreeSet<String> =
            errors.map(|problem| problem["rule"].as_str().unwrap().to_owned()).collect();
        if switch::gate() {
            let applied = space.kubectl(&["apply", "--dry-run=server", "--filename", &path]).refused();
            assert_eq!(ids, refusals(&applied), "{path}:\n{applied}");
        }
    }
    validate(&["tests/plan/services.yaml"]).ok();
}
