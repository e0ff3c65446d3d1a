//! Turns a [`Decision`] into ordered writes and questions through a [`World`]. Holds no state: after a crash at any
//! point the next decision asks for what is still missing.

mod world;

pub use world::{World, WorldError};

use crate::{
    api::{Canary, CanaryStatus},
    rollout::Decision,
};

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was written.
    Done,
    /// Something moved since it was read: the rest of the decision is void, observe again.
    Stale,
}

/// Writes the status first, for it is the intent; then tells people; then the effects in their order; then asks.
/// A conflict voids the rest of the decision; an error leaves the rest to a repetition.
pub async fn execute<W: World>(
    world: &W,
    canary: &Canary,
    decision: &Decision,
) -> Result<Outcome, WorldError> {
    match write(world, canary, decision).await {
        Ok(()) => Ok(Outcome::Done),
        Err(WorldError::Stale { what }) => {
            tracing::debug!(%what, "observing again");
            Ok(Outcome::Stale)
        }
        Err(error) => Err(error),
    }
}

async fn write<W: World>(world: &W, canary: &Canary, decision: &Decision) -> Result<(), WorldError> {
    if canary.status.as_ref().unwrap_or(&CanaryStatus::default()) != &decision.status {
        world.write_status(canary, &decision.status).await?;
    }
    for event in &decision.events {
        world.announce(canary, &decision.status, event);
    }
    for effect in &decision.effects {
        world.perform(canary, effect).await?;
    }
    for ask in &decision.asks {
        world.ask(canary, ask);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
