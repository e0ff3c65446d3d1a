//! The world that decisions act on: the real API server or a memory of one.

use std::future::Future;

use crate::{
    api::{Canary, CanaryStatus},
    rollout::{Ask, Effect, Event, Refusal},
};

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The object moved since we read it (409), or is gone: the decision is void, observe again.
    #[error("{what}: the object changed in the meantime")]
    Stale {
        /// What we were doing.
        what: String,
    },
    /// The API server does not want this write as it is: it would be in vain as long as nobody mends something.
    #[error("{}: {}", .0.what, .0.why)]
    Refused(Refusal),
    /// The write failed; the same decision may be tried again.
    #[error("{what}")]
    Failed {
        /// What we were doing.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Everything that a decision can do. Each call either happened whole or returns an error.
pub trait World: Sync {
    /// Replaces the Canary's status under the precondition of its `metadata.resourceVersion`.
    fn write_status(
        &self,
        canary: &Canary,
        status: &CanaryStatus,
    ) -> impl Future<Output = Result<(), WorldError>> + Send;

    /// Performs one write.
    fn perform(
        &self,
        canary: &Canary,
        effect: &Effect,
    ) -> impl Future<Output = Result<(), WorldError>> + Send;

    /// Tells people what was decided, with the status that it led to; never fails and never waits.
    fn announce(&self, canary: &Canary, status: &CanaryStatus, event: &Event);

    /// Starts a question unless one with the same id is under way; the answer comes back as an event. Never waits.
    fn ask(&self, canary: &Canary, ask: &Ask);
}
