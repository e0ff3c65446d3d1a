//! Listens to everything that changes: keeps the Catalog, and wakes the Canaries that a change concerns.

use std::collections::BTreeSet;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use serde::Deserialize;
use tokio::sync::mpsc;

use super::{look::reference, metrics::Metrics};
use crate::{
    admission::{Catalog, Seen, stored},
    api::{API_VERSION, Canary, CanaryKey},
    cluster::{Cluster, Touched},
    rollout,
};

/// Follows the watches of one replica.
pub(super) struct Follower {
    pub(super) cluster: Cluster,
    pub(super) catalog: Arc<RwLock<Catalog>>,
    pub(super) metrics: Metrics,
    /// Where Canaries are woken; a replica that does not lead wakes nobody.
    pub(super) wake: Arc<RwLock<Option<mpsc::UnboundedSender<CanaryKey>>>>,
    /// Whether to tell what Canaries name: only in a term does anybody listen for it, and it takes much memory.
    pub(super) naming: Arc<AtomicBool>,
}

impl Follower {
    /// Follows until the watches have ended.
    pub(super) async fn run(self, mut touched: mpsc::UnboundedReceiver<Touched>) {
        while let Some(Touched { reference, owner }) = touched.recv().await {
            if reference.kind == "Canary" && reference.api_version == API_VERSION {
                self.canary(&CanaryKey::new(&reference.namespace, &reference.name));
            }
            if let Some(owner) = owner {
                self.wake(owner);
            }
        }
    }

    /// A Canary was born, changed or went.
    fn canary(&self, key: &CanaryKey) {
        // One that cannot be read keeps what it claims: its target is not free.
        let canary = self.cluster.known(&reference(key)).and_then(|object| stored(&object));
        let mut rivals = Vec::new();
        let count = {
            let mut catalog = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
            let claims = [
                catalog.get(key).map(|entry| entry.claim.clone()),
                canary.as_ref().map(|new| catalog.claim(new)),
            ];
            let changed = claims[0] != claims[1];
            if changed {
                // What was seen of its target may be of another one now.
                rivals.extend(catalog.learn(key, Seen::default()));
            }
            match &canary {
                Some(canary) => catalog.apply(canary),
                None => catalog.remove(key),
            }
            // Whoever waited for this Canary's target or Service may go on; whoever now shares it must stop.
            if changed {
                let all = claims.iter().flatten().flat_map(|claim| catalog.rivals(key, claim));
                rivals.extend(all.map(|rival| rival.key));
            }
            catalog.in_namespace(&key.namespace)
        };
        self.metrics.count(&key.namespace, count);
        if canary.is_none() {
            self.metrics.forget(key);
        }
        if self.naming.load(Ordering::Relaxed) {
            self.cluster.name(key, canary.as_ref().map(rollout::names).unwrap_or_default());
        }
        for rival in rivals {
            self.wake(rival);
        }
    }

    fn wake(&self, key: CanaryKey) {
        if let Some(wake) = self.wake.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // The receiver is gone only when leadership just ended.
            let _ = wake.send(key);
        }
    }
}

/// Tells what every Canary names, as far as it is known: before a watch begins to speak of it.
pub(super) fn name_all(cluster: &Cluster) {
    for object in cluster.known_of("Canary").iter().filter_map(|reference| cluster.known(reference)) {
        if let Ok(canary) = Canary::deserialize(object.as_ref()) {
            cluster.name(&CanaryKey::from(&canary), rollout::names(&canary));
        }
    }
}

/// The Canaries whose rollouts go on, as far as it is known.
pub(super) fn running(catalog: &RwLock<Catalog>) -> BTreeSet<CanaryKey> {
    let catalog = catalog.read().unwrap_or_else(PoisonError::into_inner);
    let runs = catalog.iter().filter(|(_, entry)| entry.phase.runs() && !entry.suspended);
    runs.map(|(key, _)| key.clone()).collect()
}

/// Every Canary was seen once.
pub(super) fn mark_synced(catalog: &RwLock<Catalog>) {
    catalog.write().unwrap_or_else(PoisonError::into_inner).synced = true;
}

/// Whether every Canary was seen once; before that the gate cannot tell rivals.
pub(super) fn is_synced(catalog: &RwLock<Catalog>) -> Result<(), String> {
    let synced = catalog.read().unwrap_or_else(PoisonError::into_inner).synced;
    if synced { Ok(()) } else { Err("not every Canary was seen yet".to_owned()) }
}
