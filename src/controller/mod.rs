//! The loop, and everything that runs around it: watches, leadership, the gate's endpoint, probes, the end.

mod alerts;
mod asks;
mod catalog;
mod gate;
mod lead;
mod leaving;
mod look;
mod metrics;
mod probes;
mod problems;
mod queue;
mod reads;
mod slots;
mod statuses;
mod tell;
#[cfg(test)]
mod testing;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, RwLock, atomic::AtomicBool},
    time::Duration,
};

use jiff::SignedDuration;
use prometheus_client::registry::Registry;
use reqwest::Url;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admission::{self, Catalog},
    certs::{self, Keeper, Policy, Source},
    cluster::{Announcer, Candidate, Cluster, Duty},
    egress,
    hooks::Hooks,
    providers::{Limits, ProviderError, Providers},
    rollout::Settings,
    server::{self, Drain},
};
pub use alerts::Alerting;
use alerts::Alerts;
use asks::Asks;
use catalog::Follower;
use metrics::Metrics;
pub use slots::Bounds;
use tell::Teller;

/// How long calls in flight may take at the end.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// Where and as what this replica runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Full name of the installation.
    pub name: String,
    /// Namespace that it runs in.
    pub own_namespace: String,
    /// Service account that it runs as.
    pub service_account: String,
    /// Name of this replica.
    pub identity: String,
    /// The only namespace that is looked at; all if none.
    pub namespace: Option<String>,
    /// Where admission is served.
    pub https_address: SocketAddr,
    /// Where probes and metrics are served.
    pub http_address: SocketAddr,
    /// Canaries that are worked on at once.
    pub concurrency: u16,
    /// Rollouts that go on at once.
    pub bounds: Bounds,
    /// Whether Secrets of metric servers and chat rooms are read.
    pub metric_secrets: bool,
    /// Whether admission is served.
    pub gate: bool,
    /// Directory of a certificate that somebody else issues.
    pub cert_dir: Option<PathBuf>,
    /// How long a new authority of our own stands in the bundle before it signs.
    pub ca_overlap: Duration,
    /// Who hears of the events of Canaries without an event hook.
    pub event_webhook: Option<String>,
    /// Who is alerted about Canaries that name nobody.
    pub alerting: Alerting,
    /// How long to go on serving after the signal to end.
    pub shutdown_delay: Duration,
}

/// Why the program ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// An endpoint.
    #[error("serving {what}")]
    Serve {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: server::Error,
    },
    /// The certificates.
    #[error("preparing the certificates")]
    Certificates(#[source] certs::Error),
    /// The client of metric servers.
    #[error("preparing the client of metric servers")]
    Providers(#[source] ProviderError),
    /// Signals.
    #[error("listening for signals")]
    Signals(#[source] std::io::Error),
    /// A watch, which must never end.
    #[error("the watch of {0} ended; the process ends too, to begin anew")]
    Watch(&'static str),
}

/// Runs until SIGTERM or SIGINT, then ends in order: no new work, work in flight, the lease, the endpoints.
pub async fn run(client: kube::Client, settings: Settings, options: Options) -> Result<(), ControllerError> {
    let shutdown = CancellationToken::new();
    server::end_on_signal(&shutdown).map_err(ControllerError::Signals)?;
    let tasks = TaskTracker::new();
    let mut registry = Registry::default();
    let (announcer, poster) = Announcer::new(client.clone(), &options.identity);
    // What every replica knows.
    let (cluster, touched) = Cluster::new(client.clone(), options.namespace.clone());
    let provider = settings.provider.as_str();
    let metrics = Metrics::new(&mut registry, provider, &announcer.lost(), cluster.failures());
    let gate_metrics = server::Metrics::register(&mut registry);
    let cluster = cluster.hearing(&settings.config_tracking.watched());
    let cluster = if options.metric_secrets { cluster } else { cluster.without_credentials() };
    let catalog = Arc::new(RwLock::new(Catalog::new(settings.provider)));
    let wake = Arc::new(RwLock::new(None));
    let naming = Arc::new(AtomicBool::new(false));
    let watches = CancellationToken::new();
    let mut catalog_watches = cluster.watch(Duty::Catalog, &watches);
    let follower = Follower {
        cluster: cluster.clone(),
        catalog: catalog.clone(),
        metrics: metrics.clone(),
        wake: wake.clone(),
        naming: naming.clone(),
    };
    tasks.spawn(follower.run(touched));

    // The certificate and who tells the API server of it.
    let keeper = keeper(client.clone(), &options)?;
    if options.gate {
        let (keeper, stop) = (keeper.clone(), watches.clone());
        tasks.spawn(async move { keeper.run(stop).await });
    }
    let served = keeper.clone();
    server::register_certificate(&mut registry, move || served.facts());

    // The loop, while this replica leads.
    let (candidate, leadership) = Candidate::new(
        client.clone(),
        &options.own_namespace,
        &format!("{}-leader", options.name),
        &format!("{}_{}", options.identity, uuid()),
    );
    let (answered, answers) = mpsc::unbounded_channel();
    let metric_server = Url::parse(&settings.metrics_server).ok().map(|url| egress::authority(&url));
    let own = move |host: &str| metric_server.as_deref() == Some(host);
    let providers = Providers::new(Limits::default(), own).map_err(ControllerError::Providers)?;
    let hooks = Arc::new(Hooks::new(settings.hook_hosts.clone()));
    let (tell, told) = mpsc::unbounded_channel();
    let asks = Asks::new(cluster.clone(), providers, hooks.clone(), answered);
    let settings = Arc::new(settings);
    let alerts = Alerts::new(
        cluster.clone(),
        announcer.clone(),
        settings.clone(),
        options.alerting.clone(),
        metrics.clone(),
    );
    let teller = Teller::new(hooks, options.event_webhook.clone(), asks.clone(), alerts, metrics.clone());
    let telling = tokio::spawn(async move {
        tokio::join!(teller.run(told), poster.run());
    });
    let schema = lead::watch_schema(client);
    let leader = lead::Leader {
        schema: schema.clone(),
        catalog_watches: catalog_watches.health(),
        cluster: cluster.clone(),
        catalog: catalog.clone(),
        settings: settings.clone(),
        metrics,
        announcer,
        asks,
        tell,
        wake,
        naming,
        injector: if options.gate { keeper.injector() } else { None },
        concurrency: usize::from(options.concurrency),
        bounds: options.bounds,
    };
    let leading = leader.run(candidate, leadership, answers, shutdown.clone());
    let leading = tokio::spawn(async move {
        leading.await;
        tell::last_words(telling).await;
    });

    // The endpoints.
    let canaries = probes::indispensable(&catalog_watches.health());
    let mut status = probes::hearing(server::Status::new(Arc::new(registry), shutdown.clone()), &canaries)
        .ready("schema", move || schema.borrow().clone());
    if options.gate {
        let keeper = keeper.clone();
        let known = catalog.clone();
        status = status
            .ready(
                "certificate",
                move || if keeper.ready() { Ok(()) } else { Err("none is served yet".to_owned()) },
            )
            .ready("catalog", move || catalog::is_synced(&known));
    }
    let drain = Drain { delay: options.shutdown_delay, limit: LAST_CALLS };
    let serve = |what| move |source| ControllerError::Serve { what, source };
    let listener = server::bind(options.http_address).await.map_err(serve("probes and metrics"))?;
    // Probes are answered until the gate has drained.
    let drained = CancellationToken::new();
    let at_once = Drain { delay: Duration::ZERO, limit: Duration::from_secs(1) };
    let plain = server::http(listener, status.router(), drained.clone(), at_once);
    let gate = async {
        if !options.gate {
            shutdown.cancelled().await;
            return Ok(());
        }
        let own = format!("system:serviceaccount:{}:{}", options.own_namespace, options.service_account);
        let gate = admission::Gate::new(settings.as_ref().clone(), own);
        let gate = gate::Gate::new(cluster.clone(), catalog.clone(), gate);
        let listener = server::bind(options.https_address).await?;
        let router = server::router(Arc::new(gate), gate_metrics);
        server::https(listener, keeper.tls_config(), router, shutdown.clone(), drain).await
    };
    let sync = async {
        probes::known(&canaries, Instant::now()).await;
        catalog::mark_synced(&catalog);
        match catalog_watches.ended().await {
            Some(kind) if !shutdown.is_cancelled() => Err(ControllerError::Watch(kind)),
            _ => Ok(()),
        }
    };
    let served = async {
        let (plain, gate) = tokio::join!(plain, async {
            let ended = gate.await;
            drained.cancel();
            ended
        });
        plain.map_err(serve("probes and metrics")).and(gate.map_err(serve("admission")))
    };
    let ended = tokio::select! {
        ended = served => ended,
        Err(error) = sync => Err(error),
    };
    shutdown.cancel();
    // The loop ends first of all, and what it said is heard while the endpoints drain; a lost one has already been told.
    let _ = leading.await;
    watches.cancel();
    ended
}

fn keeper(client: kube::Client, options: &Options) -> Result<Keeper, ControllerError> {
    let source = match &options.cert_dir {
        Some(directory) => Source::Files(directory.clone()),
        None => {
            let overlap = SignedDuration::try_from(options.ca_overlap).unwrap_or(SignedDuration::MAX);
            Source::BuiltIn(Policy { overlap, ..Policy::default() })
        }
    };
    let settings = certs::Settings {
        namespace: options.own_namespace.clone(),
        name: options.name.clone(),
        service: options.name.clone(),
    };
    Keeper::start(client, settings, source).map_err(ControllerError::Certificates)
}

/// Something that no other start of this replica has.
fn uuid() -> String {
    format!("{:x}", jiff::Timestamp::now().as_nanosecond())
}
