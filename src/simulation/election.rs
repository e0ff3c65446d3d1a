//! Who leads: replicas that bid for a lease as the real ones do, and what keeps them from it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use tokio::time::Instant;

use crate::execute::lease::{Bid, Leases, RETRY};

/// How long a process that died takes to start again.
const RESTART: SignedDuration = SignedDuration::from_secs(2);
/// Time between the starts of two replicas.
const APART: SignedDuration = SignedDuration::from_millis(1_700);

/// Replicas, one of which leads at most times.
pub(super) struct Election {
    server: Arc<Mutex<Server>>,
    replicas: Vec<Replica>,
    started: usize,
}

struct Replica {
    bid: Bid<Reach>,
    /// When it bids again.
    next: Timestamp,
    /// Whether it takes itself for the leader although its time is over: it was stopped between a look at its clock and a write.
    deluded: bool,
}

/// The Lease as the API server has it, and the clock.
struct Server {
    lease: Option<LeaseSpec>,
    version: u64,
    /// One call in so many fails; none where this is zero.
    failing: u8,
    dice: Rng,
    began: (Instant, Timestamp),
    now: Timestamp,
}

/// A replica's line to the server.
struct Reach {
    server: Arc<Mutex<Server>>,
    cut: bool,
}

/// A call that did not pass, or whose answer was lost.
#[derive(Debug)]
struct Lost;

impl Election {
    /// So many replicas, of whose calls one in `failing` fails.
    pub(super) fn new(replicas: usize, now: Timestamp, failing: u8, seed: u64) -> Self {
        let server = Server {
            lease: None,
            version: 0,
            failing,
            dice: Rng::with_seed(seed),
            began: (Instant::now(), now),
            now,
        };
        let mut election =
            Election { server: Arc::new(Mutex::new(server)), replicas: Vec::new(), started: 0 };
        let mut next = now;
        for _ in 0..replicas {
            let replica = election.start(next);
            election.replicas.push(replica);
            next += APART;
        }
        election
    }

    fn start(&mut self, next: Timestamp) -> Replica {
        self.started += 1;
        let reach = Reach { server: self.server.clone(), cut: false };
        Replica { bid: Bid::new(reach, &format!("sluice-{}", self.started)), next, deluded: false }
    }

    /// Lets time pass: whose turn has come bids.
    pub(super) fn pass(&mut self, now: Timestamp) {
        lock(&self.server).now = now;
        for replica in self.replicas.iter_mut().filter(|replica| replica.next <= now) {
            // The server never waits.
            let pause = replica.bid.round().now_or_never().and_then(Result::ok).unwrap_or(RETRY);
            replica.next = now + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
        }
    }

    /// When somebody bids again, or stops by itself.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let server = lock(&self.server);
        let ends = |replica: &Replica| replica.bid.leadership().until().map(|end| server.time_of(end));
        let ends = self.replicas.iter().filter_map(ends).filter(|end| *end > server.now);
        self.replicas.iter().map(|replica| replica.next).chain(ends).min()
    }

    /// Who takes itself for the leader.
    pub(super) fn leaders(&self) -> Vec<usize> {
        let acts = |index: &usize| {
            self.replicas.get(*index).is_some_and(|replica| replica.deluded || replica.leads())
        };
        (0..self.replicas.len()).filter(acts).collect()
    }

    /// Whether two lead although neither was stopped.
    pub(super) fn is_split(&self) -> bool {
        self.replicas.iter().filter(|replica| !replica.deluded && replica.leads()).count() > 1
    }

    /// The process of a replica dies; another one takes its place, under another name.
    pub(super) fn crash(&mut self, index: usize) {
        let next = lock(&self.server).now + RESTART;
        let new = self.start(next);
        if let Some(replica) = self.replicas.get_mut(index) {
            *replica = new;
        }
    }

    /// A leader ends in good order, and gives the lease back.
    pub(super) fn replace(&mut self, index: usize) {
        if let Some(replica) = self.replicas.get_mut(index) {
            let _ = replica.bid.release().now_or_never();
        }
        self.crash(index);
    }

    /// The leaders' calls for the lease get lost from now on, or no more. Who is `deluded` goes on all the same.
    pub(super) fn cut_off(&mut self, deluded: bool) {
        for replica in self.replicas.iter_mut().filter(|replica| replica.leads()) {
            replica.bid.leases_mut().cut = true;
            replica.deluded = deluded;
        }
    }

    /// Everybody reaches the lease again, and knows the time.
    pub(super) fn reconnect(&mut self) {
        for replica in &mut self.replicas {
            replica.bid.leases_mut().cut = false;
            replica.deluded = false;
        }
    }
}

impl Replica {
    fn leads(&self) -> bool {
        self.bid.leadership().is_leader(self.bid.leases().now())
    }
}

impl Server {
    fn instant(&self) -> Instant {
        let (instant, timestamp) = self.began;
        instant + Duration::try_from(self.now.duration_since(timestamp)).unwrap_or_default()
    }

    fn time_of(&self, instant: Instant) -> Timestamp {
        let (began, timestamp) = self.began;
        let passed = SignedDuration::try_from(instant.duration_since(began)).unwrap_or(SignedDuration::MAX);
        timestamp.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn lease(&self) -> Option<Lease> {
        let metadata =
            ObjectMeta { resource_version: Some(self.version.to_string()), ..ObjectMeta::default() };
        self.lease.clone().map(|spec| Lease { metadata, spec: Some(spec) })
    }

    /// Whether this call gets lost.
    fn fails(&mut self) -> bool {
        self.failing > 0 && self.dice.u8(0..self.failing) == 0
    }
}

impl Leases for Reach {
    type Error = Lost;

    fn now(&self) -> Instant {
        lock(&self.server).instant()
    }

    fn time(&self) -> Timestamp {
        lock(&self.server).now
    }

    async fn read(&self) -> Result<Option<Lease>, Lost> {
        let mut server = lock(&self.server);
        if self.cut || server.fails() { Err(Lost) } else { Ok(server.lease()) }
    }

    async fn write(&self, spec: LeaseSpec, version: Option<&str>) -> Result<Option<Lease>, Lost> {
        let mut server = lock(&self.server);
        if self.cut || server.fails() {
            return Err(Lost);
        }
        let present = server.lease.as_ref().map(|_| server.version.to_string());
        if present.as_deref() != version {
            return Ok(None);
        }
        server.version += 1;
        server.lease = Some(spec);
        // It was written, and the answer got lost.
        if server.fails() { Err(Lost) } else { Ok(server.lease()) }
    }
}

fn lock(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}
