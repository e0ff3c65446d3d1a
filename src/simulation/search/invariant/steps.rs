//! Steps are taken one after the other, as planned.

use super::{Invariant, Moment, words};
use crate::{
    api::{CanaryStatus, Phase},
    simulation::search::moment::runs,
};

/// The intended share is raised by the next planned step and by nothing else; within a run whose plan nobody edits no step is left
/// out, and none is counted twice.
#[derive(Default)]
pub(super) struct Steps {
    /// The Canary's generation when the run began: an edited plan has other numbers for the same shares.
    planned: Option<i64>,
}

impl Invariant for Steps {
    fn name(&self) -> &'static str {
        "planned-steps"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        for (_, before, after) in moment.statuses() {
            let goes_on = runs(before.phase) && before.last_applied_spec == after.last_applied_spec;
            if !goes_on {
                self.planned = after.observed_generation;
            }
            let counts = goes_on && self.planned == after.observed_generation;
            raised(moment, before, after)
                .and_then(|()| if counts { counted(before, after) } else { Ok(()) })
                .map_err(|what| format!("{what}: {} -> {}", words(before), words(after)))?;
        }
        Ok(())
    }
}

fn raised(moment: &Moment<'_>, before: &CanaryStatus, after: &CanaryStatus) -> Result<(), String> {
    let (from, to) = (before.canary_weight, after.canary_weight);
    if to <= from {
        return Ok(());
    }
    let plan = moment.plan();
    match (before.phase, after.phase) {
        (before_phase, after_phase) if runs(before_phase) && runs(after_phase) => {
            match plan.next(before.step_index, from) {
                Some(next) if next == to => Ok(()),
                next => Err(format!("the share rises to {to} %, planned was {next:?}")),
            }
        }
        (before_phase, Phase::Promoting) if runs(before_phase) && to == plan.last(from) => Ok(()),
        _ => Err(format!("the share rises to {to} % where no step is due")),
    }
}

fn counted(before: &CanaryStatus, after: &CanaryStatus) -> Result<(), String> {
    if !runs(after.phase) {
        return Ok(());
    }
    match after.step_index - before.step_index {
        0 if after.canary_weight > before.canary_weight => Err("a step was taken and not counted".to_owned()),
        0 | 1 => Ok(()),
        _ => Err("a step was left out or taken back".to_owned()),
    }
}
