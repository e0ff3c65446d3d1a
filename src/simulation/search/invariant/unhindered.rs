//! A write that does not pass holds up nothing that does not need it.

use super::{Invariant, Moment};
use crate::{rollout::Ask, simulation::Deed};

/// After a look of which a write did not pass, the canary has no more than was decided, unless the route itself cannot be written,
/// and all was asked that the run needs to go on.
pub(super) struct Unhindered;

impl Invariant for Unhindered {
    fn name(&self) -> &'static str {
        "unhindered"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let Some(failure) = &moment.look.failed else { return Ok(()) };
        let (decision, before) = (&moment.look.decision, moment.before);
        let is_asked = |ask: &&Ask| {
            moment.deeds.iter().any(|(_, deed)| matches!(deed, Deed::Asked(asked) if *asked == ask.id))
        };
        if let Some(ask) = decision.asks.iter().find(|ask| !is_asked(ask)) {
            return Err(format!("{} is not asked after this: {}", ask.id, failure.what));
        }
        let route = moment.route().to_string();
        let unseen = moment.now < before.late_until.max(before.split_until);
        if moment.share > decision.status.canary_weight.into() && !unseen && !failure.what.contains(&route) {
            return Err(format!("the canary keeps {} % after this: {}", moment.share, failure.what));
        }
        Ok(())
    }
}
