//! What cannot be judged is left alone.

use super::{Invariant, Moment, words};
use crate::{
    api::{CanaryStatus, Phase},
    rollout::{Effect, Manager, Unread},
};

/// While a Canary breaks a rule, nothing is done about it but that the canary may lose its share; while something cannot be read,
/// not even that: a read that fails is never a change.
pub(super) struct Alone;

impl Invariant for Alone {
    fn name(&self) -> &'static str {
        "left-alone"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let seen = &moment.look.seen;
        let unread = seen.unread.as_ref().is_some_and(Unread::hides_all);
        if !unread && seen.problems.is_empty() || moment.before.status.last_promoted_spec.is_none() {
            return Ok(());
        }
        // Who deletes target and Canary, as at the end of a namespace, is not held up.
        let is_going = moment.canary().metadata.deletion_timestamp.is_some();
        if !unread && is_going && moment.memory.get(moment.workloads.0).is_none() {
            return Ok(());
        }
        let why = if unread { "Nothing could be read.".to_owned() } else { seen.problems.join(" ") };
        for (_, before, after) in moment.statuses() {
            let kept = stands(before) == stands(after)
                && (after.phase == before.phase || after.phase == Phase::Terminating);
            let lowered = after.canary_weight < before.canary_weight && !unread;
            if !kept || after.canary_weight != before.canary_weight && !lowered {
                return Err(format!("{why}: {} -> {}", words(before), words(after)));
            }
        }
        let lowers = |effect: &Effect| {
            !unread
                && matches!(effect, Effect::Patch { manager: Manager::Route, .. })
                && moment.share <= moment.before.share
        };
        match moment.effects().find(|(_, _, effect)| !lowers(effect)) {
            Some((_, _, effect)) => Err(format!("{why}: {effect:?}")),
            None if !moment.look.decision.asks.is_empty() => Err("somebody is asked".to_owned()),
            None => Ok(()),
        }
    }
}

/// What moves only when something was judged.
fn stands(status: &CanaryStatus) -> impl PartialEq + use<> {
    (
        status.step_index,
        status.failed_checks,
        status.last_applied_spec.clone(),
        status.last_promoted_spec.clone(),
    )
}
