//! The search for broken rules, and what it found, told.

use std::{collections::BTreeSet, fmt::Write, process::ExitCode, thread, time::Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use crate::{
    cli::{CliError, print, rules::Output},
    simulation::{self, Group, Options, Report, Violation, search},
};

/// What is searched.
#[derive(Debug, clap::Args)]
pub(super) struct HuntArgs {
    /// Search this many rollouts for a broken rule.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["filenames", "metrics", "expect"], help_heading = "Search")]
    pub(super) rollouts: Option<u64>,
    /// The first rollout's seed; the others follow on it. The same seed is always the same rollout.
    #[arg(long, default_value = "1", requires = "rollouts", help_heading = "Search")]
    seed: u64,
    /// How much of the product plays: the decision alone, or all of it against an API server in memory.
    #[arg(long, value_enum, default_value = "whole", requires = "rollouts", help_heading = "Search")]
    depth: Depth,
    /// What goes wrong: `all`, `none`, or some of the others.
    #[arg(long, value_delimiter = ',', default_value = "all", requires = "rollouts", help_heading = "Search",
          value_parser = PossibleValuesParser::new(names()).map(|name| Wished::of(&name)))]
    faults: Vec<Wished>,
    /// Go on after the first broken rule, and print a rollout for each rule.
    #[arg(long, requires = "rollouts", help_heading = "Search")]
    keep_going: bool,
}

/// How much of the product plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Depth {
    /// The decision alone.
    Decision,
    /// The decision and its execution.
    Whole,
}

impl From<Depth> for simulation::Depth {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Decision => simulation::Depth::Decision,
            Depth::Whole => simulation::Depth::Whole,
        }
    }
}

/// Faults by the name of their group.
#[derive(Clone, Debug)]
struct Wished(Vec<Group>);

impl Wished {
    fn of(name: &str) -> Self {
        let named = Group::ALL.into_iter().filter(|(known, _)| name == "all" || *known == name);
        Wished(named.map(|(_, group)| group).collect())
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ["all", "none"].into_iter().chain(Group::ALL.into_iter().map(|(name, _)| name))
}

pub(super) fn run(arguments: &HuntArgs, rollouts: u64, output: Output) -> Result<ExitCode, CliError> {
    // In whatever order they were named, a seed is the same rollout.
    let groups: BTreeSet<Group> = arguments.faults.iter().flat_map(|wished| wished.0.clone()).collect();
    let groups = groups.into_iter().collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let HuntArgs { seed, keep_going, .. } = *arguments;
    let options = Options { depth: arguments.depth.into(), rollouts, seed, groups, threads, keep_going };
    let begin = Instant::now();
    let report = search(&options);
    print(&match output {
        Output::Text => text(&report, &options, begin.elapsed().as_secs_f64()),
        Output::Json => format!("{:#}\n", as_json(&report)),
    })?;
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn text(report: &Report, options: &Options, seconds: f64) -> String {
    let ends: Vec<String> = report.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    let mut text = format!(
        "{} rollouts from seed {} on, {} threads, {seconds:.0} s: {}\n",
        report.rollouts,
        options.seed,
        options.threads,
        ends.join(", ")
    );
    if report.violations.is_empty() {
        text.push_str("No rule was broken.\n");
    }
    report.violations.iter().for_each(|violation| text.push_str(&broken(violation, options)));
    text
}

fn broken(violation: &Violation, options: &Options) -> String {
    let Violation { seed, invariant, at, told, trace, timeline } = violation;
    let depth = if options.depth == simulation::Depth::Whole { "whole" } else { "decision" };
    let faults = Group::ALL.iter().filter(|(_, group)| options.groups.contains(group));
    let faults: Vec<&str> = faults.map(|(name, _)| *name).collect();
    let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(",") };
    let mut text = format!(
        "\nThe rule {invariant} was broken at {at} s: {told}\nReplay: sluice simulate --rollouts 1 --seed {seed} --depth {depth} --faults {faults}\n",
    );
    for (title, lines) in [("What it takes", trace), ("What people were told", timeline)] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{title}:");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn as_json(report: &Report) -> Value {
    let violations = report.violations.iter().map(|violation| {
        let Violation { seed, invariant, at, told, trace, timeline } = violation;
        json!({"seed": seed, "invariant": invariant, "at": at, "told": told, "trace": trace, "timeline": timeline})
    });
    let violations: Vec<Value> = violations.collect();
    json!({"rollouts": report.rollouts, "ends": report.ends, "violations": violations})
}
