//! The load tester: a companion for hooks of Canaries. It sends HTTP load when a hook asks for it in the words of `hey`, and keeps
//! gates that people open and close; paths and payloads are those of the peer's load tester. It starts no program and no shell,
//! needs no right in the cluster, and loads only hosts that the operator allows, within bounds.

mod api;
mod bounds;
mod gates;
mod generate;
mod hey;
mod load;
mod loads;
mod metrics;
mod report;
mod tally;
mod task;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::{
    rollout::HookHosts,
    server::{self, Drain},
};
pub use bounds::Bounds;
pub use gates::GateError;
use gates::Gates;
use loads::Loads;
use metrics::Metrics;

/// How long calls in flight may take at the end.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// How the load tester runs.
#[derive(Debug)]
pub struct Options {
    /// Where hooks are answered, and probes and metrics.
    pub http_address: SocketAddr,
    /// The hosts that loads may go to.
    pub hosts: HookHosts,
    /// The most that is done.
    pub bounds: Bounds,
    /// The file that open gates are kept in; in memory alone if none.
    pub gates_file: Option<PathBuf>,
    /// What whoever opens or closes a gate has to bring; anybody may if none.
    pub gate_token: Option<String>,
    /// How long to go on serving after the signal to end.
    pub shutdown_delay: Duration,
}

/// Why the load tester ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum LoadTesterError {
    /// Its endpoint.
    #[error("serving hooks")]
    Serve(#[from] server::Error),
    /// The gates that were open.
    #[error("reading the gates that were open")]
    Gates(#[from] GateError),
    /// Signals.
    #[error("listening for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs until SIGTERM or SIGINT; loads that run then are broken off.
pub async fn run(options: Options) -> Result<(), LoadTesterError> {
    let shutdown = CancellationToken::new();
    server::end_on_signal(&shutdown).map_err(LoadTesterError::Signals)?;
    let listener = server::bind(options.http_address).await?;
    let drain = Drain { delay: options.shutdown_delay, limit: LAST_CALLS };
    let router = api::router(service(&options, &shutdown).await?, shutdown.clone());
    tracing::info!(address = %options.http_address, "the load tester answers hooks");
    Ok(server::http(listener, router, shutdown, drain).await?)
}

/// What answers, made of the options.
async fn service(options: &Options, shutdown: &CancellationToken) -> Result<api::Service, GateError> {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let gates = Gates::open(options.gates_file.clone(), metrics.clone()).await?;
    let loads = Loads::new(options.hosts.clone(), options.bounds, metrics, shutdown.clone());
    Ok(api::Service {
        gates,
        loads: Arc::new(loads),
        token: options.gate_token.clone(),
        registry: Arc::new(registry),
    })
}
