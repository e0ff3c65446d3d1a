//! Pods go only after all proxies know.

use jiff::SignedDuration;

use super::{Invariant, Moment};
use crate::{
    api::Phase,
    rollout::{Effect, Manager},
    simulation::search::moment::rests,
};

/// The target is scaled down at the earliest the settle time after its share became nothing; and where all users are led to it
/// before the primary is replaced, that is given the revision at the earliest the settle time after.
#[derive(Default)]
pub(super) struct Settle {
    /// What the primary was given in the present promotion.
    given: Option<String>,
}

impl Invariant for Settle {
    fn name(&self) -> &'static str {
        "settled"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let (target, _) = moment.workloads;
        let of_target = |effect: &Effect| match effect {
            Effect::Scale { reference, .. } | Effect::Merge { reference, .. } => reference == target,
            _ => false,
        };
        let replaced = self.replaced(moment);
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
        replaced
    }
}

impl Settle {
    /// Where all users are led to the canary first: the first time that a promotion gives the primary its revision.
    fn replaced(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if moment.look.decision.status.phase != Phase::Promoting {
            self.given = None;
        }
        let mut looked = Ok(());
        for (at, status, effect) in moment.effects() {
            let Effect::Apply { object, manager: Manager::Primary } = effect else { continue };
            let workload = object["kind"] == moment.case.subject.kind.as_str();
            if status.phase != Phase::Promoting || !workload || self.given == status.last_applied_spec {
                continue;
            }
            self.given = status.last_applied_spec.clone();
            let settle = SignedDuration::try_from(moment.settings.route_settle).unwrap_or_default();
            let passed = at.duration_since(moment.before.share_since);
            let switches = !moment.skips() && moment.plan().last(0) > 0;
            // What was led to a target that somebody deleted is led back first.
            let switches = switches && moment.now >= moment.before.hurt_until;
            if switches && (moment.before.share < 100 || passed < settle) {
                looked = Err(format!(
                    "the primary is replaced at {} %, {passed:#} after the share was last changed",
                    moment.before.share
                ));
            }
        }
        looked
    }
}
