//! The documents say what is there: their Canaries parse, their `make` targets exist, their links lead somewhere.
#![allow(clippy::unwrap_used)]

#[path = "mutations/table.rs"]
mod mutations;
#[path = "documents/runbook.rs"]
mod runbook;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sluice::api::Canary;
use sluice::rollout::Reason;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents and their text.
fn documents() -> Vec<(String, String)> {
    let mut names: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned).to_vec();
    for directory in ["docs", "certs"] {
        let entries = std::fs::read_dir(root().join(directory))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path());
        let markdown = entries.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
        names.extend(
            markdown.map(|path| format!("{directory}/{}", path.file_name().unwrap().to_str().unwrap())),
        );
    }
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// What stands between ```` ```yaml ```` and its end.
fn yaml_blocks(text: &str) -> Vec<String> {
    text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn canaries_in_the_documents_parse() {
    let mut seen = 0;
    for (name, text) in documents() {
        for block in yaml_blocks(&text).iter().filter(|block| block.contains("kind: Canary\n")) {
            let canary: Canary =
                serde_saphyr::from_str(block).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!canary.spec.target_ref.name.is_empty(), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 0, "no Canary was found: has the form of the blocks changed?");
}

#[test]
fn make_targets_in_the_documents_exist() {
    let makefile = read("Makefile");
    for (name, text) in documents() {
        for command in text.split("`make ").skip(1).chain(text.split("\n    make ").skip(1)) {
            let target: String =
                command.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            let known = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
            assert!(known, "{name}: make {target}");
        }
    }
}

/// What the README tells people to type, and the file of the test or the demo that runs it, with words of that place.
const COMMANDS: [(&str, &str, &str); 11] = [
    ("make demo", ".ci/run", "make demo"),
    ("make test", ".ci/run", "make test"),
    (
        "helm install sluice charts/sluice --namespace sluice-system --create-namespace",
        "tests/demo/chapters.rs",
        r#""install", "sluice", "charts/sluice", "--namespace", "sluice-system", "--create-namespace""#,
    ),
    (
        "helm uninstall sluice --namespace sluice-system",
        "tests/support/helm.rs",
        r#""uninstall", RELEASE, "--namespace", NAMESPACE"#,
    ),
    (
        "kubectl -n shop set image deployment/podinfo podinfo=podinfo:2",
        "tests/cluster/together/rollout.rs",
        r#""set", "image", "deployment/podinfo", "podinfo=podinfo:2""#,
    ),
    (
        "kubectl -n shop get canary podinfo --watch",
        "tests/cluster/together/gate.rs",
        r#""get", "canary", "podinfo", "--watch""#,
    ),
    (
        "sluice plan -f canary.yaml -f deployment.yaml",
        "tests/cluster/together/plan.rs",
        r#"args(["plan", "--namespace""#,
    ),
    (
        "kubectl get canaries --all-namespaces --output yaml | sed '/- finalizer.flagger.app$/d' | kubectl replace --filename -",
        "tests/support/helm.rs",
        "/- finalizer.flagger.app$/d",
    ),
    ("sluice validate deploy/", "tests/cluster/together/validate.rs", r#"args(["validate"#),
    (
        "sluice simulate -f canary.yaml --metric 'request-success-rate=99.5,80@5m'",
        "src/cli/simulate/tests.rs",
        r#""simulate", "-f", file"#,
    ),
    ("kubectl apply --dry-run=server", "tests/cluster/together/gate.rs", r#""apply", "--dry-run=server""#),
];

#[test]
fn every_command_in_the_readme_is_run_by_a_test_or_the_demo() {
    let readme = read("README.md");
    let programs = ["make ", "helm ", "kubectl ", "docker ", "cargo ", "sluice ", "curl ", "eval "];
    let typed = readme.lines().filter_map(|line| line.strip_prefix("    ")).map(str::trim);
    for line in typed.filter(|line| programs.iter().any(|program| line.starts_with(program))) {
        // Behind the command a comment may stand.
        let command = line.split("  #").next().unwrap().trim();
        // The picture has blocks of its own.
        if command.contains("  ") || command.contains(" / ") {
            continue;
        }
        assert!(COMMANDS.iter().any(|(known, ..)| *known == command), "nothing is said to run `{command}`");
    }
    // However lines are broken there.
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (command, file, words) in COMMANDS {
        assert!(flat(&readme).contains(command), "the README does not say `{command}` any more");
        assert!(flat(&read(file)).contains(words), "{file} does not run `{command}` any more");
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    for (name, text) in documents() {
        let place = root().join(&name).parent().map(Path::to_owned).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let outside = link.starts_with("http") || link.starts_with('#');
            let file = link.split('#').next().unwrap();
            assert!(outside || place.join(file).exists(), "{name}: {link}");
        }
    }
}

/// Text in quotes below `src` that starts with one of these and is nothing but a name.
fn literals(prefixes: &[&str]) -> BTreeSet<String> {
    fn collect(directory: &Path, prefixes: &[&str], into: &mut BTreeSet<String>) {
        for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            if name.starts_with("test") {
                continue;
            }
            if path.is_dir() {
                collect(&path, prefixes, into);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for literal in code.split('"') {
                let name = |c: char| c.is_ascii_lowercase() || "_-/.".contains(c);
                let rest = prefixes.iter().find_map(|prefix| literal.strip_prefix(prefix));
                if rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(name)) {
                    into.insert(literal.to_owned());
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(&root().join("src"), prefixes, &mut found);
    found
}

/// The words in backticks that stand first in the rows of a table.
fn names_in_tables(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn every_metric_and_annotation_of_the_code_is_documented() {
    let documented = names_in_tables(&read("docs/operate.md"));
    let names = literals(&["sluice_", "flagger_", "sluice.dev/"]);
    assert!(names.len() > 5, "the literals were not found: {names:?}");
    for name in names {
        let found = documented.contains(&name) || documented.contains(&format!("{name}_total"));
        assert!(found, "`{name}` is missing in docs/operate.md");
    }
}

#[test]
fn the_table_of_events_is_the_list_of_the_code() {
    let text = read("docs/operate.md");
    let table = text.split("## Events").nth(1).unwrap().split("\n## ").next().unwrap();
    let written: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split_once("` | "))
        .map(|(reason, rest)| (reason, rest.split(' ').next().unwrap()))
        .collect();
    let kind = |reason: &Reason| if reason.is_warning() { "Warning" } else { "Normal" };
    let coded: Vec<(&str, &str)> = Reason::ALL.iter().map(|reason| (reason.as_str(), kind(reason))).collect();
    assert_eq!(written, coded);
}

/// The questions of the document that Sluice was started from, in its order and in our words.
const QUESTIONS: [&str; 21] = [
    "Which strategies are there?",
    "When A/B testing rather than weights?",
    "Can it serve apps outside of a mesh?",
    "When can traffic be mirrored?",
    "How is a failed release tried again?",
    "How do replicas change without an autoscaler?",
    "Is there downtime when the analysis is skipped?",
    "How are references into other namespaces forbidden?",
    "How is an app exposed inside the cluster?",
    "What of several ports?",
    "Which selector labels work?",
    "What of affinity, anti-affinity and spread?",
    "How are success rate and duration measured?",
    "Can I bring my own metrics?",
    "What of Istio as a Gateway API implementation?",
    "What does it make for Istio?",
    "Can several Canaries share one external host?",
    "How do I turn mutual TLS on?",
    "How does a load test from outside of the mesh start?",
    "Can ExternalDNS annotations be set?",
    "What of several ExternalDNS sources?",
];

#[test]
fn the_faq_answers_every_question_and_each_answer_names_tests_that_exist() {
    let faq = read("docs/faq.md");
    let rows: Vec<Vec<&str>> = faq
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| question"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let asked: Vec<&str> = rows.iter().map(|row| row[0]).filter(|cell| cell.ends_with('?')).collect();
    assert_eq!(asked, QUESTIONS);
    for row in rows.iter().filter(|row| row[0].ends_with('?')) {
        assert!(row.last().unwrap().contains("::"), "{}: no test shows it", row[0]);
    }
    let mut named = 0;
    for (file, test) in faq.split('`').filter_map(|quoted| quoted.split_once(".rs::")) {
        assert!(
            read(&format!("{file}.rs")).contains(&format!("fn {test}(")),
            "docs/faq.md names {file}.rs::{test}, which does not exist"
        );
        named += 1;
    }
    assert!(named >= QUESTIONS.len(), "only {named} tests are named");
}

/// Each of the numbered ways to be wrong stands once, and what is said to tell it exists.
#[test]
fn every_way_to_be_wrong_is_covered_by_a_rule_or_a_test_that_exists_or_said_to_be_open() {
    let text = read("docs/rules-coverage.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("| who tells |"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let items: Vec<&str> = rows.iter().filter(|row| row.len() == 3).map(|row| row[0]).collect();
    let expected: Vec<String> =
        (1..=12).map(|class| format!("A{class}")).chain((1..=79).map(|item| item.to_string())).collect();
    assert_eq!(items, expected);
    for row in &rows {
        let teller = row.last().unwrap();
        let known = |word: &str| sluice::admission::rules::find(word).is_some();
        let words = teller.split(|c: char| !c.is_ascii_alphanumeric());
        let ids: Vec<&str> = words.filter(|word| word.len() == 5 && word.starts_with("SL")).collect();
        let tests: Vec<_> = teller.split('`').filter_map(|quoted| quoted.split_once(".rs::")).collect();
        let refers = teller.starts_with("open") || teller.starts_with("the rows ");
        assert!(
            refers || !ids.is_empty() || !tests.is_empty(),
            "{row:?}: nobody tells, and it is not said to be open"
        );
        for id in ids {
            assert!(known(id), "{row:?}: there is no rule {id}");
        }
        for (file, test) in tests {
            let there = read(&format!("{file}.rs")).contains(&format!("fn {test}("));
            assert!(there, "{row:?}: there is no {file}.rs::{test}");
        }
    }
}

/// Each row of what went wrong with the peer names the cluster test that shows the right behaviour.
#[test]
fn every_wrong_behaviour_of_the_peer_has_a_cluster_test_that_exists() {
    let text = read("docs/wrong-behaviour.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Flagger |"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 23, "a row came or went");
    for row in rows {
        let [_, _, shown] = row.as_slice() else { panic!("{row:?} has not three cells") };
        let tests: Vec<_> = shown.split('`').filter_map(|quoted| quoted.split_once(".rs::")).collect();
        assert!(!tests.is_empty() || *shown == "the same", "{row:?}: no test shows it");
        for (file, test) in tests {
            assert!(file.starts_with("tests/cluster/"), "{row:?}: {file} is not on a cluster");
            let there = read(&format!("{file}.rs")).contains(&format!("fn {test}("));
            assert!(there, "{row:?}: there is no {file}.rs::{test}");
        }
    }
}

/// Each weak point of the peer has a row: tests that are there, or a plain word that none shows it or that we chose otherwise.
#[test]
fn every_weak_point_of_the_peer_is_shown_or_said_not_to_be() {
    let text = read("docs/weak-points.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| W-"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!((rows.len(), ids.len()), (114, 114), "a row came, went or is there twice");
    for row in rows {
        let [_, _, _, shown] = row.as_slice() else { panic!("{row:?} has not four cells") };
        let tests: Vec<_> = shown.split('`').filter_map(|quoted| quoted.split_once(".rs::")).collect();
        let said = ["not shown", "decided otherwise"].iter().any(|word| shown.contains(word));
        assert!(said || !tests.is_empty(), "{row:?}: no test shows it, and that is not said");
        for (file, test) in tests {
            let there = read(&format!("{file}.rs")).contains(&format!("fn {test}("));
            assert!(there, "{row:?}: there is no {file}.rs::{test}");
        }
    }
}

/// `make mutations` takes minutes; this holds what it starts from, and that its table is not an old one.
#[test]
fn each_deliberate_bug_has_its_place_in_the_code_and_was_found_by_a_rule_that_it_breaks() {
    let (rules, table) = (read("docs/invariants.md"), read("docs/mutations.md"));
    let of = |files: &[&str]| mutations::MUTATIONS.iter().filter(|bug| files.contains(&bug.file)).count();
    assert!(mutations::MUTATIONS.len() >= 20 && of(&mutations::CARRYING_OUT_AND_GATHERING) >= 8);
    for mutations::Mutation { id, does, file, find, replace, depth, breaks } in mutations::MUTATIONS {
        assert_eq!(read(file).matches(find).count(), 1, "{id}: {find:?} has to be in {file} once");
        assert!(replace.contains("MUTANT"), "{id} cannot be switched off");
        assert!(breaks.iter().all(|rule| rules.contains(&format!("| `{rule}` |"))), "{id}: {breaks:?}");
        let row = format!("| `{id}` | {does} | `{file}` | {depth} | `");
        let found = table.split_once(&row).and_then(|(_, rest)| rest.split('`').next());
        let found = found.unwrap_or_else(|| panic!("{id} is not in docs/mutations.md: make mutations"));
        assert!(breaks.contains(&found), "{id} was found by {found}");
    }
}
