//! Checks that nobody can judge: by default they count as failed, on the operator's wish the step waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{api::CheckOutcome, rollout::Inconclusive};

/// Gives `first` to so many questions and then a good value.
fn then_good(first: Result<Sample, String>, times: usize) -> Oracle {
    let asked = AtomicUsize::new(0);
    Box::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        number if number < times => first.clone(),
        _ => Ok(Sample::Value(100.0)),
    })
}

fn run(inconclusive: Inconclusive, oracle: Oracle, time: i64) -> Simulation {
    let settings = Settings { inconclusive, ..Settings::default() };
    let mut simulation =
        Simulation::new(canary(weights(&[10, 20, 50])), target("shop:1"), settings, oracle, no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(time), |_| {});
    simulation
}

fn count(simulation: &Simulation, reason: Reason) -> usize {
    reasons(simulation).into_iter().filter(|told| *told == reason).count()
}

#[rstest]
#[case::no_data(Ok(Sample::NoData))]
#[case::no_answer(Err("the server is away".to_owned()))]
fn by_default_an_inconclusive_check_counts_as_failed_and_is_told_apart(
    #[case] answer: Result<Sample, String>,
) {
    let simulation = run(Inconclusive::Fail, then_good(answer, usize::MAX), 120);
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(
        (count(&simulation, Reason::CheckInconclusive), count(&simulation, Reason::CheckFailed)),
        (2, 0)
    );
}

#[rstest]
#[case::no_data(Ok(Sample::NoData))]
#[case::no_answer(Err("the server is away".to_owned()))]
fn w_met_11_held_a_step_without_data_waits_for_it_and_goes_on(#[case] answer: Result<Sample, String>) {
    let simulation = run(Inconclusive::Hold, then_good(answer, 4), 160);
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(simulation.status().failed_checks, 0);
    assert_eq!(shares(&simulation), [0, 10, 20, 50, 0]);
    assert_eq!(count(&simulation, Reason::CheckInconclusive), 1, "said once");
}

#[test]
fn w_met_11_held_a_step_ends_at_the_deadline() {
    let mut simulation = run(Inconclusive::Hold, then_good(Ok(Sample::NoData), usize::MAX), 50);
    assert_eq!(simulation.status().phase, Phase::Progressing, "the deadline is 60 s after the first check");
    assert_eq!(simulation.status().checks[0].outcome, Some(CheckOutcome::NoData));
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    let told = simulation.status().last_decision.unwrap_or_default();
    assert!(told.contains("Nothing could be judged for 60 s: request-success-rate has no data"), "{told}");
}

#[test]
fn held_a_check_that_fails_still_fails() {
    let simulation = run(Inconclusive::Hold, bad(), 120);
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(count(&simulation, Reason::CheckFailed), 2);
}

#[test]
fn status_and_event_name_metric_query_value_bounds_and_verdict() {
    let simulation = run(Inconclusive::Fail, bad(), 120);
    let check = simulation.status().checks[0].clone();
    assert_eq!((check.name.as_str(), check.value), ("request-success-rate", Some(50.0)));
    assert_eq!((check.bounds.unwrap().min, check.bounds.unwrap().max), (Some(99.0), None));
    assert_eq!((check.outcome, check.passed), (Some(CheckOutcome::Failed), Some(false)));
    let query = check.query.unwrap();
    assert!(query.contains("http_request_duration_seconds_count"), "{query}");
    let events = simulation.world.state().events.clone();
    let event = events.iter().find(|event| event.reason == Reason::CheckFailed).unwrap();
    let said = "Failed check 1 of 2: request-success-rate 50.00 % is below the minimum 99 % \
                (builtin query of gatewayapi:v1: sum(rate(";
    let (decided, next) = crate::rollout::parts(&event.message);
    assert!(decided.starts_with(said) && decided.chars().count() < 400, "{decided}");
    assert!(decided.ends_with("). The canary's share stays at 10 %."), "{decided}");
    assert!(next.unwrap().starts_with("the checks at 1970-01-01T00:00:5"), "{next:?}");
}
