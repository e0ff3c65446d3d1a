//! The interval lies between two steps and between two checks, whatever dies or moves meanwhile.

use jiff::Timestamp;

use super::{Invariant, Moment, words};
use crate::{api::Phase, simulation::search::moment::runs};

/// A step is followed by the next one, or by the promotion, or by a failed check at the earliest an interval after the route
/// gave the canary its share, and after the check before. A clock that jumps shortens one of them at most.
#[derive(Default)]
pub(super) struct Interval {
    checked: Option<(Option<String>, Timestamp)>,
    /// How many intervals were shorter because of a clock.
    shortened: u32,
}

impl Invariant for Interval {
    fn name(&self) -> &'static str {
        "interval"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        for (at, before, after) in moment.statuses() {
            let same_run = runs(before.phase) && before.last_applied_spec == after.last_applied_spec;
            let stepped = runs(after.phase) && after.step_index > before.step_index;
            let promoted = after.phase == Phase::Promoting;
            let failed = after.failed_checks > before.failed_checks;
            let first = before.step_index == 0 && before.canary_weight == 0;
            if !same_run || first || moment.skips() || !(stepped || promoted || failed) {
                if after.phase == Phase::Progressing && after.step_index == 1 && first {
                    self.checked = Some((after.last_applied_spec.clone(), at));
                }
                continue;
            }
            let checked = self.checked.take().filter(|(run, _)| *run == after.last_applied_spec);
            let since = checked.map_or(Timestamp::MIN, |(_, at)| at).max(moment.before.share_since);
            self.checked = Some((after.last_applied_spec.clone(), at));
            let differ = moment.before.jumped && at < moment.before.split_until;
            if at < since + moment.interval() && !differ {
                if self.shortened < moment.before.jumps {
                    self.shortened += 1;
                    continue;
                }
                let passed = at.duration_since(since);
                return Err(format!("only {passed:#} passed: {} -> {}", words(before), words(after)));
            }
        }
        Ok(())
    }
}
