//! The forms of the answer, its exit codes, and that it says what the gate says.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use rstest::rstest;
use serde_json::{Value, json};

use super::{report::Report, *};
use crate::{
    admission::{Call, Catalog, Endpoint, Gate, Lookup, Mode, Severity},
    api::ObjectRef,
    cli::manifests::Manifest,
    rollout::Settings,
};

/// The report on files, named from the root of the repository.
fn report(paths: &[&str], complete: bool) -> Report {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    Report::of(manifests::read_all(&paths, "shop"), &Settings::default(), complete)
}

#[test]
fn people_read_a_line_a_problem_and_a_way_out() {
    insta::assert_snapshot!(text::of(&report(&["tests/validate"], false), false, false));
}

#[test]
fn programs_read_a_list_of_problems() {
    insta::assert_snapshot!(json::of(&report(&["tests/validate"], false)).unwrap());
}

#[test]
fn github_reads_workflow_commands() {
    insta::assert_snapshot!(github::of(&report(&["tests/validate"], false)));
}

#[test]
fn code_scanning_reads_sarif() {
    let version = format!("\"semanticVersion\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let shown = sarif::of(&report(&["tests/validate"], false));
    insta::assert_snapshot!(shown.replace(&version, "\"semanticVersion\": \"VERSION\""));
}

#[test]
fn a_screen_gets_colours_and_the_same_words() {
    let report = report(&["tests/validate"], false);
    let (plain, coloured) = (text::of(&report, false, false), text::of(&report, false, true));
    let codes = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert!(codes.is_match(&coloured) && !codes.is_match(&plain));
    assert_eq!(codes.replace_all(&coloured, ""), plain);
}

#[rstest]
#[case::nothing_wrong(&["tests/plan/services.yaml"], 0)]
#[case::a_missing_file(&["tests/validate/none.yaml"], 2)]
#[case::refused(&["tests/validate/shop/twins.json"], 1)]
#[case::unreadable(&["tests/validate/shop/unreadable.yaml"], 2)]
#[case::unreadable_and_refused(&["tests/validate"], 2)]
fn the_exit_code_says_the_worst(#[case] paths: &[&str], #[case] code: u8) {
    let report = report(paths, false);
    assert_eq!(report.code(false), code, "{}", text::of(&report, false, false));
}

/// A Canary that only warns, in a file of its own.
fn warned() -> (tempfile::TempDir, Report) {
    let mut manifests = manifests::read(&["tests/plan/services.yaml".into()], "shop").unwrap();
    manifests[0].object["spec"]["analysis"]["interval"] = "1s".into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canary.json");
    std::fs::write(&path, manifests[0].object.to_string()).unwrap();
    let report = report(&[path.to_str().unwrap()], false);
    (folder, report)
}

#[test]
fn a_warning_changes_the_exit_code_only_if_asked_to_and_is_then_told_also_when_quiet() {
    let (_folder, mut report) = warned();
    assert_eq!((report.count(Severity::Warning), report.count(Severity::Error)), (1, 0));
    assert_eq!((report.code(false), report.code(true)), (0, 1));
    report.keep_quiet(true);
    assert_eq!(report.findings.len(), 1);
    report.keep_quiet(false);
    assert_eq!(text::of(&report, true, false), "");
}

#[test]
fn a_target_outside_of_the_files_is_missing_only_if_they_are_complete() {
    let told = |complete| {
        let (_folder, report) = warned();
        let paths: Vec<&str> = report.findings.iter().map(|finding| finding.place.file.as_str()).collect();
        text::of(&super::tests::report(&paths, complete), false, false)
    };
    assert!(
        told(false).contains("Not in these files, so not looked at: Deployment orchard/press."),
        "{}",
        told(false)
    );
    assert!(!told(false).contains("SL201"), "{}", told(false));
    assert!(told(true).contains("warning SL201"), "{}", told(true));
}

#[test]
fn files_without_anything_to_judge_are_no_error_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(&[folder.path().to_str().unwrap()], false);
    assert_eq!(report.code(true), 0);
    let told = text::of(&report, false, false);
    assert_eq!(told, "There is no Canary or MetricTemplate or AlertProvider in 0 files.\n");
}

/// The ids that the gate itself, asked over its wire, tells of an object, in its order.
fn told_by_the_gate(manifest: &Manifest, others: &[Manifest]) -> Vec<String> {
    let object = &manifest.object;
    let reference = ObjectRef::of(object);
    let (group, version) = reference.group_version();
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "namespace": reference.namespace, "name": reference.name, "userInfo": {"username": "ann"},
        "kind": {"group": group, "version": version, "kind": reference.kind},
        "operation": "CREATE", "object": object,
    }});
    let call = Call::parse(Endpoint::CanaryMutate, Mode::Enforce, review.to_string().as_bytes()).unwrap();
    let gate = Gate::new(Settings::default(), "system:serviceaccount:sluice-system:sluice");
    let look = |reference: ObjectRef| {
        let found = others.iter().find(|other| ObjectRef::of(&other.object) == reference);
        let lookup = found.map_or(Lookup::Unseen, |found| Lookup::Found(found.object.clone()));
        (reference, lookup)
    };
    let catalog = Catalog::default();
    let lookups = gate.needs(&call, &catalog).into_iter().map(look).collect();
    let verdict = gate.judge(&call, &catalog, &lookups);
    let answer: Value = serde_json::from_slice(&call.answer(&verdict).unwrap()).unwrap();
    let causes = answer.pointer("/response/status/details/causes").and_then(Value::as_array);
    let words = causes.into_iter().flatten().map(|cause| cause["message"].as_str().unwrap());
    words.map(|words| words.split(' ').next().unwrap().to_owned()).collect()
}

/// The ids for which an object is refused, in the order in which they are told.
fn refusals(report: &Report) -> Vec<String> {
    let errors = report.findings.iter().filter(|finding| finding.problem.severity == Severity::Error);
    errors.map(|finding| finding.problem.rule.to_owned()).collect()
}

fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|kind| kind == "yaml"))
        .map(|path| path.display().to_string())
        .collect()
}

#[rstest]
#[case("tests/demo/wrong", 3)]
#[case("tests/schema/invalid", 90)]
#[case("tests/schema/valid", 50)]
#[case("tests/plan", 15)]
fn every_manifest_of_the_tests_is_told_what_the_gate_tells(#[case] folder: &str, #[case] least: usize) {
    let names = files(folder);
    assert!(names.len() >= least, "{folder} has {} files", names.len());
    for name in names {
        let reading = manifests::read_all(&[PathBuf::from(&name)], "shop");
        assert!(reading.faults.is_empty(), "{name}: {:?}", reading.faults);
        // Canaries that share a file may be rivals, which the gate only sees in its Catalog.
        for manifest in reading.manifests.iter().filter(|manifest| manifest.object["kind"] == "Canary") {
            let alone = manifests::Reading {
                manifests: reading
                    .manifests
                    .iter()
                    .filter(|other| other.object["kind"] != "Canary" || std::ptr::eq(*other, manifest))
                    .cloned()
                    .collect(),
                ..Default::default()
            };
            let gate = told_by_the_gate(manifest, &alone.manifests);
            assert_eq!(refusals(&Report::of(alone, &Settings::default(), false)), gate, "{name}");
        }
    }
}

#[test]
fn the_wrong_manifests_of_the_tests_are_refused() {
    for folder in ["tests/demo/wrong", "tests/schema/invalid"] {
        for name in files(folder) {
            assert_eq!(report(&[&name], false).code(false), 1, "{name}");
        }
    }
    for (name, ids) in [
        ("steps", &["SL404", "SL422", "SL002"][..]),
        ("fraction", &["SL302", "SL001"]),
        ("ambitious", &["SL901", "SL906"]),
    ] {
        assert_eq!(refusals(&report(&[&format!("tests/demo/wrong/{name}.yaml")], false)), ids);
    }
}

/// What is valid for the schema and refused all the same, apart from what Sluice cannot do yet: these are about the schema.
const REFUSED: [&str; 3] = ["SL302", "SL303", "SL422"];

#[test]
fn the_valid_manifests_of_the_tests_are_refused_only_for_what_is_not_served_yet() {
    let mut names = files("tests/schema/valid");
    names.extend(files("tests/plan"));
    for name in names {
        let mut settings = Settings::default();
        if name.ends_with("selector-service.yaml") {
            // It shows that flag.
            settings.selector_labels = vec!["service".to_owned()];
        }
        let reading = manifests::read_all(&[PathBuf::from(&name)], "shop");
        let report = Report::of(reading, &settings, false);
        assert!(report.faults.is_empty() && report.judged > 0, "{name}: {:?}", report.faults);
        let mut ids: BTreeSet<String> = refusals(&report).into_iter().collect();
        ids.retain(|id| !id.starts_with("SL9") && !REFUSED.contains(&id.as_str()));
        assert_eq!(ids, BTreeSet::new(), "{name}:\n{}", text::of(&report, true, false));
    }
}

#[test]
fn the_manifests_in_the_documents_are_valid() {
    let mut judged = 0;
    let documents = std::fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    for path in documents
        .chain([PathBuf::from("README.md")])
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Fragments, as the rules' examples are, name no kind.
        let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        for (index, block) in blocks.filter(|block| block.contains("apiVersion: flagger.app")).enumerate() {
            std::fs::write(folder.path().join(format!("{index}.yaml")), block).unwrap();
        }
        let report = report(&[folder.path().to_str().unwrap()], false);
        assert_eq!(report.code(false), 0, "{}:\n{}", path.display(), text::of(&report, false, false));
        judged += report.judged;
    }
    assert!(judged > 0, "no Canary was found: has the form of the blocks changed?");
}

#[test]
fn a_document_of_the_tests_folder_is_named_as_it_was_given() {
    assert!(Path::new("tests/validate").is_dir(), "tests run at the root of the repository");
    let report = report(&["tests/validate"], false);
    assert!(report.findings.iter().all(|finding| finding.place.file.starts_with("tests/validate/shop/")));
}
