//! `sluice simulate`: a whole rollout of a Canary in files, told line by line, without a cluster; or a search through many
//! rollouts with faults for a broken rule.

mod hunt;
mod made_up;
mod story;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, process::ExitCode};

use super::{CliError, manifests, plan::is_canary, print, rules::Output, settings::SettingsArgs};
use crate::{api::Phase, simulation::Script};
use story::Story;

/// Plays a rollout of the Canaries in files and prints what happens when, and why. It needs no cluster and no time: the
/// controller's own code runs in a cluster in memory with a clock that jumps. With --rollouts it searches instead: rollouts
/// drawn from seeds, with faults, each watched for broken rules (docs/invariants.md).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SimulateArgs {
    /// Files, folders or `-` for standard input, with the Canaries and what they refer to; a target, a MetricTemplate or
    /// an autoscaler that is not there is made up.
    #[arg(short = 'f', long = "filename", value_name = "PATH", num_args = 1.., required_unless_present = "rollouts")]
    filenames: Vec<PathBuf>,
    /// Namespace of objects that name none.
    #[arg(short = 'n', long, default_value = "default")]
    namespace: String,
    /// What a metric answers, each value from its time after the release on, with commas between them. A value is a number,
    /// `nodata` or `error`. A metric that is not named passes.
    #[arg(long = "metric", value_name = "NAME=VALUE[@TIME],...")]
    metrics: Vec<Script>,
    /// Exit with 1 unless every rollout ends so.
    #[arg(long, value_enum)]
    expect: Option<End>,
    /// Form of the answer.
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    hunt: hunt::HuntArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  sluice simulate -f canary.yaml
  sluice simulate -f canary.yaml -f deployment.yaml --metric 'request-success-rate=99.5,80@5m'
  sluice simulate -f canary.yaml --metric 'request-duration=nodata@1m' --inconclusive=hold
  sluice simulate -f deploy/ --expect succeeded --output json
  sluice simulate --rollouts 1000 --seed 7
  sluice simulate --rollouts 1000 --seed 7 --faults calls,leaders --output json

Times count from the first look, and anew from the release of the new revision. Pods take 4 s to start here, and a route
1 s to be accepted; the rest is the controller's own time.
Exit codes: 0 played, whatever the end is; 1 a Canary is refused, the end is not the expected one, or a search found a
broken rule; 2 wrong use or a file that cannot be read.";

/// How a rollout may be expected to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum End {
    /// The new revision is promoted.
    Succeeded,
    /// The new revision is taken back.
    Failed,
}

impl End {
    fn phase(self) -> Phase {
        match self {
            End::Succeeded => Phase::Succeeded,
            End::Failed => Phase::Failed,
        }
    }
}

pub(super) fn run(arguments: SimulateArgs) -> Result<ExitCode, CliError> {
    if let Some(rollouts) = arguments.hunt.rollouts {
        return hunt::run(&arguments.hunt, rollouts, arguments.output);
    }
    let settings = arguments.settings.settings()?;
    let manifests = manifests::read(&arguments.filenames, &arguments.namespace)?;
    let canaries = manifests.iter().filter(|manifest| is_canary(&manifest.object));
    let stories: Vec<Story> = canaries
        .map(|canary| Story::of(canary, &manifests, &settings, &arguments.metrics))
        .collect::<Result<_, _>>()?;
    if stories.is_empty() {
        return Err(CliError::Usage(
            "there is no Canary in these files: name the file that holds it".to_owned(),
        ));
    }
    print(&match arguments.output {
        Output::Text => stories.iter().map(Story::to_string).collect::<Vec<_>>().join("\n"),
        Output::Json => format!("{:#}\n", serde_json::json!(stories)),
    })?;
    let as_expected = |story: &Story| arguments.expect.is_none_or(|end| story.end() == Some(end.phase()));
    let good = stories.iter().all(|story| !story.is_refused() && as_expected(story));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
