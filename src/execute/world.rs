//! The world that decisions act on: the real API server or a memory of one.

use std::future::Future;

use crate::{
    api::{Canary, CanaryStatus},
    rollout::{Ask, Effect, Event, Failure},
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
    /// The API server refused the write, or could not carry it out, or did not answer; it says whether that may change.
    #[error("{}: {}", .0.what, .0.why)]
    Failed(Failure),
    /// Another replica leads now, and this one may do nothing more.
    #[error("{what}: this replica does not lead any more; another one goes on")]
    Deposed {
        /// What we were doing.
        what: String,
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
