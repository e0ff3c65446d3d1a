//! A report as a JSON list of problems.

use serde::Serialize;

use super::report::{Finding, Report};
use crate::cli::CliError;

/// One problem. The names and their meaning do not change; see `docs/validate.md`.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    document: Option<usize>,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    rule: &'a str,
    severity: String,
    path: &'a str,
    message: &'a str,
    fix: &'a str,
}

impl<'a> From<&'a Finding> for Entry<'a> {
    fn from(Finding { place, object, problem }: &'a Finding) -> Self {
        Entry {
            file: &place.file,
            document: place.document,
            kind: &object.kind,
            namespace: &object.namespace,
            name: &object.name,
            rule: problem.rule,
            severity: problem.severity.to_string(),
            path: &problem.path,
            message: &problem.message,
            fix: &problem.fix,
        }
    }
}

/// The list.
pub(super) fn of(report: &Report) -> Result<String, CliError> {
    let entries: Vec<Entry<'_>> = report.findings.iter().map(Entry::from).collect();
    let text = serde_json::to_string_pretty(&entries).map_err(|error| CliError::Print(Box::new(error)))?;
    Ok(text + "\n")
}
