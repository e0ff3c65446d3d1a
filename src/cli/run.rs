//! `sluice run`: the controller and the gate.

use std::{future::Future, net::SocketAddr, path::PathBuf, process::ExitCode};

use super::{
    CliError,
    telemetry::{self, LogFormat},
};
use crate::{
    api::{Duration, Provider},
    controller,
    rollout::Settings,
    routing,
};

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
    /// Prometheus of builtin metrics and inline queries, for Canaries that name none.
    #[arg(long, default_value = "http://prometheus:9090")]
    metrics_server: String,
    /// Router of Canaries that name none.
    #[arg(long, default_value = "gatewayapi:v1")]
    mesh_provider: Provider,
    /// Class that routes name, where their kind has one (HTTPProxy); none when empty.
    #[arg(long, default_value = "")]
    ingress_class: String,
    /// Candidate selector label keys; the first that a target has wins.
    #[arg(long, value_delimiter = ',', default_value = "app,name,app.kubernetes.io/name")]
    selector_labels: Vec<String>,
    /// Prefixes of labels and annotations that the primary gets from the target; `*` is all.
    #[arg(long, value_delimiter = ',')]
    include_label_prefix: Vec<String>,
    /// Refuse references to metric templates, alert providers and upstreams of other namespaces.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    no_cross_namespace_refs: bool,
    /// How long pods stay after the route took their traffic away.
    #[arg(long, default_value = "5s")]
    route_settle: Duration,
    /// Canaries that are worked on at once.
    #[arg(long, alias = "threadiness", default_value_t = 16)]
    concurrency: u16,
    /// Whether to serve the gate.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true")]
    gate: bool,
    /// Directory with tls.crt, tls.key and ca.crt (cert-manager); issued by Sluice itself when absent.
    #[arg(long)]
    cert_dir: Option<PathBuf>,
    /// How long to go on serving after SIGTERM, so that no call is lost while the endpoint is being removed.
    #[arg(long, default_value = "5s")]
    shutdown_delay: Duration,
    /// Least level that is logged: error, warn, info, debug or trace.
    #[arg(long, default_value = "info")]
    log_level: String,
    /// Form of the log.
    #[arg(long, alias = "zap-encoding", value_enum, default_value = "json")]
    log_format: LogFormat,
}

pub(super) fn run(arguments: RunArgs) -> Result<ExitCode, CliError> {
    telemetry::start(&arguments.log_level, arguments.log_format);
    let positive = |flag: &str, duration: Duration| {
        u64::try_from(duration.nanoseconds())
            .map(std::time::Duration::from_nanos)
            .map_err(|_| CliError::Usage(format!("--{flag} must not be negative")))
    };
    let settings = Settings {
        provider: arguments.mesh_provider,
        selector_labels: trimmed(arguments.selector_labels),
        include_label_prefix: trimmed(arguments.include_label_prefix),
        metrics_server: arguments.metrics_server,
        no_cross_namespace_refs: arguments.no_cross_namespace_refs,
        route_settle: positive("route-settle", arguments.route_settle)?,
        routing: routing::Settings {
            ingress_class: Some(arguments.ingress_class).filter(|class| !class.is_empty()),
        },
    };
    if settings.selector_labels.is_empty() {
        return Err(CliError::Usage("--selector-labels must name at least one label key".to_owned()));
    }
    let options = controller::Options {
        name: arguments.name,
        own_namespace: arguments.own_namespace,
        service_account: arguments.service_account,
        identity: arguments.pod_name,
        namespace: Some(arguments.namespace).filter(|namespace| !namespace.is_empty()),
        https_address: arguments.https_address,
        http_address: arguments.http_address,
        concurrency: arguments.concurrency,
        gate: arguments.gate,
        cert_dir: arguments.cert_dir,
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

fn trimmed(values: Vec<String>) -> Vec<String> {
    values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
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
