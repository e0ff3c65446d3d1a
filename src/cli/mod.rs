//! The command line: one file a subcommand. Everything that the program does can be reached from here.

mod alerts;
mod crds;
mod loadtester;
mod manifests;
mod plan;
mod routers;
mod rules;
mod run;
mod settings;
mod simulate;
mod spelling;
mod telemetry;
#[cfg(test)]
mod tests;
mod validate;
mod webhook_config;

use std::{error::Error, ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

pub use run::RunArgs;

/// Progressive delivery for Kubernetes with a gate in front.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sluice run --metrics-server http://prometheus.monitoring:9090
  sluice crds | kubectl apply --server-side -f -
  sluice validate deploy/
  sluice plan -f canary.yaml -f deployment.yaml
  sluice simulate -f canary.yaml
  sluice rules SL101
  sluice loadtester

Exit codes: 0 done, 1 refused or failed, 2 wrong use.
Long flags may be written with one dash, as the peer has them.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the controller and the gate.
    Run(Box<RunArgs>),
    /// Prints the custom resource definitions, or applies them.
    Crds(crds::CrdsArgs),
    /// Prints the admission webhook configurations.
    WebhookConfig(webhook_config::WebhookConfigArgs),
    /// Prints the gate's rules, or explains one.
    Rules(rules::RulesArgs),
    /// Judges the objects in files by the gate's rules, without a cluster.
    Validate(Box<validate::ValidateArgs>),
    /// Prints what Sluice will do for the Canaries in files, without a cluster.
    Plan(Box<plan::PlanArgs>),
    /// Plays a rollout of the Canaries in files, without a cluster.
    Simulate(Box<simulate::SimulateArgs>),
    /// Prints the routers and what each can do.
    Routers(routers::RoutersArgs),
    /// Sends loads and keeps gates for hooks.
    #[command(name = "loadtester")]
    LoadTester(Box<loadtester::LoadTesterArgs>),
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A file, the standard output or a socket.
    #[error("{what}")]
    Io {
        /// What we were doing.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file that holds something else than objects of Kubernetes.
    #[error("{place}: {fault}")]
    Manifest {
        /// The file and the document in it.
        place: String,
        /// What is wrong, and the way out.
        fault: String,
    },
    /// The cluster.
    #[error("{what}")]
    Cluster {
        /// What we were doing.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The load tester.
    #[error("running the load tester")]
    LoadTester(#[source] Box<crate::loadtester::LoadTesterError>),
    /// What was to be printed.
    #[error("writing the objects as YAML")]
    Print(#[source] Box<dyn Error + Send + Sync>),
    /// An argument that parses but cannot be meant.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    fn cluster(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        CliError::Cluster { what: what.into(), source: source.into() }
    }
}

/// Runs the command that the arguments name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode, CliError> {
    let cli = Cli::parse_from(spelling::with_two_dashes(arguments));
    // One TLS provider for the whole process; a second installation (tests) is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli.command {
        Command::Run(arguments) => run::run(*arguments),
        Command::Crds(arguments) => crds::run(&arguments),
        Command::WebhookConfig(arguments) => webhook_config::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Validate(arguments) => validate::run(*arguments),
        Command::Plan(arguments) => plan::run(*arguments),
        Command::Simulate(arguments) => simulate::run(*arguments),
        Command::Routers(arguments) => routers::run(&arguments),
        Command::LoadTester(arguments) => loadtester::run(*arguments),
    }
}

/// Writes to standard output; a closed pipe is no error.
fn print(text: &str) -> Result<ExitCode, CliError> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(source) => Err(CliError::Io { what: "writing to standard output".to_owned(), source }),
    }
}
