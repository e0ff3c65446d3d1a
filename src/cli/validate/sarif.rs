//! A report in SARIF 2.1.0, the form that code scanning takes:
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::report::{Finding, Report};
use crate::{
    admission::rules::{RULES, Rule},
    cli::manifests::{Fault, Place},
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run with the rules that it needs.
pub(super) fn of(report: &Report) -> String {
    let told = |rule: &&&Rule| report.findings.iter().any(|finding| finding.problem.rule == rule.id);
    let rules: Vec<&Rule> = RULES.iter().filter(told).copied().collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "sluice",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": report.faults.is_empty(),
                "toolExecutionNotifications": report.faults.iter().map(notification).collect::<Vec<_>>(),
            }],
            "results": report.findings.iter().map(|finding| result(finding, &rules)).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn described(rule: &Rule) -> Value {
    let (wrong, right) = (rule.wrong.trim(), rule.right.trim());
    json!({
        "id": rule.id,
        "shortDescription": {"text": format!("{}.", rule.title)},
        "defaultConfiguration": {"level": rule.severity.to_string()},
        "help": {
            "text": format!("{}.\n\nWrong:\n\n{wrong}\n\nRight:\n\n{right}\n", rule.title),
            "markdown": format!("{}.\n\nWrong:\n\n```yaml\n{wrong}\n```\n\nRight:\n\n```yaml\n{right}\n```\n", rule.title),
        },
    })
}

fn result(Finding { place, object, problem }: &Finding, rules: &[&Rule]) -> Value {
    let mut location = location(place);
    location["logicalLocations"] = json!([{"fullyQualifiedName": format!("{object} {}", problem.path)}]);
    json!({
        "ruleId": problem.rule,
        "ruleIndex": rules.iter().position(|rule| rule.id == problem.rule),
        "level": problem.severity.to_string(),
        "message": {"text": format!("{object}, {}: {}. {}.", problem.path, problem.message, problem.fix)},
        "locations": [location],
    })
}

fn notification(fault: &Fault) -> Value {
    json!({
        "level": "error",
        "message": {"text": format!("{}.", fault.why)},
        "locations": [location(&fault.place)],
    })
}

fn location(place: &Place) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&place.file)},
        "region": {"startLine": place.line},
    }})
}

/// The file as a URI: a relative one stays relative, to the root of the repository.
fn uri(file: &str) -> String {
    if let Ok(url) = Url::from_file_path(file) {
        return url.into();
    }
    let Ok(mut url) = Url::parse("file:///") else { return file.to_owned() };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear();
        for part in Path::new(file).components() {
            segments.push(&part.as_os_str().to_string_lossy());
        }
    }
    url.path().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("deploy/canary.yaml", "deploy/canary.yaml")]
    #[case("./deploy/a b#1.yaml", "deploy/a%20b%231.yaml")]
    #[case("/srv/canary.yaml", "file:///srv/canary.yaml")]
    #[case("standard input", "standard%20input")]
    fn a_file_is_a_uri(#[case] file: &str, #[case] expected: &str) {
        assert_eq!(uri(file), expected);
    }
}
