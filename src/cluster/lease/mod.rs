//! Leader election on a Lease: at most one replica writes. All others go on watching and serving admission.

mod decide;
mod leadership;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, ResourceExt, api::PostParams};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, info, warn};

use self::decide::{Sighting, Step, decide};
pub use self::leadership::Leadership;
use super::{calls::timed, error::ClusterError};

/// How long a leader leads after a renewal, as others see it.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long it allows itself to begin writes after the beginning of its last renewal.
const ACTS: Duration = Duration::from_secs(10);
/// Pause between renewals, and between looks at a foreign lease.
const RENEW: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How long one call may take; two of them fit into what a leader allows itself.
const LIMIT: Duration = Duration::from_secs(4);

/// A candidate for leadership.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    seen: Option<Sighting>,
    acquired: Option<MicroTime>,
    leadership: watch::Sender<Leadership>,
}

impl Candidate {
    /// A candidate named `identity` (unique among replicas: the pod's name and something random) for the Lease of this name.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
    ) -> (Self, watch::Receiver<Leadership>) {
        let (leadership, receiver) = watch::channel(Leadership::default());
        let leases = Api::namespaced(client, namespace);
        let (name, identity) = (name.to_owned(), identity.to_owned());
        (Candidate { leases, name, identity, seen: None, acquired: None, leadership }, receiver)
    }

    /// Takes the lease when it is free and renews it, for ever. Cancel it by dropping the future, then `release`.
    pub async fn run(&mut self) {
        loop {
            let pause = match self.round().await {
                Ok(pause) => pause,
                Err(error) => {
                    warn!(%error, "leader election: a round failed; it is tried again");
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Gives the lease back so that another replica need not wait for its end. Call it after the last write has ended.
    pub async fn release(&mut self) {
        let led = self.leadership.borrow().ends.is_some_and(|end| Instant::now() < end);
        self.leadership.send_modify(|leadership| *leadership = Leadership::default());
        let Some(seen) = self.seen.take().filter(|seen| led && seen.holder == self.identity) else { return };
        let free = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            lease_transitions: Some(seen.transitions),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        };
        match self.write(free, Some(&seen.version)).await {
            Ok(_) => info!(lease = self.name, "leadership given back"),
            Err(error) => warn!(%error, "leadership not given back; it ends by itself"),
        }
    }

    /// One look and, if it is due, one write. Returns the pause until the next.
    async fn round(&mut self) -> Result<Duration, ClusterError> {
        // The holder knows the lease: nobody else writes it while it lasts, and if somebody does, the write is refused.
        let renews = self.seen.as_ref().is_some_and(|seen| seen.holder == self.identity);
        if !renews {
            self.look().await?;
        }
        let step = decide(self.seen.as_ref(), &self.identity, Instant::now());
        if let Step::Wait(until) = step {
            let holder = self.seen.as_ref().map(|seen| seen.holder.clone()).unwrap_or_default();
            self.publish(Leadership { holder, ..Leadership::default() });
            let left = until.saturating_duration_since(Instant::now());
            return Ok(left.clamp(Duration::from_millis(100), jittered(RENEW)));
        }
        let begun = Instant::now();
        let (spec, version) = self.claim();
        match self.write(spec, version.as_deref()).await {
            Ok(lease) => {
                self.see(&lease);
                self.acquired = lease.spec.and_then(|spec| spec.acquire_time);
                self.publish(Leadership {
                    holder: self.identity.clone(),
                    acts_until: Some(begun + ACTS),
                    ends: Some(begun + DURATION),
                });
                Ok(jittered(RENEW))
            }
            Err(error) if matches!(error.code(), Some(404 | 409)) => {
                debug!(lease = self.name, "somebody else wrote the lease; it is looked at again");
                self.look().await?;
                let holder = self.seen.as_ref().map(|seen| seen.holder.clone()).unwrap_or_default();
                if holder != self.identity {
                    self.publish(Leadership { holder, ..Leadership::default() });
                }
                Ok(jittered(RETRY))
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&mut self) -> Result<(), ClusterError> {
        let what = format!("reading Lease {}", self.name);
        match timed(&what, LIMIT, self.leases.get_opt(&self.name)).await? {
            Some(lease) => self.see(&lease),
            None => self.seen = None,
        }
        Ok(())
    }

    fn see(&mut self, lease: &Lease) {
        let version = lease.resource_version().unwrap_or_default();
        let spec = lease.spec.clone().unwrap_or_default();
        self.seen = Some(Sighting::of(&spec, &version, self.seen.as_ref(), Instant::now()));
    }

    async fn write(&self, spec: LeaseSpec, version: Option<&str>) -> Result<Lease, ClusterError> {
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            resource_version: version.map(str::to_owned),
            ..ObjectMeta::default()
        };
        let lease = Lease { metadata, spec: Some(spec) };
        let what = format!("writing Lease {}", self.name);
        let parameters = PostParams::default();
        match version {
            Some(_) => timed(&what, LIMIT, self.leases.replace(&self.name, &parameters, &lease)).await,
            None => timed(&what, LIMIT, self.leases.create(&parameters, &lease)).await,
        }
    }

    fn publish(&self, next: Leadership) {
        let now = Instant::now();
        let leads = next.is_leader(now);
        if leads != self.leadership.borrow().is_leader(now) {
            info!(lease = self.name, holder = next.holder, leads, "leadership changed");
        }
        self.leadership.send_replace(next);
    }

    /// The lease with us as its holder, and the version that it replaces.
    fn claim(&self) -> (LeaseSpec, Option<String>) {
        let ours = self.seen.as_ref().is_some_and(|seen| seen.holder == self.identity);
        let now = MicroTime(Timestamp::now());
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            renew_time: Some(now.clone()),
            acquire_time: self.acquired.clone().filter(|_| ours).or(Some(now)),
            lease_transitions: self.seen.as_ref().map(|seen| seen.transitions + i32::from(!ours)).or(Some(0)),
            ..LeaseSpec::default()
        };
        (spec, self.seen.as_ref().map(|seen| seen.version.clone()))
    }
}

/// A little less than `pause`, so that replicas do not fall into step.
fn jittered(pause: Duration) -> Duration {
    let random = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
    let share = std::hash::Hasher::finish(&random) % 200;
    pause - pause * u32::try_from(share).unwrap_or(0) / 1000
}
