//! The runbook of the gate and its alert rules say what the code and the chart have.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice::admission::registration::{Install, configurations};
use sluice::server::{BODY_LIMIT, BODY_TIME, CONNECTIONS, FIRST_REQUEST, IN_FLIGHT, REST, Verdict};

use super::{names_in_tables, read};

/// What the headings of a document are linked by.
fn anchors(document: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    document.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect()
}

#[test]
fn the_runbook_and_its_test_have_the_same_commands() {
    let (book, test) = (read("docs/operating-the-gate.md"), read("tests/cluster/alone/runbook.rs"));
    let commands: Vec<&str> = book.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        assert!(test.contains(command), "tests/cluster/alone/runbook.rs does not run `{command}`");
    }
}

#[test]
fn links_within_the_runbook_lead_to_headings() {
    let book = read("docs/operating-the-gate.md");
    let anchors = anchors(&book);
    let mut links = 0;
    // However lines are broken there.
    for link in book.replace(")\n", ") ").split("](#").skip(1) {
        let link = link.split(')').next().unwrap();
        assert!(anchors.contains(link), "there is no heading for #{link}: {anchors:?}");
        links += 1;
    }
    assert!(links > 5, "only {links} links were found");
}

#[test]
fn the_limits_of_the_runbook_are_those_of_the_code() {
    let book = read("docs/operating-the-gate.md");
    let install = Install { name: "a".into(), namespace: "b".into(), service_account: "c".into() };
    let (mutating, _) = configurations(&install);
    let mut rows = vec![
        ("body of a review", format!("{} MiB", BODY_LIMIT >> 20)),
        ("bodies under way, all together", format!("{} MiB", IN_FLIGHT >> 20)),
        ("arrival of a body", format!("{} s", BODY_TIME.as_secs())),
        ("TLS handshake, first request", format!("{} s", FIRST_REQUEST.as_secs())),
        ("rest between requests", format!("{} s", REST.as_secs())),
        ("connections of a replica", CONNECTIONS.to_string()),
    ];
    for (webhook, row) in [
        ("canary.mutate.sluice.dev", "wait of the API server for a Canary's review"),
        ("target.mutate.sluice.dev", "wait of the API server for a workload's review"),
    ] {
        let entry = mutating.webhooks.iter().flatten().find(|entry| entry.name == webhook).unwrap();
        rows.push((row, format!("{} s", entry.timeout_seconds.unwrap())));
    }
    for (what, limit) in rows {
        let row = format!("| {what} | {limit} |");
        assert!(book.contains(&row), "docs/operating-the-gate.md does not say `{row}`");
    }
}

#[test]
fn the_verdicts_of_the_runbook_are_those_of_the_code() {
    let book = read("docs/operating-the-gate.md");
    let table = book.split("| verdict | ").nth(1).unwrap().split("\n\n").next().unwrap();
    let coded = Verdict::ALL.map(|verdict| verdict.name().to_owned());
    assert_eq!(names_in_tables(table), coded.into());
}

#[test]
fn alerts_are_promql_over_metrics_that_exist_and_each_leads_to_the_runbook() {
    let (book, operate) = (read("docs/operating-the-gate.md"), names_in_tables(&read("docs/operate.md")));
    let file: Value = serde_saphyr::from_str(&read("charts/sluice/files/alerts.yaml")).unwrap();
    let rules = file["groups"][0]["rules"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for rule in rules {
        let text = |pointer: &str| rule.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (name, query) = (text("/alert"), text("/expr"));
        promql_parser::parser::parse(query).unwrap_or_else(|error| panic!("{name}: {error}: {query}"));
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: Vec<&str> =
            words.filter(|word| word.starts_with("sluice_") || word.starts_with("apiserver_")).collect();
        assert!(!metrics.is_empty(), "{name}: {query}");
        for metric in metrics {
            let known = match metric.strip_prefix("apiserver_admission_webhook_") {
                Some(of_the_api_server) => book.contains(of_the_api_server),
                None => operate.contains(metric.trim_end_matches("_bucket")),
            };
            assert!(known, "{name} asks for `{metric}`, which no document has");
        }
        let heading = text("/annotations/runbook");
        assert!(anchors(&book).contains(heading), "{name}: there is no heading for #{heading}");
        assert!(["critical", "warning"].contains(&text("/labels/severity")), "{name}");
        names.insert(name.to_owned());
    }
    let table = book.split("## Alerts").nth(1).unwrap().split("\n## ").next().unwrap();
    assert_eq!(names_in_tables(table), names);
}
