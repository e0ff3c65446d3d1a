//! Whether the search for broken rules bites: each deliberate bug of [`table`] has to be found. All bugs are put into one copy of
//! the tree, each behind a question to the environment: one build is enough, and the product knows nothing of it. Ids as
//! arguments choose some of them; with `GENERATE=1` what was found is written into `docs/mutations.md`.
#![allow(clippy::unwrap_used)]

mod table;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use serde_json::Value;
use table::{MUTATIONS, Mutation};

/// Within so many rollouts each bug has to be found.
const ROLLOUTS: u64 = 10_000;
/// What is added to the copy, so that one bug at a time can be switched on.
const SWITCH: &str = r#"
/// Whether a deliberate bug is switched on.
pub fn mutant(id: &str) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("SLUICE_MUTANT").ok()).as_deref() == Some(id)
}
"#;

/// The rule that a bug broke, and the seed of the rollout.
type Found = Option<(String, u64)>;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = root.join("target/mutations");
    let tree = place.join("tree");
    copy(root, &tree);
    let files: BTreeSet<&str> = MUTATIONS.iter().map(|mutation| mutation.file).collect();
    files.into_iter().for_each(|file| put(file, &tree));
    let lib = tree.join("src/lib.rs");
    fs::write(&lib, fs::read_to_string(&lib).unwrap() + SWITCH).unwrap();
    let binary = build(&tree, &place.join("build"));

    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen: Vec<&Mutation> =
        MUTATIONS.iter().filter(|bug| wanted.is_empty() || wanted.iter().any(|id| id == bug.id)).collect();
    let mut missed = 0;
    let mut rows = Vec::new();
    for mutation in &chosen {
        let found = hunt(&binary, mutation);
        let expected = found.as_ref().is_some_and(|(rule, _)| mutation.breaks.contains(&rule.as_str()));
        missed += usize::from(!expected);
        let (rule, seed) = found.unwrap_or_else(|| ("nothing".to_owned(), 0));
        println!("{:<28} {rule} {seed}{}", mutation.id, if expected { "" } else { "  <- not as expected" });
        let Mutation { id, does, file, depth, .. } = mutation;
        rows.push(format!("| `{id}` | {does} | `{file}` | {depth} | `{rule}` | {seed} |\n"));
    }
    if missed == 0 && wanted.is_empty() && std::env::var_os("GENERATE").is_some() {
        write_document(root, &rows.concat());
    }
    println!("mutations: {} of {} found as expected", chosen.len() - missed, chosen.len());
    ExitCode::from(u8::from(missed > 0))
}

/// Copies what is part of the repository.
fn copy(root: &Path, tree: &Path) {
    let _ = fs::remove_dir_all(tree);
    let listed = Command::new("git").arg("-C").arg(root).arg("ls-files").output().unwrap();
    for name in String::from_utf8(listed.stdout).unwrap().lines() {
        let (from, to) = (root.join(name), tree.join(name));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
}

/// Puts the bugs of a file into the copy, the last one first: so none moves the place of another.
fn put(file: &str, tree: &Path) {
    let file_in_tree = tree.join(file);
    let mut text = fs::read_to_string(&file_in_tree).unwrap();
    let here = MUTATIONS.iter().filter(|mutation| mutation.file == file);
    let mut places: Vec<(usize, &Mutation)> = here
        .map(|mutation| (text.find(mutation.find).expect("tests/documents.rs holds their places"), mutation))
        .collect();
    places.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut end = text.len();
    for (at, Mutation { id, find, replace, .. }) in places {
        assert!(at + find.len() <= end, "{id} is in the place of another bug");
        end = at;
        let asks = format!("crate::mutant(\"{id}\")");
        text.replace_range(at..at + find.len(), &replace.replace("MUTANT", &asks));
    }
    fs::write(&file_in_tree, text).unwrap();
}

/// Builds the copy; what is searched is optimised, what it stands on is not: it pays for one run.
fn build(tree: &Path, target: &Path) -> PathBuf {
    let built = Command::new("cargo")
        .args(["build", "--locked", "--bin", "sluice", "--config", "profile.dev.package.sluice.opt-level=2"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .status()
        .unwrap();
    assert!(built.success(), "the copy with all bugs does not build");
    target.join("debug/sluice")
}

fn hunt(binary: &Path, mutation: &Mutation) -> Found {
    let answer = Command::new(binary)
        .args(["simulate", "--seed", "1", "--depth", mutation.depth, "--output", "json", "--rollouts"])
        .arg(ROLLOUTS.to_string())
        .env("SLUICE_MUTANT", mutation.id)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let violation = &report["violations"][0];
    Some((violation["invariant"].as_str()?.to_owned(), violation["seed"].as_u64()?))
}

/// Writes the rows of the table in `docs/mutations.md`.
fn write_document(root: &Path, rows: &str) {
    let file = root.join("docs/mutations.md");
    let text = fs::read_to_string(&file).unwrap();
    let head = "|---|---|---|---|---|---|\n";
    let (before, _) = text.split_once(head).unwrap();
    fs::write(&file, format!("{before}{head}{rows}")).unwrap();
}
