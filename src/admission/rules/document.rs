//! `docs/rules.md`, rendered from the registry.

use std::fmt::Write;

use super::{RULES, example};
use crate::admission::problem::Severity;

const INTRODUCTION: &str = "# Rules

What the gate refuses and what it warns about. All problems of an object are told in one answer. `sluice rules` prints
this list.

An UPDATE is refused only for problems that it introduces: what stood so before only warns, except what the operator
forbids (SL501). Objects that are being deleted and updates that leave `spec` as it is always pass.

SL6xx are about writes of others to what a Canary made or releases. They hold as long as the Canary is there and stays.

Examples show what differs from the plain objects at the end of this page. Of several documents the last is being
written, or deleted where the first line says so; the others are in the cluster before.
";

const GROUPS: [(&str, &str); 8] = [
    ("SL0", "Form"),
    ("SL1", "Identity and ownership"),
    ("SL2", "Target"),
    ("SL3", "Routing"),
    ("SL4", "Analysis"),
    ("SL5", "References"),
    ("SL6", "What is ours in the cluster"),
    ("SL9", "Not served yet"),
];

/// The kinds of plain objects.
const PLAIN: [&str; 8] = [
    "Canary",
    "MetricTemplate",
    "AlertProvider",
    "Deployment",
    "DaemonSet",
    "HorizontalPodAutoscaler",
    "Secret",
    "Service",
];

/// The page as Markdown.
pub fn document() -> String {
    let mut page = INTRODUCTION.to_owned();
    // Writing to a String cannot fail.
    let _ = write!(page, "\n| rule | | what has to hold |\n|---|---|---|\n");
    for rule in RULES {
        let anchor = rule.id.to_ascii_lowercase();
        let effect = match rule.severity {
            Severity::Error => "refuses",
            Severity::Warning => "warns",
        };
        let _ = writeln!(page, "| [{}](#{anchor}) | {effect} | {} |", rule.id, rule.title);
    }
    for (prefix, title) in GROUPS {
        let _ = write!(page, "\n## {title}\n");
        for rule in RULES.iter().filter(|rule| rule.id.starts_with(prefix)) {
            let _ = write!(page, "\n### {}\n\n{}.\n", rule.id, rule.title);
            let _ = write!(page, "\nWrong:\n\n```yaml\n{}\n```\n", rule.wrong.trim());
            let _ = write!(page, "\nRight:\n\n```yaml\n{}\n```\n", rule.right.trim());
        }
    }
    let _ = write!(page, "\n## The plain objects\n");
    for kind in PLAIN {
        if let Ok(yaml) = serde_saphyr::to_string(&example::plain(kind)) {
            let _ = write!(page, "\n```yaml\n{}\n```\n", yaml.trim());
        }
    }
    page
}
