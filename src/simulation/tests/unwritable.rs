//! Nobody can write one kind of object, because a policy denies it or its webhook is down: the Canary is told, and traffic goes
//! back all the same.

use rstest::rstest;

use super::*;
use crate::rollout::Cause;

fn stalled(simulation: &Simulation) -> (String, String) {
    let conditions = simulation.status().conditions;
    let stalled = conditions.into_iter().find(|condition| condition.type_ == "Stalled").unwrap_or_default();
    (stalled.reason, stalled.message)
}

fn blocked(simulation: &Simulation) -> usize {
    reasons(simulation).iter().filter(|reason| **reason == Reason::Blocked).count()
}

fn nobody_writes(simulation: &Simulation, kind: &str, cause: Cause) {
    simulation.world.state().unwritable.insert(kind.to_owned(), cause);
}

fn everybody_writes(simulation: &Simulation) {
    simulation.world.state().unwritable.clear();
}

/// At 50 % the canary's Service becomes one that nobody can write.
fn at_half(oracle: Oracle, cause: Cause) -> Simulation {
    let mut simulation = initialised(weights(&[50, 80]), oracle);
    release(&simulation, "shop:2");
    while shares(&simulation).last() != Some(&50) {
        simulation.pass(seconds(1), |_| {});
    }
    nobody_writes(&simulation, "Service", cause);
    let labels = json!({"spec": {"service": {"canary": {"labels": {"team": "a b"}}}}});
    simulation.user(&simulation.canary_reference(), &labels);
    simulation
}

#[rstest]
fn a_service_that_cannot_be_written_stops_neither_the_checks_nor_the_way_back(
    #[values(Cause::WriteRefused, Cause::WriteFailed)] cause: Cause,
) {
    let mut simulation = at_half(bad(), cause);
    simulation.pass(seconds(60), |_| {});
    let status = simulation.status();
    assert_eq!((status.phase, status.canary_weight), (Phase::Failed, 0), "{status:?}");
    assert_eq!(shares(&simulation), [0, 50, 0], "the route really went back");
}

/// What it cannot raise, a run at half takes back at the deadline of the step; once everybody can write, nothing is told any more.
#[track_caller]
fn ends_at_its_deadline(simulation: &mut Simulation) {
    simulation.pass(seconds(120), |_| {});
    assert_eq!((simulation.status().phase, blocked(simulation)), (Phase::Failed, 1));
    assert_eq!(shares(simulation), [0, 50, 0], "nothing was raised on a Service that is not as wished");
    everybody_writes(simulation);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(stalled(simulation).0, "NothingBlocks");
}

#[test]
fn a_refused_write_is_told_once_and_forgotten_when_it_passes() {
    let mut simulation = at_half(good(), Cause::WriteRefused);
    simulation.pass(seconds(5), |_| {});
    let (reason, message) = stalled(&simulation);
    assert_eq!(reason, "WriteRefused");
    assert!(message.contains("Service store/shop-canary: a policy denies it"), "{message}");
    let statuses = |simulation: &Simulation| {
        let state = simulation.world.state();
        state.deeds.iter().filter(|(_, deed)| matches!(deed, Deed::Status(_))).count()
    };
    let before = statuses(&simulation);
    simulation.pass(seconds(4), |_| {});
    assert_eq!((statuses(&simulation), blocked(&simulation)), (before, 1), "nothing new is written");
    ends_at_its_deadline(&mut simulation);
    assert_eq!(replicas(&simulation, "shop"), 0, "what was left out is made up for");
}

#[rstest]
#[case::refused(Cause::WriteRefused, 3, "WriteRefused")]
#[case::failing(Cause::WriteFailed, 33, "WriteFailed")]
fn what_was_told_of_a_write_outlasts_a_restart(
    #[case] cause: Cause,
    #[case] after: i64,
    #[case] reason: &str,
) {
    let mut simulation = at_half(good(), cause);
    simulation.pass(seconds(after), |_| {});
    for _ in 0..3 {
        simulation.crash();
        simulation.pass(seconds(1), |_| {});
        assert_eq!((stalled(&simulation).0.as_str(), blocked(&simulation)), (reason, 1));
    }
}

#[test]
fn a_write_that_fails_for_a_moment_is_told_nobody() {
    let mut simulation = at_half(good(), Cause::WriteFailed);
    simulation.pass(seconds(20), |_| {});
    everybody_writes(&simulation);
    simulation.pass(seconds(300), |_| {});
    assert_eq!((simulation.status().phase, blocked(&simulation)), (Phase::Succeeded, 0));
}

#[test]
fn a_write_that_fails_for_long_is_told_with_the_servers_words_and_the_run_ends_by_its_deadline() {
    let mut simulation = at_half(good(), Cause::WriteFailed);
    simulation.pass(seconds(25), |_| {});
    assert_eq!((stalled(&simulation).0.as_str(), blocked(&simulation)), ("NothingBlocks", 0));
    simulation.pass(seconds(10), |_| {});
    let (reason, message) = stalled(&simulation);
    assert_eq!((reason.as_str(), blocked(&simulation)), ("WriteFailed", 1));
    assert!(message.contains("Service store/shop-canary: failed calling webhook"), "{message}");
    ends_at_its_deadline(&mut simulation);
}

#[test]
fn a_primary_that_a_policy_denies_is_told_with_its_words_and_made_once_it_may_be() {
    let mut simulation = simulation(weights(&[50]), good());
    nobody_writes(&simulation, "Deployment", Cause::WriteRefused);
    simulation.pass(seconds(10), |_| {});
    let (reason, message) = stalled(&simulation);
    assert_eq!(reason, "WriteRefused", "{message}");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(
        (stalled(&simulation).0.as_str(), blocked(&simulation)),
        ("WriteRefused", 1),
        "the cause, not what follows"
    );
    everybody_writes(&simulation);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
}

#[test]
fn a_deletion_that_a_policy_holds_up_at_its_end_is_told_once() {
    let mut simulation = initialised(weights(&[50]), good());
    let told = |simulation: &Simulation| {
        reasons(simulation).iter().filter(|reason| **reason == Reason::Terminated).count()
    };
    simulation.world.state().memory.delete(&simulation.canary_reference());
    simulation.pass(seconds(5), |_| {});
    nobody_writes(&simulation, "Deployment", Cause::WriteRefused);
    simulation.pass(seconds(120), |_| {});
    assert_eq!((told(&simulation), blocked(&simulation)), (1, 1));
    everybody_writes(&simulation);
    simulation.pass(seconds(120), |_| {});
    assert!(object(&simulation, &simulation.canary_reference()).is_null());
    assert_eq!(told(&simulation), 1);
}
