//! The rooms' arrows: a room may use the rooms written above it, never one below or beside it, and the pure rooms
//! neither wait nor look at the clock. Also the size of files. Reads the source as text, test code left out.
#![allow(clippy::unwrap_used)]

mod source;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use source::{Source, Used};

/// The rooms from the inside out; those of one line may not use each other.
const ROOMS: &[&[&str]] = &[
    &["sentence"],
    &["api"],
    &["workload", "routing", "analysis"],
    &["rollout"],
    &["admission"],
    &["execute", "egress"],
    &["cluster", "simulation", "providers", "hooks", "notify", "certs"],
    &["server"],
    &["controller", "loadtester"],
    &["cli"],
];

/// No input, no output, no clock, no async: time and the world come in as arguments.
const PURE: &[&str] = &["sentence", "api", "workload", "routing", "analysis", "rollout", "admission"];

/// The crates that are data or arithmetic. A new dependency is forbidden to pure rooms until it stands here.
const PURE_CRATES: &[&str] = &[
    "base64",
    "bytes",
    "hmac",
    "http",
    "jiff",
    "json_patch",
    "k8s_openapi",
    "kube",
    "prometheus_http_query",
    "regex",
    "schemars",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "serde_saphyr",
    "sha2",
    "strsim",
    "thiserror",
    "url",
];

/// What waits, or knows the time, inside the crates and the library that pure rooms may use.
const WAITS: &[&str] = &[
    "kube::Api",
    "kube::Client",
    "kube::Config",
    "kube::api::Api",
    "kube::client",
    "kube::config",
    "kube::discovery",
    "kube::runtime",
    "prometheus_http_query::Client",
    "prometheus_http_query::query",
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// The same, as names that may stand without their path.
const CLOCKS: &[&str] = &["Instant", "SystemTime", "Timestamp::now", "Zoned::now", "async", "await"];

/// Look hard at a file above the first, split one above the second (lines that are not tests).
const LONG: usize = 400;
const TOO_LONG: usize = 600;

fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether `path` is `prefix` or lies below it.
fn below(path: &str, prefix: &str) -> bool {
    path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("::"))
}

/// What is wrong with one use in a file of `room`, if anything.
fn complaint(room: &str, used: &Used, dependencies: &[String]) -> Option<String> {
    let path = used.path.as_str();
    if let Some(inside) = path.strip_prefix("crate::") {
        let other = inside.split("::").next().unwrap();
        if other == room {
            return None;
        }
        return match (level(other), level(room)) {
            (None, _) if other == "*" => Some("takes the whole crate: name the rooms".to_owned()),
            (None, _) => Some(format!("uses `{other}`, which is no room")),
            (Some(theirs), Some(ours)) if theirs >= ours => {
                Some(format!("room `{room}` may not use `{other}`: it stands below or beside it"))
            }
            _ => None,
        };
    }
    if !PURE.contains(&room) {
        return None;
    }
    if let Some(forbidden) = WAITS.iter().find(|forbidden| below(path, forbidden)) {
        return Some(format!("pure room `{room}` uses `{forbidden}`"));
    }
    let first = path.split("::").next().unwrap();
    if let Some(clock) =
        CLOCKS.iter().find(|clock| first == **clock || format!("::{path}").ends_with(&format!("::{clock}")))
    {
        return Some(format!("pure room `{room}` uses `{clock}`: time and waiting belong to the edges"));
    }
    let outside = path.contains("::") && dependencies.iter().any(|name| name == first);
    (outside && !PURE_CRATES.contains(&first))
        .then(|| format!("pure room `{room}` uses the crate `{first}`, which is not among the pure ones"))
}

/// All complaints about one file; `modules` are its modules from the crate's root, the room first.
fn complaints(file: &str, modules: &[String], text: &str, dependencies: &[String]) -> Vec<String> {
    let source = Source::read(text, modules);
    let mut found: Vec<String> = source
        .uses
        .iter()
        .filter(|used| !source.modules.iter().any(|name| below(&used.path, name)))
        .filter_map(|used| {
            let what = complaint(&modules[0], used, dependencies)?;
            Some(format!("{file}:{}: {what}", used.line))
        })
        .collect();
    found.dedup();
    if source.lines > TOO_LONG {
        found.push(format!(
            "{file}:1: {} lines beside its tests, more than {TOO_LONG}: split it",
            source.lines
        ));
    } else if source.lines > LONG {
        eprintln!("{file}:1: {} lines beside its tests, look hard at it", source.lines);
    }
    found
}

fn rust_files(directory: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Names of the crates in `[dependencies]`, as they stand in paths.
fn dependencies() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let block = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    block
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.starts_with('#'))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn arrows_point_inward_and_pure_rooms_do_not_wait() {
    let dependencies = dependencies();
    assert!(dependencies.iter().any(|name| name == "k8s_openapi"), "the list of dependencies was not read");
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    rust_files(&root().join("src"), &mut files);
    for path in files {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        if file == "src/lib.rs" || file == "src/main.rs" {
            continue;
        }
        let inside = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let modules: Vec<String> = inside.split('/').map(str::to_owned).collect();
        if level(&modules[0]).is_none() {
            wrong.push(format!(
                "{file}:1: `{}` is no room; the rooms stand in tests/arrows/main.rs",
                modules[0]
            ));
        } else if !modules.iter().any(|name| name == "tests") {
            wrong.extend(complaints(
                &file,
                &modules,
                &std::fs::read_to_string(&path).unwrap(),
                &dependencies,
            ));
        }
    }
    let list = wrong.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "  {line}").unwrap();
        text
    });
    assert!(wrong.is_empty(), "{} wrong:\n{list}", wrong.len());
}

/// What is said about `text` as the file `src/rollout/step.rs`.
fn about(text: &str) -> Vec<String> {
    let modules = ["rollout".to_owned(), "step".to_owned()];
    complaints("src/rollout/step.rs", &modules, text, &["tokio".to_owned(), "serde".to_owned()])
}

#[test]
fn an_arrow_outward_is_found_with_its_line() {
    let wrong = about("use crate::{\n    api::Canary,\n    execute::{World, run},\n};\n");
    assert_eq!(
        wrong,
        ["src/rollout/step.rs:3: room `rollout` may not use `execute`: it stands below or beside it"]
    );
    assert_eq!(about("fn f() { let w = super::super::cluster::World; }").len(), 1);
    assert_eq!(about("use super::{Step, super::cluster};").len(), 1);
    assert_eq!(about("fn f() { format!(\"{}\", crate::cli::NAME) }").len(), 1);
    assert_eq!(about("use crate::*;").len(), 1);
}

#[test]
fn what_waits_in_a_pure_room_is_found() {
    for text in [
        "use tokio::sync::watch;",
        "use std::{collections::BTreeMap, fs};",
        "use kube::{ResourceExt, Client};",
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { jiff::Timestamp::now(); }",
        "use jiff::Timestamp; fn f() { Timestamp::now() }",
        "async fn f() {}",
        "fn f() { x.await }",
    ] {
        assert_eq!(about(text).len(), 1, "{text}: {:?}", about(text));
    }
}

#[test]
fn inward_arrows_data_comments_text_and_tests_are_left_alone() {
    for text in [
        "use crate::api::Canary; use super::Step; use crate::rollout::Decision;",
        "use kube::{CustomResource, core::ObjectMeta}; use serde::Serialize;",
        "//! See [`crate::cluster`].\n/* tokio::spawn */\nfn f() -> &'static str { \"crate::cli::run\" }",
        "fn f() -> char { '\"' } // tokio::\nconst R: &str = r#\"tokio::\"#;",
        "#[cfg(test)]\nmod tests { use crate::simulation::World; use std::fs; }",
        "#[cfg(test)]\nuse tokio::time;",
        "fn f<'a>(now: jiff::Timestamp, x: &'a str) {}",
        "mod tokio;\nuse tokio::Ours;",
    ] {
        assert!(about(text).is_empty(), "{text}: {:?}", about(text));
    }
}

#[test]
fn a_file_is_too_long_by_its_code_and_not_by_its_tests() {
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// line\n".repeat(900));
    assert!(about(&tests).is_empty());
    assert_eq!(about(&"// line\n".repeat(601)).len(), 1);
}
