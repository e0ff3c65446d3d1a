//! What is read for a look at a Canary, and what came of the reads of the last one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    api::{CanaryKey, Live},
    cluster::ClusterError,
    rollout::{Failure, Lost, Unread},
    workload::configs::Configs,
};

/// What was read for a Canary.
pub(super) struct Gathered {
    pub(super) live: Live,
    pub(super) configs: Configs,
    /// Why nobody may act on it.
    pub(super) problems: Vec<String>,
    /// What could not be read.
    pub(super) lost: Option<(Lost, ClusterError)>,
}

impl Gathered {
    /// One read failed without which nothing can be decided.
    pub(super) fn nothing(error: ClusterError) -> Self {
        let (live, configs, problems) = Default::default();
        Gathered { live, configs, problems, lost: Some((Lost::All, error)) }
    }
}

/// The Canaries for which reads do not pass.
#[derive(Debug, Default)]
pub(super) struct Reads(Mutex<HashMap<CanaryKey, Unread>>);

impl Reads {
    /// What did not pass in the last look at a Canary.
    pub(super) fn failing(&self, key: &CanaryKey) -> Option<Unread> {
        self.all().get(key).cloned()
    }

    /// Keeps what did not pass in this look.
    pub(super) fn keep(&self, key: &CanaryKey, unread: Option<&Unread>) {
        let mut all = self.all();
        let before = match unread {
            Some(unread) => all.insert(key.clone(), unread.clone()),
            None => all.remove(key),
        };
        match (before.is_some(), unread) {
            (false, Some(Unread { failure: Failure { what, why, .. }, .. })) => {
                tracing::warn!(canary = %key, what, why, "a read does not pass");
            }
            (true, None) => tracing::info!(canary = %key, "all reads pass again"),
            _ => {}
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<CanaryKey, Unread>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;
    use rstest::rstest;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        cluster::Duty,
        controller::{
            look::tests::looker,
            queue::Again,
            testing::{Server, watched},
        },
    };

    const TARGET: &str = "GET deployments/app";

    #[tokio::test]
    async fn a_read_that_goes_on_failing_is_told_once_and_no_more_when_it_passes() {
        let (server, key) = (Server::new(), CanaryKey::new("shop", "app"));
        let looker = looker(server.client());
        let _watches = watched(&looker.cluster).await;
        let look = async || looker.clone().look(key.clone()).await;

        server.answers(TARGET, 500);
        assert_eq!((look().await, look().await), (Again::Failed, Again::Failed));
        assert_eq!(server.told().0, Vec::<String>::new(), "it may be over in a moment");
        let mut unread = looker.reads.failing(&key).unwrap();
        unread.since -= SignedDuration::from_secs(60);
        looker.reads.keep(&key, Some(&unread));
        assert_eq!((look().await, look().await), (Again::Failed, Again::Failed));
        let (reasons, message) = server.told();
        assert_eq!(reasons, ["ReadFailed"]);
        assert_eq!(message, "Reading Deployment shop/app: not now. It is tried again.");

        server.answers(TARGET, 404);
        look().await;
        look().await;
        let (reasons, _) = server.told();
        let still = reasons.iter().rposition(|reason| reason == "ReadFailed");
        assert_eq!((still, reasons.len()), (Some(0), 2), "what is read decides again: {reasons:?}");
        assert_eq!(looker.reads.failing(&key), None);
    }

    #[tokio::test]
    async fn a_read_that_is_denied_is_told_at_once_with_the_way_out() {
        let (server, key) = (Server::new(), CanaryKey::new("shop", "app"));
        let looker = looker(server.client());
        let _watches = watched(&looker.cluster).await;
        server.answers(TARGET, 403);
        assert_eq!(looker.clone().look(key.clone()).await, Again::Failed);
        assert_eq!(looker.clone().look(key).await, Again::Failed);
        let (reasons, message) = server.told();
        assert_eq!(reasons, ["ReadDenied"]);
        assert!(message.contains("Allow it to Sluice's service account; it is tried again."), "{message}");
    }

    #[rstest]
    #[case::slices("LIST endpointslices", "EndpointSlice")]
    #[case::snapshots("LIST controllerrevisions", "ControllerRevision")]
    #[tokio::test]
    async fn a_watch_that_is_denied_is_told_at_once_with_the_way_out(
        #[case] list: &'static str,
        #[case] kind: &str,
    ) {
        let (server, key, stop) = (Server::new(), CanaryKey::new("shop", "app"), CancellationToken::new());
        server.answers(list, 403);
        let looker = looker(server.client());
        let _watches = [Duty::Catalog, Duty::Loop].map(|duty| looker.cluster.watch(duty, &stop));
        // All others have their first list by then.
        while looker.clone().look(key.clone()).await != Again::Failed || server.told().0.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (reasons, message) = server.told();
        assert_eq!(reasons, ["ReadDenied"]);
        let way_out = "Allow it to Sluice's service account; it is tried again.";
        assert_eq!(message, format!("Reading {kind} objects: their watch fails: not now. {way_out}"));
    }

    #[tokio::test]
    async fn a_write_that_is_refused_while_nothing_can_be_read_is_told_all_the_same() {
        let (server, key) = (Server::new(), CanaryKey::new("shop", "app"));
        {
            // It never served, so it may go whatever its target does.
            let metadata = &mut server.canary.lock().unwrap()["metadata"];
            metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            metadata["finalizers"] = json!(["finalizer.flagger.app"]);
        }
        let looker = looker(server.client());
        let _watches = watched(&looker.cluster).await;
        server.answers(TARGET, 500);
        server.answers("PATCH canaries/app", 403);
        assert_eq!(looker.clone().look(key.clone()).await, Again::Failed);
        assert_eq!(looker.clone().look(key).await, Again::Failed);
        let (reasons, message) = server.told();
        assert_eq!(reasons, ["WriteRefused"]);
        assert_eq!(message, "Changing Canary shop/app: not now. It is tried again.");
    }
}
