//! `sluice rules`: the gate's rules, or one explained by what the gate says of its examples.

use std::{fmt::Write, process::ExitCode};

use clap::ValueEnum;
use serde::Serialize;

use super::{CliError, print};
use crate::admission::{
    Problem, Severity,
    rules::{RETIRED, RULES, Rule, example},
};

/// Prints the gate's rules, or explains one with an example that is refused and one that passes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RulesArgs {
    /// The rule to explain, such as SL404.
    id: Option<String>,
    /// Form of the answer.
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  sluice rules
  sluice rules SL404
  sluice rules --output json";

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &RulesArgs) -> Result<ExitCode, CliError> {
    let one = arguments.id.as_deref().map(found).transpose()?;
    let rules = one.map_or(RULES, std::slice::from_ref);
    print(&match arguments.output {
        Output::Json => as_json(rules)?,
        Output::Text => one.map_or_else(|| Ok(listed(rules)), |rule| explained(rule))?,
    })
}

/// The rule of an id, also in small letters or without its letters.
fn found(id: &str) -> Result<&'static &'static Rule, CliError> {
    let usage = |text: String| Err(CliError::Usage(text));
    let Ok(wanted) = id.trim().trim_start_matches(['S', 's', 'L', 'l']).parse::<u32>() else {
        return usage(format!(
            "{id:?} is no rule: write an id such as {}; `sluice rules` lists them all",
            RULES[0].id
        ));
    };
    let number = |rule: &Rule| rule.id.trim_start_matches("SL").parse::<u32>().unwrap_or_default();
    // One of the same group first: it is about the same part of a Canary.
    let distance = |rule: &&&'static Rule| {
        let number = number(rule);
        (number / 100 != wanted / 100, number.abs_diff(wanted))
    };
    let Some(nearest) = RULES.iter().min_by_key(distance) else {
        return usage("there are no rules".to_owned());
    };
    let wanted = format!("SL{wanted:03}");
    if nearest.id == wanted {
        return Ok(nearest);
    }
    let gone = if RETIRED.contains(&wanted.as_str()) { "any more" } else { "of that id" };
    usage(format!(
        "{wanted}: there is no rule {gone}; the nearest is {}: {}. `sluice rules` lists them all",
        nearest.id, nearest.title
    ))
}

fn listed(rules: &[&Rule]) -> String {
    rules.iter().map(|rule| format!("{}  {:<8} {}\n", rule.id, rule.severity, rule.title)).collect()
}

/// The problem that a rule has with its wrong example.
fn problem(rule: &Rule) -> Result<Option<Problem>, CliError> {
    let problems = example::problems(rule.wrong).map_err(|error| CliError::Manifest {
        place: format!("the wrong example of {}", rule.id),
        fault: error.to_string(),
    })?;
    Ok(problems.into_iter().find(|problem| problem.rule == rule.id))
}

fn explained(rule: &Rule) -> Result<String, CliError> {
    let effect = match rule.severity {
        Severity::Error => "an object that breaks it is refused",
        Severity::Warning => "an object that breaks it is accepted with a warning",
    };
    let mut text = format!("{}: {}.\nSeverity: {}; {effect}.\n", rule.id, rule.title, rule.severity);
    for (name, example) in [("Wrong", rule.wrong), ("Right", rule.right)] {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{name}:\n\n");
        for line in example.trim().lines() {
            let _ = writeln!(text, "  {line}");
        }
        if let Some(problem) = problem(rule)?.filter(|_| name == "Wrong") {
            let Problem { path, message, fix, .. } = problem;
            let _ = write!(text, "\n  Field:   {path}\n  Why:     {message}.\n  Way out: {fix}.\n");
        }
    }
    Ok(text)
}

/// A rule for programs; field, message and fix are those of the wrong example.
#[derive(Serialize)]
struct Entry {
    id: &'static str,
    severity: String,
    title: &'static str,
    path: String,
    message: String,
    fix: String,
    wrong: &'static str,
    right: &'static str,
}

fn as_json(rules: &[&Rule]) -> Result<String, CliError> {
    let entry = |rule: &&Rule| {
        let (path, message, fix) =
            problem(rule)?.map(|problem| (problem.path, problem.message, problem.fix)).unwrap_or_default();
        let Rule { id, severity, title, wrong, right, .. } = **rule;
        let (severity, wrong, right) = (severity.to_string(), wrong.trim(), right.trim());
        Ok(Entry { id, severity, title, path, message, fix, wrong, right })
    };
    let entries: Vec<Entry> = rules.iter().map(entry).collect::<Result<_, CliError>>()?;
    let text = serde_json::to_string_pretty(&entries).map_err(|error| CliError::Print(Box::new(error)))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_rule_is_explained_with_field_reason_way_out_and_both_examples() {
        for rule in RULES {
            let problem = problem(rule).unwrap().unwrap();
            assert!(
                !problem.path.is_empty() && !problem.message.is_empty() && !problem.fix.is_empty(),
                "{problem}"
            );
            let text = explained(rule).unwrap();
            for part in [rule.title, &problem.path, &problem.message, &problem.fix, "Wrong:", "Right:"] {
                assert!(text.contains(part), "{part:?} is missing in:\n{text}");
            }
        }
    }

    #[test]
    fn one_rule_for_people() {
        insta::assert_snapshot!(explained(found("SL404").unwrap()).unwrap());
    }

    #[test]
    fn one_rule_for_programs() {
        insta::assert_snapshot!(as_json(std::slice::from_ref(found("SL404").unwrap())).unwrap());
    }

    #[rstest]
    #[case("SL404", "SL404")]
    #[case("sl404", "SL404")]
    #[case("404", "SL404")]
    #[case("1", "SL001")]
    fn an_id_may_be_written_carelessly(#[case] written: &str, #[case] id: &str) {
        assert_eq!(found(written).unwrap().id, id);
    }

    #[rstest]
    #[case::unknown("SL499", "SL499: there is no rule of that id; the nearest is SL4")]
    #[case::beyond_all("SL99999", "SL99999: there is no rule of that id; the nearest is SL9")]
    #[case::retired("SL909", "SL909: there is no rule any more; the nearest is SL9")]
    #[case::no_id("steps", "\"steps\" is no rule: write an id such as SL001; `sluice rules` lists them all")]
    fn an_unknown_id_is_told_the_nearest(#[case] written: &str, #[case] expected: &str) {
        let error = found(written).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
