//! `sluice rules`: the gate's rules, or one explained.

use std::{fmt::Write, process::ExitCode};

use clap::ValueEnum;
use serde_json::json;

use super::{CliError, print};
use crate::admission::rules::{self, RULES, Rule};

/// Prints the gate's rules, or explains one with an example that is refused and one that passes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sluice rules\n  sluice rules SL101\n  sluice rules --output json")]
pub(super) struct RulesArgs {
    /// The rule to explain.
    id: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &RulesArgs) -> Result<ExitCode, CliError> {
    let rules: Vec<&Rule> = match &arguments.id {
        None => RULES.to_vec(),
        Some(id) => vec![rules::find(id).ok_or_else(|| {
            CliError::Usage(format!("there is no rule {id}; `sluice rules` lists them all"))
        })?],
    };
    print(&match (arguments.output, arguments.id.is_some()) {
        (Output::Json, _) => as_json(&rules),
        (Output::Text, true) => rules.iter().map(|rule| explained(rule)).collect(),
        (Output::Text, false) => listed(&rules),
    })
}

fn listed(rules: &[&Rule]) -> String {
    rules.iter().map(|rule| format!("{}  {:<8} {}\n", rule.id, rule.severity, rule.title)).collect()
}

fn explained(rule: &Rule) -> String {
    let mut text = format!("{} ({}): {}.\n", rule.id, rule.severity, rule.title);
    for (name, example) in [("Wrong", rule.wrong), ("Right", rule.right)] {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{name}:\n\n");
        for line in example.trim().lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn as_json(rules: &[&Rule]) -> String {
    let rules: Vec<_> = rules
        .iter()
        .map(|rule| {
            json!({"id": rule.id, "severity": rule.severity.to_string(), "title": rule.title,
                   "wrong": rule.wrong, "right": rule.right})
        })
        .collect();
    format!("{:#}\n", json!(rules))
}
