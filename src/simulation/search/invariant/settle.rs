//! Pods go only after all proxies know.

use jiff::SignedDuration;

use super::{Invariant, Moment};
use crate::{
    rollout::Effect,
    simulation::search::{moment::rests, subject::NAME},
};

/// The target is scaled down at the earliest the settle time after its share became nothing.
pub(super) struct Settle;

impl Invariant for Settle {
    fn name(&self) -> &'static str {
        "settled"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let target = moment.case.subject.workload(NAME);
        let of_target = |effect: &Effect| match effect {
            Effect::Scale { reference, .. } | Effect::Merge { reference, .. } => *reference == target,
            _ => false,
        };
        if moment.before.jumped || moment.now < moment.before.late_until.max(moment.before.split_until) {
            return Ok(());
        }
        for (at, _, effect) in moment.effects() {
            if !of_target(effect) || !rests(effect) {
                continue;
            }
            let settle = SignedDuration::try_from(moment.settings.route_settle).unwrap_or_default();
            let passed = at.duration_since(moment.before.share_since);
            if moment.before.share > 0 || passed < settle {
                return Err(format!(
                    "the target's pods go at {} %, {passed:#} after the share was last changed",
                    moment.before.share
                ));
            }
        }
        Ok(())
    }
}
