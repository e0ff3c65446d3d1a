//! `sluice run`: the controller and the gate.

use std::{future::Future, net::SocketAddr, path::PathBuf, process::ExitCode};

use super::{
    CliError,
    alerts::AlertArgs,
    settings::{SettingsArgs, positive},
    telemetry::{self, LogFormat, LogLevel},
};
use crate::{api::Duration, controller};

/// Runs the controller and the gate until SIGTERM.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sluice run --metrics-server http://prometheus.monitoring:9090 --log-format text"
)]
pub struct RunArgs {
    /// Full name of the installation: of its Service, webhook configurations, Secret and Lease.
    #[arg(long, env = "SLUICE_NAME", default_value = "sluice")]
    name: String,
    /// Namespace that Sluice runs in.
    #[arg(long, env = "POD_NAMESPACE", default_value = "sluice-system")]
    own_namespace: String,
    /// Service account that Sluice runs as; its own writes pass the gate.
    #[arg(long, default_value = "sluice")]
    service_account: String,
    /// Name of this replica.
    #[arg(long, env = "POD_NAME", default_value = "sluice")]
    pod_name: String,
    /// The only namespace whose Canaries are looked at; all when empty.
    #[arg(long, default_value = "")]
    namespace: String,
    /// Where admission is served.
    #[arg(long, default_value = "0.0.0.0:8443")]
    https_address: SocketAddr,
    /// Where probes and metrics are served.
    #[arg(long, default_value = "0.0.0.0:8080")]
    http_address: SocketAddr,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Canaries that are worked on at once.
    #[arg(long, alias = "threadiness", default_value_t = 16)]
    concurrency: u16,
    /// Rollouts that go on at once; further ones wait for their turn. 0 is no bound.
    #[arg(long, default_value_t = 100)]
    max_rollouts: usize,
    /// Rollouts that go on at once in one namespace. 0 is no bound.
    #[arg(long, default_value_t = 20)]
    max_rollouts_per_namespace: usize,
    /// Whether Secrets that MetricTemplates and AlertProviders name are read; without the right to them, false says so to their users.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true")]
    metric_secrets: bool,
    /// Whether to serve the gate.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true")]
    gate: bool,
    /// Directory with tls.crt, tls.key and ca.crt (cert-manager); issued by Sluice itself when absent.
    #[arg(long)]
    cert_dir: Option<PathBuf>,
    /// How long a new certificate authority stands in every `caBundle` before it signs.
    #[arg(long, default_value = "1h")]
    ca_overlap: Duration,
    /// Where events of Canaries without an event hook are told.
    #[arg(long, env = "EVENT_WEBHOOK_URL", hide_env_values = true, default_value = "")]
    event_webhook: String,
    #[command(flatten)]
    alerts: AlertArgs,
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

pub(super) fn run(arguments: RunArgs) -> Result<ExitCode, CliError> {
    telemetry::start(arguments.log_level, arguments.log_format);
    let settings = arguments.settings.settings()?;
    let options = controller::Options {
        name: arguments.name,
        own_namespace: arguments.own_namespace,
        service_account: arguments.service_account,
        identity: arguments.pod_name,
        namespace: Some(arguments.namespace).filter(|namespace| !namespace.is_empty()),
        https_address: arguments.https_address,
        http_address: arguments.http_address,
        concurrency: arguments.concurrency,
        bounds: controller::Bounds {
            all: Some(arguments.max_rollouts).filter(|bound| *bound > 0),
            namespace: Some(arguments.max_rollouts_per_namespace).filter(|bound| *bound > 0),
        },
        metric_secrets: arguments.metric_secrets,
        gate: arguments.gate,
        cert_dir: arguments.cert_dir,
        ca_overlap: positive("ca-overlap", arguments.ca_overlap)?,
        event_webhook: Some(arguments.event_webhook).filter(|url| !url.is_empty()),
        alerting: arguments.alerts.alerting(),
        shutdown_delay: positive("shutdown-delay", arguments.shutdown_delay)?,
    };
    block_on(async {
        let client = client().await?;
        controller::run(client, settings, options)
            .await
            .map_err(|error| CliError::cluster("running", error))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A client for the cluster of the kubeconfig, or of the pod's service account.
pub(super) async fn client() -> Result<kube::Client, CliError> {
    kube::Client::try_default()
        .await
        .map_err(|error| CliError::cluster("finding a cluster (set KUBECONFIG, or run in a pod)", error))
}

/// Runs a future on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Io { what: "starting the runtime".to_owned(), source })?
        .block_on(future)
}
