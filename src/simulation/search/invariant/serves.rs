//! There is always somebody who serves.

use super::{Invariant, Moment};

/// Once the primary has served, whoever has a share of the traffic has a ready pod, unless somebody has just hurt it.
#[derive(Default)]
pub(super) struct Serves {
    began: bool,
}

impl Invariant for Serves {
    fn name(&self) -> &'static str {
        "somebody-serves"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let (canary, primary) = moment.ready();
        self.began |= moment.before.status.last_promoted_spec.is_some() && primary > 0;
        let before = moment.before;
        let excused = before.hurt_until.max(before.late_until).max(before.split_until);
        if !self.began || moment.now < excused {
            return Ok(());
        }
        // Of an A/B run the share is one of some requests: the primary has all others.
        if (moment.share < 100 || moment.chooses()) && primary == 0 {
            return Err(format!("the primary has traffic beside {} % and no ready pod", moment.share));
        }
        if moment.share > 0 && canary == 0 {
            return Err(format!("the canary has {} % and no ready pod", moment.share));
        }
        Ok(())
    }
}
