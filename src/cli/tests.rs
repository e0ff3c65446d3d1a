//! The command line against what it promises elsewhere.

use std::collections::BTreeMap;

use clap::CommandFactory;
use rstest::rstest;

use super::*;

const OPERATE: &str = include_str!("../../docs/operate.md");
const DEPLOYMENT: &str = include_str!("../../charts/sluice/templates/deployment.yaml");

fn parse(arguments: &[&str]) -> RunArgs {
    let arguments = ["sluice", "run"].iter().chain(arguments).map(OsString::from);
    match Cli::try_parse_from(spelling::with_two_dashes(arguments)).unwrap().command {
        Command::Run(arguments) => *arguments,
        other => panic!("{other:?}"),
    }
}

fn refused(arguments: &[&str]) -> String {
    let arguments = ["sluice"].iter().chain(arguments).map(OsString::from);
    Cli::try_parse_from(spelling::with_two_dashes(arguments)).unwrap_err().to_string()
}

/// The flags of a command with their defaults, as clap has them.
fn flags(command: &str) -> BTreeMap<String, String> {
    let cli = Cli::command();
    let command = cli.find_subcommand(command).unwrap();
    let flags = command.get_arguments().filter_map(|flag| {
        let defaults: Vec<_> =
            flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        Some((format!("--{}", flag.get_long()?), defaults.join(",")))
    });
    flags.filter(|(flag, _)| flag != "--help").collect()
}

#[rstest]
#[case("run", OPERATE)]
#[case("loadtester", include_str!("../../docs/loadtester.md"))]
fn the_table_of_flags_says_what_the_command_line_has(#[case] command: &str, #[case] document: &str) {
    let table: BTreeMap<String, String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"))
        .filter_map(|row| row.split_once("` | "))
        .map(|(flag, rest)| {
            (format!("--{flag}"), rest.split(" |").next().unwrap().trim_matches('`').to_owned())
        })
        .collect();
    let flags = flags(command);
    assert_eq!(table.keys().collect::<Vec<_>>(), flags.keys().collect::<Vec<_>>());
    for (flag, default) in &flags {
        let told = &table[flag];
        let same = told == default
            || told.starts_with('$')
            || (default.is_empty() && ["none", "all"].contains(&told.as_str()));
        assert!(same, "{flag}: the document says {told}, the command line {default}");
    }
}

#[rstest]
#[case("run", DEPLOYMENT, 10)]
#[case("loadtester", include_str!("../../charts/sluice/templates/loadtester.yaml"), 4)]
fn the_chart_passes_only_flags_that_exist(
    #[case] command: &str,
    #[case] template: &str,
    #[case] least: usize,
) {
    let flags = flags(command);
    let passed: Vec<&str> = template
        .split("--")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap())
        // A line of three dashes parts two objects.
        .filter(|flag| !flag.is_empty() && !flag.starts_with('-'))
        .collect();
    assert!(passed.len() > least, "{passed:?}");
    for flag in passed {
        assert!(flags.contains_key(&format!("--{flag}")), "the chart passes --{flag}");
    }
}

#[test]
fn flags_may_have_the_peers_spelling() {
    let peer = parse(&[
        "-no-cross-namespace-refs=true",
        "-selector-labels=a,b",
        "-mesh-provider=kubernetes",
        "-threadiness=4",
    ]);
    let ours = parse(&[
        "--no-cross-namespace-refs",
        "--selector-labels",
        "a,b",
        "--mesh-provider",
        "kubernetes",
        "--concurrency=4",
    ]);
    assert_eq!(format!("{peer:?}"), format!("{ours:?}"));
}

#[test]
fn a_wrong_flag_or_value_is_named() {
    assert!(refused(&["run", "--no-such-flag"]).contains("--no-such-flag"));
    assert!(refused(&["run", "--mesh-provider", "istoi"]).contains("istoi"));
    assert!(refused(&["run", "--route-settle", "5 seconds"]).contains("5 seconds"));
}

#[test]
fn every_command_shows_an_example() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Example"), "{} has none", command.get_name());
    }
}
