//! `sluice validate`: the gate's rules over the objects in files, without a cluster.

mod github;
mod json;
mod report;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use std::{
    env,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

use super::{CliError, manifests, print, settings::SettingsArgs};
use report::Report;

/// Judges the Canaries, MetricTemplates and AlertProviders in files by the gate's rules, without a cluster. What else is in
/// the files is context: targets, autoscalers, templates that rules look at.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ValidateArgs {
    /// Files, folders or `-` for standard input: YAML and JSON with many documents, lists as `kubectl get` prints them.
    #[arg(value_name = "PATH", num_args = 1.., required = true)]
    paths: Vec<PathBuf>,
    /// Namespace of objects that name none.
    #[arg(short = 'n', long, default_value = "default")]
    namespace: String,
    /// Form of the answer.
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    output: Output,
    /// Refuse for warnings too.
    #[arg(long)]
    strict: bool,
    /// Take the files for all that there is: what they lack is missing. Else the cluster may have it, and nothing is said.
    #[arg(long)]
    complete: bool,
    /// Tell errors only (with --strict warnings too), and nothing when there are none.
    #[arg(short = 'q', long)]
    quiet: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  sluice validate canary.yaml
  sluice validate deploy/ --complete
  helm template podinfo ./chart | sluice validate -
  kubectl get canary,deployment -A -o yaml | sluice validate -
  sluice validate --output github deploy/

Hidden entries of folders, and Helm charts in them, are passed over. `sluice rules SL404` explains a rule.
Exit codes: 0 nothing is refused, 1 an object is refused, 2 wrong use, or a file or document that cannot be read.";

/// Form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// A list of problems.
    Json,
    /// Workflow commands, from which GitHub makes annotations.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

pub(super) fn run(arguments: ValidateArgs) -> Result<ExitCode, CliError> {
    let settings = arguments.settings.settings()?;
    let reading = manifests::read_all(&arguments.paths, &arguments.namespace);
    let mut report = Report::of(reading, &settings, arguments.complete);
    if arguments.quiet {
        report.keep_quiet(arguments.strict);
    }
    let shown = match arguments.output {
        Output::Text => text::of(&report, arguments.quiet, wants_colour()),
        Output::Json => json::of(&report)?,
        Output::Github => github::of(&report),
        Output::Sarif => sarif::of(&report),
    };
    if matches!(arguments.output, Output::Json | Output::Sarif) {
        // What reads the answer needs to see it whole; people see here why it is not.
        report.faults.iter().for_each(|fault| eprintln!("sluice: {}: {}", fault.place, fault.why));
    }
    print(&shown)?;
    Ok(ExitCode::from(report.code(arguments.strict)))
}

/// Whether a person with a colour screen reads the answer, see <https://no-color.org>.
fn wants_colour() -> bool {
    io::stdout().is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}
