//! A report for people: a line a problem, as compilers write it, then the count.

use std::fmt::Write;

use clap::builder::styling::{AnsiColor, Style};

use super::report::{Finding, Report};
use crate::admission::{Severity, set::KINDS};

/// The report as text; `quiet` leaves out what is not wrong.
pub(super) fn of(report: &Report, quiet: bool, colour: bool) -> String {
    let paint = Paint { colour };
    let mut text: String = report.findings.iter().map(|finding| line(finding, &paint)).collect();
    for fault in &report.faults {
        let place = paint.with(Style::new().bold(), &fault.place);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{place}: {}: {}.", paint.with(RED, &"unreadable"), fault.why);
    }
    if !quiet {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&summary(report));
    }
    text
}

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, style: Style, text: &dyn std::fmt::Display) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

fn line(finding: &Finding, paint: &Paint) -> String {
    let Finding { place, object, problem } = finding;
    let style = match problem.severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
    };
    format!(
        "{}: {}: {object}, {}: {}.\n    {}.\n",
        paint.with(Style::new().bold(), place),
        paint.with(style, &format!("{} {}", problem.severity, problem.rule)),
        problem.path,
        problem.message,
        problem.fix
    )
}

fn summary(report: &Report) -> String {
    let files = count(report.files, "file");
    let mut text = match (report.judged, report.faults.len()) {
        (0, 0) => format!("There is no {} in {files}.\n", KINDS.join(" or ")),
        (judged, unreadable) => {
            let mut wrong = Vec::new();
            for (number, word) in [
                (report.count(Severity::Error), "error"),
                (report.count(Severity::Warning), "warning"),
                (unreadable, "unreadable document"),
            ] {
                if number > 0 {
                    wrong.push(count(number, word));
                }
            }
            let wrong = if wrong.is_empty() { "nothing is wrong".to_owned() } else { wrong.join(", ") };
            format!("{} in {files}: {wrong}.\n", count(judged, "object"))
        }
    };
    if !report.foreign.is_empty() {
        let places: Vec<String> = report.foreign.iter().map(|fault| fault.place.to_string()).collect();
        let _ = writeln!(text, "No object of Kubernetes, so left out: {}.", places.join(", "));
    }
    if !report.unseen.is_empty() {
        let unseen: Vec<String> = report.unseen.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "Not in these files, so not looked at: {}.", unseen.join(", "));
    }
    if let Some(first) = report.findings.first() {
        let _ = writeln!(text, "`sluice rules {}` explains a rule.", first.problem.rule);
    }
    text
}

/// A number of things in words.
fn count(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        many => format!("{many} {word}s"),
    }
}
