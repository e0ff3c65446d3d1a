//! Canaries whose status cannot be written: nobody reads there what goes on, so people are told otherwise.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::problems;
use crate::{
    api::CanaryKey,
    execute::WorldError,
    rollout::{Event, Untold},
};

/// The Canaries whose status cannot be written.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<HashMap<CanaryKey, Untold>>);

impl Statuses {
    /// Keeps what came of the status of this look, and returns what people are to be told.
    pub(super) fn keep(&self, key: &CanaryKey, ended: Result<(), &WorldError>) -> Option<Event> {
        let failed = match ended {
            Ok(()) => None,
            // Of a status that another replica writes nothing is known.
            Err(error) => Some(problems::unwritten(error)?),
        };
        let mut all = self.all();
        let (untold, event) = Untold::then(all.remove(key), failed.as_ref(), Timestamp::now());
        if let Some(untold) = untold {
            all.insert(key.clone(), untold);
        }
        event
    }

    /// Forgets a Canary that is gone.
    pub(super) fn forget(&self, key: &CanaryKey) {
        self.all().remove(key);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all().len()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<CanaryKey, Untold>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::controller::{
        look::tests::looker,
        queue::Again,
        testing::{Server, watched},
    };

    const STATUS: &str = "PATCH canaries/app/status";

    #[rstest]
    #[case::of_a_canary(json!(1))]
    #[case::of_one_that_cannot_be_read(json!("one"))]
    #[tokio::test]
    async fn a_status_that_cannot_be_written_is_told_by_an_event_when_that_begins_and_by_one_when_it_ends(
        #[case] threshold: serde_json::Value,
    ) {
        let (server, key) = (Server::new(), CanaryKey::new("shop", "app"));
        server.canary.lock().unwrap()["spec"]["analysis"]["threshold"] = threshold;
        let looker = looker(server.client());
        let _watches = watched(&looker.cluster).await;
        let look = async || looker.clone().look(key.clone()).await;

        server.answers(STATUS, 403);
        assert_eq!((look().await, look().await), (Again::Failed, Again::Failed));
        let told = server.events("Blocked", 1).await;
        let [(reason, note)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((reason.as_str(), looker.statuses.count()), ("Blocked", 1));
        assert!(note.contains("Canary shop/app: not now. It is tried again. Until it passes"), "{note}");
        assert!(note.ends_with("or change the policy that refuses it."), "{note}");

        server.answers(STATUS, 200);
        look().await;
        look().await;
        let told = server.events("StatusWritten", 1).await;
        let over = told.iter().filter(|(reason, _)| reason == "StatusWritten");
        assert_eq!((over.count(), looker.statuses.count()), (1, 0), "{told:?}");
    }

    #[test]
    fn a_conflict_is_told_only_if_it_lasts_and_the_end_of_leadership_says_nothing() {
        let (statuses, key) = (Statuses::default(), CanaryKey::new("shop", "app"));
        let what = || "writing".to_owned();
        assert_eq!(statuses.keep(&key, Err(&WorldError::Stale { what: what() })), None);
        assert_eq!(statuses.count(), 1);
        assert_eq!(statuses.keep(&key, Err(&WorldError::Deposed { what: what() })), None);
        assert_eq!(statuses.count(), 1);
        assert_eq!((statuses.keep(&key, Ok(())), statuses.count()), (None, 0));
    }
}
