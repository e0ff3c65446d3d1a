//! The status is the intent and comes first.

use super::{Invariant, Moment, words};
use crate::{
    api::Phase,
    rollout::{Effect, Manager},
};

/// A route that we write never gives the canary more than the stored status says, and a primary only gets what the stored status
/// wants it to run.
pub(super) struct Route;

impl Invariant for Route {
    fn name(&self) -> &'static str {
        "status-first"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if moment.now < moment.before.split_until {
            // Of two leaders one may not know what the other has stored: both routes were intended.
            return Ok(());
        }
        let stored = moment.statuses().last().map_or(moment.before.status.as_ref(), |(_, _, after)| after);
        // All that a deleted Canary leaves is the target's.
        let stays = stored.phase != Phase::Terminating;
        if stays && moment.routed() && moment.share > i64::from(stored.canary_weight.max(0)) {
            return Err(format!(
                "the route gives the canary {} %, the status says: {}",
                moment.share,
                words(stored)
            ));
        }
        for (_, status, effect) in moment.effects() {
            let Effect::Apply { object, manager: Manager::Primary } = effect else { continue };
            let Some(revision) = object["metadata"]["annotations"][crate::api::names::REVISION].as_str()
            else {
                continue;
            };
            let wanted = [&status.last_promoted_spec, &status.last_applied_spec];
            if !wanted.into_iter().flatten().any(|wanted| wanted == revision) {
                return Err(format!(
                    "the primary gets revision {revision}, the status says: {}",
                    words(status)
                ));
            }
        }
        Ok(())
    }
}
