//! Keeps a certificate served: from the Secret that all replicas share, or from files. Runs on every replica;
//! telling the API server is the business of the [`Injector`], which runs on the leader.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client};
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::files::{Files, Look, PERIOD};
use super::resolver::server_config;
use super::store::{Store, Written, material, request};
use super::{
    Action, Bundle, Error, Facts, Injector, Material, Names, Policy, Resolver, Situation, make, plan,
};
use crate::sentence;

/// Steps of one settling: a start or a rollover takes three at most, the rest is for lost races.
const STEPS: usize = 8;
/// Rest after a write, so that replicas whose clocks disagree cannot drive each other round.
const REST: Duration = Duration::from_secs(2);

/// Who makes the certificate.
#[derive(Debug, Clone)]
pub enum Source {
    /// Sluice itself.
    BuiltIn(Policy),
    /// Somebody else, into a directory with `tls.crt`, `tls.key` and perhaps `ca.crt`.
    Files(PathBuf),
}

/// Where we live.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our own namespace.
    pub namespace: String,
    /// Full name of the installation: the Secret is `<name>-certs`, the webhook configurations are `<name>`.
    pub name: String,
    /// Name of the Service that the API server calls.
    pub service: String,
}

/// Holds the served certificate and the bundle that goes with it.
#[derive(Clone)]
pub struct Keeper {
    client: Client,
    settings: Settings,
    source: Source,
    names: Names,
    resolver: Arc<Resolver>,
    tls: Arc<ServerConfig>,
    bundle: watch::Sender<Option<Bundle>>,
}

impl Keeper {
    /// Prepares everything and reads nothing yet: not ready until [`Keeper::run`] loaded a pair.
    pub fn start(client: Client, settings: Settings, source: Source) -> Result<Self, Error> {
        let resolver = Arc::new(Resolver::default());
        let tls = Arc::new(server_config(resolver.clone())?);
        let names = Names::of_service(&settings.service, &settings.namespace);
        Ok(Self { client, settings, source, names, resolver, tls, bundle: watch::Sender::new(None) })
    }

    /// What the HTTPS endpoint serves with; follows every rotation by itself.
    pub fn tls_config(&self) -> Arc<ServerConfig> {
        self.tls.clone()
    }

    /// Whether a certificate is being served.
    pub fn ready(&self) -> bool {
        self.resolver.ready()
    }

    /// What the served certificate says.
    pub fn facts(&self) -> Option<Facts> {
        self.resolver.facts()
    }

    /// The bundle that clients must trust, now and whenever it changes.
    pub fn bundle(&self) -> watch::Receiver<Option<Bundle>> {
        self.bundle.subscribe()
    }

    /// What tells the API server; nothing if the certificate is somebody else's, who then injects too.
    pub fn injector(&self) -> Option<Injector> {
        match self.source {
            Source::BuiltIn(_) => Some(self.publisher()),
            Source::Files(_) => None,
        }
    }

    /// Loads, serves and rotates until `shutdown`. Never fails: an error is logged and tried again.
    pub async fn run(&self, shutdown: CancellationToken) {
        let work = async {
            match &self.source {
                Source::BuiltIn(policy) => self.keep_secret(policy).await,
                Source::Files(directory) => self.keep_files(Files::new(directory)).await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }

    async fn keep_files(&self, mut files: Files) {
        loop {
            match files.look(&self.resolver).await {
                Ok(Look::Same) => {}
                Ok(Look::Loaded(bundle)) => {
                    self.bundle.send_replace(bundle);
                    self.log_serving();
                }
                Err(error) => tracing::error!(
                    error = sentence::of(&error),
                    "certificate files not loaded; what was served before is served on"
                ),
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    async fn keep_secret(&self, policy: &Policy) {
        let name = format!("{}-certs", self.settings.name);
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.settings.namespace);
        let store = Store::new(api.clone(), name.clone());
        let mut events = std::pin::pin!(watch_object(api, &name).default_backoff());
        let mut held: Option<Secret> = None;
        // Nothing is decided before the first answer of the watch.
        let mut known = false;
        let mut failures: u32 = 0;
        let mut check = Instant::now() + check_period(policy);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(found)) => { held = found; known = true; }
                    Some(Err(error)) => {
                        tracing::warn!(secret = name, error = sentence::of(&error), "watch of the certificate Secret interrupted");
                        continue;
                    }
                    None => return,
                },
                () = tokio::time::sleep_until(check) => {}
            }
            if !known {
                check = Instant::now() + check_period(policy);
                continue;
            }
            let clock = Clock::ask(&self.client).await;
            if let Some(complaint) = clock.complaint() {
                tracing::error!("{complaint}");
            }
            match self.settle(&store, &mut held, policy, || clock.corrected(Timestamp::now())).await {
                Ok(wrote) => {
                    failures = 0;
                    if wrote {
                        tokio::time::sleep(REST.min(policy.overlap.unsigned_abs())).await;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::error!(
                        secret = name,
                        error = sentence::of(&error),
                        "certificates not settled; trying again"
                    );
                }
            }
            check = Instant::now() + if failures == 0 { check_period(policy) } else { backoff(failures) };
        }
    }

    /// Serves what the Secret holds and takes the steps that are due. True if something was written.
    pub(super) async fn settle(
        &self,
        store: &Store,
        held: &mut Option<Secret>,
        policy: &Policy,
        clock: impl Fn() -> Timestamp,
    ) -> Result<bool, Error> {
        let mut wrote = false;
        for _ in 0..STEPS {
            let current = held.as_ref().and_then(|secret| self.understood(secret));
            if let Some(material) = &current {
                self.serve(material);
            }
            let request = held.as_ref().and_then(request);
            let mut situation =
                Situation { names: &self.names, now: clock(), policy, request, published: true };
            let mut action = plan(current.as_ref(), &situation);
            if let (Action::SwitchLeaf, Some(material)) = (action, &current) {
                situation.published = self.publisher().published(&material.bundle()).await?;
                if !situation.published {
                    tracing::warn!(
                        "the new authority is not in every caBundle yet; the old one goes on signing"
                    );
                    action = plan(current.as_ref(), &situation);
                }
            }
            if action == Action::Nothing {
                return Ok(wrote);
            }
            let next = make(action, current.as_ref(), &situation)?;
            match store.write(held.as_ref(), &next).await? {
                Written::Stored(secret) => {
                    tracing::info!(?action, "certificates written");
                    *held = Some(*secret);
                    wrote = true;
                }
                Written::Lost => *held = store.read().await?,
            }
        }
        Err(Error::Contended { doing: "settle the certificates".to_owned() })
    }

    fn understood(&self, secret: &Secret) -> Option<Material> {
        material(secret)
            .inspect_err(|error| {
                tracing::warn!(
                    error = sentence::of(error),
                    "the certificate Secret is of no use; starting over"
                )
            })
            .ok()
    }

    fn serve(&self, material: &Material) {
        match self.resolver.load(&material.leaf) {
            Ok(true) => self.log_serving(),
            Ok(false) => {}
            // The next step renews it; what was served before stays.
            Err(error) => tracing::warn!(error = sentence::of(&error), "stored certificate refused"),
        }
        let bundle = material.bundle();
        self.bundle.send_if_modified(|known| {
            let changed = known.as_ref() != Some(&bundle);
            *known = Some(bundle);
            changed
        });
    }

    fn log_serving(&self) {
        let Some(facts) = self.facts() else { return };
        tracing::info!(not_after = %facts.not_after, "serving a new certificate");
        // Served all the same: there is none better, and the clock that counts is the API server's.
        if let Some(complaint) = facts.complaint(Timestamp::now()) {
            tracing::error!("{complaint}");
        }
    }

    fn publisher(&self) -> Injector {
        Injector::new(self.client.clone(), self.settings.name.clone(), self.bundle.clone())
    }
}

/// An hour, or less where lives are short (tests).
fn check_period(policy: &Policy) -> Duration {
    let shortest = policy.overlap.min(policy.leaf / 30).min(SignedDuration::from_hours(1));
    shortest.unsigned_abs().max(Duration::from_secs(1))
}

fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(6))
}
