//! Leader election on a Lease: at most one replica writes. What a replica reads, writes and waits for is decided here; the API
//! server and the clock come in as [`Leases`], so that a simulation bids as production does.

mod decide;
mod leadership;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use tokio::time::Instant;

use self::decide::{Sighting, Step, decide};
pub use self::leadership::Leadership;

/// How long a leader leads after a renewal, as others see it.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long it allows itself to begin writes after the beginning of its last renewal.
const ACTS: Duration = Duration::from_secs(10);
/// Pause between renewals, and between looks at a foreign lease.
pub const RENEW: Duration = Duration::from_secs(5);
/// Pause after a failure.
pub const RETRY: Duration = Duration::from_secs(1);
/// The shortest pause before the end of a foreign lease.
const SOON: Duration = Duration::from_millis(100);

/// The one Lease of an installation, and a clock.
pub trait Leases {
    /// Why a call did not pass.
    type Error;

    /// The time by a clock that never jumps, for decisions.
    fn now(&self) -> Instant;

    /// The time of day, for people who read the Lease.
    fn time(&self) -> Timestamp;

    /// The Lease as it is; none if there is none.
    fn read(&self) -> impl Future<Output = Result<Option<Lease>, Self::Error>> + Send;

    /// Replaces the Lease of this version, or creates it; none if somebody else has written it since.
    fn write(
        &self,
        spec: LeaseSpec,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Option<Lease>, Self::Error>> + Send;
}

/// A replica's bid for leadership.
pub struct Bid<L> {
    leases: L,
    identity: String,
    seen: Option<Sighting>,
    acquired: Option<MicroTime>,
    leadership: Leadership,
}

impl<L: Leases> Bid<L> {
    /// A bid under a name that no other replica has, nor had before a restart.
    pub fn new(leases: L, identity: &str) -> Self {
        let identity = identity.to_owned();
        Bid { leases, identity, seen: None, acquired: None, leadership: Leadership::default() }
    }

    /// What it bids for.
    pub fn leases(&self) -> &L {
        &self.leases
    }

    /// What it bids for, to be changed.
    pub fn leases_mut(&mut self) -> &mut L {
        &mut self.leases
    }

    /// Whether it leads, as of its last round.
    pub fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// One look and, if it is due, one write. Returns the pause until the next; after an error that is [`RETRY`].
    ///
    /// # Errors
    /// A call did not pass; who led goes on until its time is over.
    pub async fn round(&mut self) -> Result<Duration, L::Error> {
        // The holder knows the lease: nobody else writes it while it lasts, and if somebody does, the write is refused.
        let renews = self.seen.as_ref().is_some_and(|seen| seen.holder == self.identity);
        if !renews {
            self.look().await?;
        }
        let step = decide(self.seen.as_ref(), &self.identity, self.leases.now());
        if let Step::Wait(until) = step {
            self.follow();
            let left = until.saturating_duration_since(self.leases.now());
            return Ok(left.clamp(SOON, RENEW));
        }
        let begun = self.leases.now();
        let (spec, version) = self.claim();
        match self.leases.write(spec, version.as_deref()).await? {
            Some(lease) => {
                self.see(&lease);
                self.acquired = lease.spec.and_then(|spec| spec.acquire_time);
                self.leadership = Leadership {
                    holder: self.identity.clone(),
                    acts_until: Some(begun + ACTS),
                    ends: Some(begun + DURATION),
                };
                Ok(RENEW)
            }
            None => {
                self.look().await?;
                if self.seen.as_ref().is_none_or(|seen| seen.holder != self.identity) {
                    self.follow();
                }
                Ok(RETRY)
            }
        }
    }

    /// Stops leading, and gives the lease back so that another replica need not wait for its end. Call it after the last write
    /// has ended. Returns whether there was anything to give back.
    ///
    /// # Errors
    /// The write did not pass: the lease ends by itself.
    pub async fn release(&mut self) -> Result<bool, L::Error> {
        let led = self.leadership.ends.is_some_and(|end| self.leases.now() < end);
        self.leadership = Leadership::default();
        let Some(seen) = self.seen.take().filter(|seen| led && seen.holder == self.identity) else {
            return Ok(false);
        };
        let free = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            lease_transitions: Some(seen.transitions),
            renew_time: Some(MicroTime(self.leases.time())),
            ..LeaseSpec::default()
        };
        Ok(self.leases.write(free, Some(&seen.version)).await?.is_some())
    }

    /// Somebody else leads, or nobody does.
    fn follow(&mut self) {
        let holder = self.seen.as_ref().map(|seen| seen.holder.clone()).unwrap_or_default();
        self.leadership = Leadership { holder, ..Leadership::default() };
    }

    async fn look(&mut self) -> Result<(), L::Error> {
        match self.leases.read().await? {
            Some(lease) => self.see(&lease),
            None => self.seen = None,
        }
        Ok(())
    }

    fn see(&mut self, lease: &Lease) {
        let version = lease.metadata.resource_version.as_deref().unwrap_or_default();
        let spec = lease.spec.clone().unwrap_or_default();
        self.seen = Some(Sighting::of(&spec, version, self.seen.as_ref(), self.leases.now()));
    }

    /// The lease with us as its holder, and the version that it replaces.
    fn claim(&self) -> (LeaseSpec, Option<String>) {
        let ours = self.seen.as_ref().is_some_and(|seen| seen.holder == self.identity);
        let now = MicroTime(self.leases.time());
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
