//! Leader election in the cluster: a [`Bid`] for a Lease of the API server, repeated for as long as the process lives.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, info, warn};

use super::{calls::timed, error::ClusterError};
use crate::execute::lease::{Bid, Leadership, Leases, RETRY};

/// How long one call may take; two of them fit into what a leader allows itself.
const LIMIT: Duration = Duration::from_secs(4);

/// A candidate for leadership.
pub struct Candidate {
    bid: Bid<Registry>,
    leadership: watch::Sender<Leadership>,
}

/// The Lease as the API server has it.
struct Registry {
    leases: Api<Lease>,
    name: String,
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
        let registry = Registry { leases: Api::namespaced(client, namespace), name: name.to_owned() };
        (Candidate { bid: Bid::new(registry, identity), leadership }, receiver)
    }

    /// Takes the lease when it is free and renews it, for ever. Cancel it by dropping the future, then `release`.
    pub async fn run(&mut self) {
        loop {
            let pause = match self.bid.round().await {
                Ok(pause) => pause,
                Err(error) => {
                    warn!(%error, "leader election: a round failed; it is tried again");
                    RETRY
                }
            };
            self.publish();
            tokio::time::sleep(jittered(pause)).await;
        }
    }

    /// Gives the lease back so that another replica need not wait for its end. Call it after the last write has ended.
    pub async fn release(&mut self) {
        self.leadership.send_replace(Leadership::default());
        let lease = self.bid.leases().name.clone();
        match self.bid.release().await {
            Ok(true) => info!(lease, "leadership given back"),
            Ok(false) => {}
            Err(error) => warn!(%error, "leadership not given back; it ends by itself"),
        }
    }

    fn publish(&self) {
        let (now, next) = (Instant::now(), self.bid.leadership());
        let leads = next.is_leader(now);
        if leads != self.leadership.borrow().is_leader(now) {
            info!(lease = self.bid.leases().name, holder = next.holder, leads, "leadership changed");
        }
        self.leadership.send_replace(next.clone());
    }
}

impl Leases for Registry {
    type Error = ClusterError;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn time(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn read(&self) -> Result<Option<Lease>, ClusterError> {
        let what = format!("reading Lease {}", self.name);
        timed(&what, LIMIT, self.leases.get_opt(&self.name)).await
    }

    async fn write(&self, spec: LeaseSpec, version: Option<&str>) -> Result<Option<Lease>, ClusterError> {
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            resource_version: version.map(str::to_owned),
            ..ObjectMeta::default()
        };
        let lease = Lease { metadata, spec: Some(spec) };
        let what = format!("writing Lease {}", self.name);
        let parameters = PostParams::default();
        let written = match version {
            Some(_) => timed(&what, LIMIT, self.leases.replace(&self.name, &parameters, &lease)).await,
            None => timed(&what, LIMIT, self.leases.create(&parameters, &lease)).await,
        };
        match written {
            Err(error) if matches!(error.code(), Some(404 | 409)) => {
                debug!(lease = self.name, "somebody else wrote the lease; it is looked at again");
                Ok(None)
            }
            written => written.map(Some),
        }
    }
}

/// A little less than `pause`, so that replicas do not fall into step.
fn jittered(pause: Duration) -> Duration {
    let random = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
    let share = std::hash::Hasher::finish(&random) % 200;
    pause - pause * u32::try_from(share).unwrap_or(0) / 1000
}
