//! Turns a [`Decision`] into ordered writes and questions through a [`World`]. Holds no state: after a crash at any
//! point the next decision asks for what is still missing.

pub mod lease;
mod world;

pub use world::{World, WorldError};

use crate::{
    api::{Canary, CanaryStatus},
    rollout::{Decision, Failure},
};

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was written.
    Done,
    /// Something moved since it was read, after the status was written: the rest of the decision is void, observe again. With
    /// what we were doing.
    Stale(String),
    /// This write did not pass, and those that may build on it were left out.
    Failed(Failure),
}

/// Writes the status first, for it is the intent; then tells people; then the effects in their order; then asks.
/// A conflict voids the rest of the decision, and so does the end of our leadership. After a write that does not pass
/// otherwise no other follows, except those that lower the canary's share; questions are asked all the same, so that a run
/// goes on to its end.
///
/// # Errors
/// The status was not written, and without it nothing is done; or this replica does not lead any more.
pub async fn execute<W: World>(
    world: &W,
    canary: &Canary,
    decision: &Decision,
) -> Result<Outcome, WorldError> {
    if canary.status.as_ref().unwrap_or(&CanaryStatus::default()) != &decision.status {
        world.write_status(canary, &decision.status).await?;
    }
    for event in &decision.events {
        world.announce(canary, &decision.status, event);
    }
    let mut failed = None;
    for (index, effect) in decision.effects.iter().enumerate() {
        if failed.is_some() && index >= decision.lowering {
            break;
        }
        match world.perform(canary, effect).await {
            Err(WorldError::Failed(failure)) => failed = failed.or(Some(failure)),
            Err(WorldError::Stale { what }) => return Ok(Outcome::Stale(what)),
            performed => performed?,
        }
    }
    for ask in &decision.asks {
        world.ask(canary, ask);
    }
    Ok(failed.map_or(Outcome::Done, Outcome::Failed))
}

#[cfg(test)]
mod tests;
