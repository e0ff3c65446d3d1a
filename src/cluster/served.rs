//! Which optional kinds the API server serves. A cluster without them is fine; one that gets them later is noticed when a
//! Canary next needs them, at most one question in half a minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::Client;
use tokio::{sync::Notify, time::Instant};

use super::{
    calls::{LIMIT, timed},
    error::ClusterError,
    kinds::Kind,
};

/// How long «not served» is believed.
pub(super) const RECHECK: Duration = Duration::from_secs(30);

/// What discovery said.
#[derive(Default)]
pub(super) struct Served {
    absent: Mutex<HashMap<Kind, Instant>>,
    wanted: Notify,
}

impl Served {
    /// Whether the kind may be served. Asking for one that was absent a while ago has it looked up again.
    pub(super) fn may_be(&self, kind: &Kind, now: Instant) -> bool {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        match absent.get(kind) {
            None => true,
            Some(since) if now.duration_since(*since) < RECHECK => false,
            Some(_) => {
                self.wanted.notify_waiters();
                true
            }
        }
    }

    /// Whether discovery lacked the kind when it was last asked.
    pub(super) fn lacks(&self, kind: &Kind) -> bool {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner).contains_key(kind)
    }

    /// Waits until a kind that was absent is needed.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Asks discovery whether the kind is served.
    pub(super) async fn check(&self, client: &Client, kind: &'static Kind) -> Result<bool, ClusterError> {
        let what = format!("asking whether {} of {} is served", kind.name, kind.api_version);
        let list = timed(&what, LIMIT, client.list_api_group_resources(kind.api_version)).await;
        let served = match list {
            Ok(list) => list.resources.iter().any(|resource| resource.kind == kind.name),
            Err(error) if error.code() == Some(404) => false,
            Err(error) => return Err(error),
        };
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        if served {
            absent.remove(kind);
        } else {
            absent.insert(*kind, Instant::now());
        }
        Ok(served)
    }
}
