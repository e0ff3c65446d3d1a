//! `sluice loadtester`: loads and gates for hooks.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use super::{
    CliError,
    run::block_on,
    settings::positive,
    telemetry::{self, LogFormat, LogLevel},
};
use crate::{
    api::Duration,
    loadtester::{self, Bounds},
    rollout::HookHosts,
};

const EXAMPLES: &str = "\
Examples:
  sluice loadtester --http-address 127.0.0.1:8080
  curl -d '{\"name\": \"podinfo\", \"namespace\": \"shop\"}' http://127.0.0.1:8080/gate/open
  curl -d '{\"name\": \"podinfo\", \"namespace\": \"shop\", \"metadata\": {\"cmd\": \"hey -z 1m -q 10 -c 2 http://podinfo-canary.shop:9898/\"}}' http://127.0.0.1:8080/";

/// Sends loads and keeps gates for hooks of Canaries until SIGTERM.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LoadTesterArgs {
    /// Where hooks are answered, and probes and metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    http_address: SocketAddr,
    /// Where loads may go: cluster (Services of the same cluster), hosts, *.domain, or *; a list with commas.
    #[arg(long, default_value = "cluster")]
    allow_load_hosts: HookHosts,
    /// Most loads at once, over all Canaries.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_loads: u16,
    /// Most connections of one load.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_connections: u32,
    /// Most requests a second of one load.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_rate: u32,
    /// Longest time of one load.
    #[arg(long, alias = "timeout", default_value = "1h")]
    max_time: Duration,
    /// File that open gates are kept in, so that they outlive the process; in memory alone if none.
    #[arg(long)]
    gates_file: Option<PathBuf>,
    /// Bearer token that opening and closing a gate needs; give it by the environment. Anybody may if empty.
    #[arg(long, env = "GATE_TOKEN", hide_env_values = true, default_value = "")]
    gate_token: String,
    /// How long to go on serving after SIGTERM, so that no call is lost while the endpoint is being removed.
    #[arg(long, default_value = "5s")]
    shutdown_delay: Duration,
    /// Least level that is logged.
    #[arg(long, value_enum, ignore_case = true, default_value = "info")]
    log_level: LogLevel,
    /// Form of the log.
    #[arg(long, alias = "zap-encoding", value_enum, default_value = "json")]
    log_format: LogFormat,
}

pub(super) fn run(arguments: LoadTesterArgs) -> Result<ExitCode, CliError> {
    telemetry::start(arguments.log_level, arguments.log_format);
    let options = loadtester::Options {
        http_address: arguments.http_address,
        hosts: arguments.allow_load_hosts,
        bounds: Bounds {
            loads: usize::from(arguments.max_loads),
            connections: arguments.max_connections,
            rate: arguments.max_rate,
            time: positive("max-time", arguments.max_time)?,
        },
        gates_file: arguments.gates_file,
        gate_token: Some(arguments.gate_token).filter(|token| !token.is_empty()),
        shutdown_delay: positive("shutdown-delay", arguments.shutdown_delay)?,
    };
    block_on(async {
        loadtester::run(options).await.map_err(|error| CliError::LoadTester(Box::new(error)))?;
        Ok(ExitCode::SUCCESS)
    })
}
