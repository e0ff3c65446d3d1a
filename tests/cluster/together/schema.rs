//! The schema alone, shown to the real API server: the manifests of `tests/schema`, as its README says. They are written to a
//! namespace that the gate stays out of, because it would answer first and with other words.

use std::path::PathBuf;

use crate::install::shared;
use crate::support::{bed, kubectl};

const NAMESPACE: &str = "kube-public";

fn folder(name: &str) -> PathBuf {
    bed::root().join("tests/schema").join(name)
}

/// The manifests of a folder: name of the file and text.
fn manifests(name: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no manifest in tests/schema/{name}");
    found
}

/// What a refused manifest has to be told.
fn expectation<'a>(file: &str, text: &'a str) -> &'a str {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("# expect: ").unwrap_or_else(|| panic!("{file} does not begin with `# expect: `"))
}

/// Shows a whole folder to the API server at once: a process for each of its files would take minutes.
fn dry_run(name: &str, validate: &str) -> (String, String) {
    let path = folder(name);
    let words =
        ["apply", "--dry-run=server", "--output=json", validate, "--filename", path.to_str().unwrap()];
    let outcome = kubectl::within(NAMESPACE, &words);
    (outcome.stdout, outcome.stderr)
}

#[test]
fn valid_manifests_are_accepted_without_an_unknown_field() {
    let Some(_sluice) = shared("valid manifests") else { return };
    let (accepted, refused) = dry_run("valid", "--validate=strict");
    assert!(!refused.contains("rror"), "{refused}");
    let accepted: serde_json::Value = serde_json::from_str(&accepted).unwrap();
    assert_eq!(accepted["items"].as_array().unwrap().len(), manifests("valid").len());
}

#[test]
fn invalid_manifests_are_refused_each_for_its_own_reason() {
    let Some(_sluice) = shared("invalid manifests") else { return };
    let (_, said) = dry_run("invalid", "--validate=strict");
    let mut wrong = Vec::new();
    for (file, text) in manifests("invalid") {
        let expected = expectation(&file, &text);
        let place = format!("invalid/{file}");
        // From the mention of this file to the next one.
        let answer: Vec<&str> = said
            .lines()
            .skip_while(|line| !line.contains(&place))
            .enumerate()
            .take_while(|(number, line)| *number == 0 || !line.contains("tests/schema/invalid/"))
            .map(|(_, line)| line)
            .collect();
        let answer = answer.join("\n");
        if !answer.contains(expected) {
            wrong.push(format!("{file}: expected `{expected}`, got `{answer}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unknown_fields_are_pruned() {
    let Some(_sluice) = shared("unknown fields") else { return };
    let (accepted, said) = dry_run("pruned", "--validate=warn");
    assert!(said.contains("unknown field"), "{said}");
    for line in said.lines().filter(|line| line.contains("unknown field")) {
        let field = line.split('"').nth(1).unwrap_or_default();
        let last = field.rsplit('.').next().unwrap_or_default();
        assert!(!accepted.contains(&format!("\"{last}\":")), "{field} was kept");
    }
}

/// Applies the first document of a file for real, shows the second one, and takes the object away again.
fn change(folder_name: &str, file: &str, text: &str) -> crate::support::command::Outcome {
    let (before, after) =
        text.split_once("\n---\n").unwrap_or_else(|| panic!("{file} has no second document"));
    let read = |text: &str| -> serde_json::Value { serde_saphyr::from_str(text).unwrap() };
    let (before, after) = (read(before), read(after));
    let first = kubectl::write(NAMESPACE, &["apply"], &[&before]);
    assert!(first.success, "{folder_name}/{file}: {}", first.text());
    let second = kubectl::write(NAMESPACE, &["apply", "--dry-run=server"], &[&after]);
    kubectl::write(NAMESPACE, &["delete", "--wait=false"], &[&before]).ok();
    second
}

#[test]
fn changes_that_may_be_are_accepted() {
    let Some(_sluice) = shared("valid changes") else { return };
    for (file, text) in manifests("change-valid") {
        let outcome = change("change-valid", &file, &text);
        assert!(outcome.success, "{file}: {}", outcome.text());
    }
}

#[test]
fn changes_that_may_not_be_are_refused() {
    let Some(_sluice) = shared("invalid changes") else { return };
    for (file, text) in manifests("change-invalid") {
        let expected = expectation(&file, &text);
        let outcome = change("change-invalid", &file, &text);
        assert!(!outcome.success && outcome.stderr.contains(expected), "{file}: {}", outcome.text());
    }
}
