//! A revision is promoted if its last checks passed, and taken back for a reason.

use super::{Invariant, Moment, words};
use crate::{
    api::{CanaryStatus, CheckOutcome, Phase},
    simulation::search::moment::runs,
};

/// A run leads to a promotion only from its last step and with checks that all passed; it fails only after enough failed checks, a
/// deadline, or a wish to take the revision back; and with enough failed checks it does not go on.
pub(super) struct Checks;

impl Invariant for Checks {
    fn name(&self) -> &'static str {
        "justified-end"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let threshold = moment.canary().spec.analysis.as_ref().and_then(|analysis| analysis.threshold);
        let threshold = threshold.unwrap_or(1).max(1);
        for (at, before, after) in moment.statuses() {
            let ended = match (before.phase, after.phase) {
                (from, Phase::Promoting) if runs(from) && !moment.skips() => promoted(moment, before, after),
                (from, Phase::Failed) if runs(from) || from == Phase::Promoting => {
                    let enough = after.failed_checks >= threshold;
                    let jumped = moment.before.jumped;
                    let overdue = before.deadline_at.as_ref().is_some_and(|deadline| deadline.0 <= at);
                    if enough || overdue || jumped || moment.is_called_back() {
                        Ok(())
                    } else {
                        Err("neither checks nor a deadline nor a hook say so".to_owned())
                    }
                }
                (from, to)
                    if runs(from)
                        && runs(to)
                        && after.failed_checks > before.failed_checks
                        && after.failed_checks >= threshold =>
                {
                    Err(format!("failed check {} of {threshold} does not end the run", after.failed_checks))
                }
                _ => Ok(()),
            };
            ended.map_err(|what| format!("{what}: {} -> {}", words(before), words(after)))?;
        }
        Ok(())
    }
}

fn promoted(moment: &Moment<'_>, before: &CanaryStatus, after: &CanaryStatus) -> Result<(), String> {
    if before.step_index == 0 {
        return Err("no step was taken".to_owned());
    }
    if let Some(next) = moment.plan().next(before.step_index, before.canary_weight) {
        return Err(format!("there is a step left, {next} %"));
    }
    let metrics = moment.canary().spec.analysis.as_ref().map_or(0, |analysis| analysis.metrics.len());
    let passed = |check: &crate::api::Check| {
        let least = check.bounds.and_then(|bounds| bounds.min);
        let within = check.value.zip(least).is_none_or(|(value, least)| value >= least);
        check.outcome == Some(CheckOutcome::Passed) && within
    };
    if after.checks.len() < metrics || !after.checks.iter().all(passed) {
        return Err(format!("not all checks passed, {:?}", after.checks));
    }
    Ok(())
}
