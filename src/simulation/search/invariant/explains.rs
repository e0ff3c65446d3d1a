//! Every decision says what was seen, what it is, and what comes next and when.

use jiff::Timestamp;

use super::{Invariant, Moment, words};
use crate::{
    api::{CanaryStatus, Check, CheckOutcome, Phase, Severity},
    rollout::{self, Reason},
    simulation::{Deed, search::moment::runs},
};

/// The status and each event tell a whole sentence. The status tells what comes next; where something is due or has a deadline, a
/// decision that moves phase, step or share names such a time. A failed check is told with value and bound. A revision that
/// fails alerts people, unless somebody wished it back who wants no alert.
pub(super) struct Explains;

impl Invariant for Explains {
    fn name(&self) -> &'static str {
        "explained"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        whole(moment)?;
        for (_, before, after) in moment.statuses() {
            goes_on(moment, before, after)?;
        }
        let (before, decision) = (moment.before.status.phase, &moment.look.decision);
        for event in decision.events.iter().filter(|event| event.reason == Reason::CheckFailed) {
            let failed = |check: &&Check| check.outcome == Some(CheckOutcome::Failed);
            for check in decision.status.checks.iter().filter(failed) {
                measured(check, &event.message)?;
            }
        }
        let after = decision.status.phase;
        if before != after && after == Phase::Failed && runs(before) && !moment.is_called_back() {
            let alerted = decision.events.iter().any(|event| event.alert >= Some(Severity::Error));
            if !alerted {
                return Err(format!("nobody is alerted: {}", words(&decision.status)));
            }
        }
        Ok(())
    }
}

/// Whether all that is told are whole sentences.
fn whole(moment: &Moment<'_>) -> Result<(), String> {
    let sentence = |text: &str| {
        text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) && text.ends_with('.')
    };
    for (_, deed) in moment.deeds {
        let told = match deed {
            Deed::Status(status) => status.last_decision.as_deref().unwrap_or_default(),
            Deed::Told(event) => &event.message,
            Deed::Effect(_) | Deed::Asked(_) => continue,
        };
        if !sentence(told) {
            return Err(format!("no sentence: {told:?}"));
        }
    }
    Ok(())
}

/// Whether a status that was stored tells what comes next and, if it has moved, when.
fn goes_on(moment: &Moment<'_>, before: &CanaryStatus, after: &CanaryStatus) -> Result<(), String> {
    let told = after.last_decision.as_deref().unwrap_or_default();
    let Some(next) = rollout::parts(told).1 else {
        return Err(format!("it does not tell what comes next: {told:?}, {}", words(after)));
    };
    let place = |status: &CanaryStatus| (status.phase, status.step_index, status.canary_weight);
    let due = [&after.next_step_at, &after.deadline_at, &after.settle_until].into_iter().flatten().next();
    let is_time = |word: &str| word.trim_end_matches([',', ';', '.']).parse::<Timestamp>().is_ok();
    // What is stalled waits for a person; when, nobody knows.
    if place(before) != place(after) && due.is_some() && !moment.held() && !next.split(' ').any(is_time) {
        return Err(format!("it does not tell when: {told:?}, {}", words(after)));
    }
    Ok(())
}

/// Whether a text names metric, value and bound of a check that failed.
fn measured(check: &Check, told: &str) -> Result<(), String> {
    let bounds = check.bounds.unwrap_or_default();
    let bound = |bound: &f64| told.contains(&bound.to_string());
    let named = told.split(&check.name).skip(1).any(|rest| {
        let number = rest.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
        let near = |value: f64| number.is_some_and(|number| (number - value).abs() <= value.abs() * 0.01);
        check.value.is_none_or(near)
    });
    if named && [bounds.min, bounds.max].iter().flatten().any(bound) {
        return Ok(());
    }
    Err(format!("{} {:?} within {bounds:?} is not told: {told:?}", check.name, check.value))
}
