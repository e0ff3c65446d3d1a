//! The primary runs promoted revisions only.

use super::{Invariant, Moment, words};
use crate::{
    api::{Phase, names},
    rollout::{Effect, Manager},
};

/// A primary that serves is only ever given the revision that was promoted last, or the one that is being promoted; a promotion
/// is over only once the primary runs the revision.
pub(super) struct Judged;

impl Invariant for Judged {
    fn name(&self) -> &'static str {
        "promoted-only"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if moment.now < moment.before.split_until {
            // Of two leaders one may not know what the other has stored.
            return Ok(());
        }
        for (_, status, effect) in moment.effects() {
            let Effect::Apply { object, manager: Manager::Primary } = effect else { continue };
            if object["kind"] != moment.case.subject.kind.as_str() || status.last_promoted_spec.is_none() {
                continue;
            }
            let promoting = matches!(status.phase, Phase::Promoting | Phase::Finalising);
            let wanted = if promoting { &status.last_applied_spec } else { &status.last_promoted_spec };
            let given = object["metadata"]["annotations"][names::REVISION].as_str();
            if given.is_some() && given != wanted.as_deref() {
                let given = given.unwrap_or_default();
                return Err(format!("the primary gets revision {given}: {}", words(status)));
            }
        }
        let late = moment.now < moment.before.late_until.max(moment.before.split_until);
        for (_, before, after) in moment.statuses().filter(|_| !late) {
            if (before.phase, after.phase) != (Phase::Promoting, Phase::Finalising) {
                continue;
            }
            let primary = moment.memory.get(&moment.case.subject.primary());
            let runs =
                primary.and_then(|primary| primary["metadata"]["annotations"][names::REVISION].as_str());
            if runs != after.last_promoted_spec.as_deref() || moment.ready().1 == 0 {
                return Err(format!("the primary runs {runs:?} and is promoted: {}", words(after)));
            }
        }
        Ok(())
    }
}
