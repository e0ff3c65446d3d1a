//! A policy of the cluster lets nobody write one kind of object: the Canary is told, and traffic goes back all the same.

use super::*;

fn stalled(simulation: &Simulation) -> (String, String) {
    let conditions = simulation.status().conditions;
    let stalled = conditions.into_iter().find(|condition| condition.type_ == "Stalled").unwrap_or_default();
    (stalled.reason, stalled.message)
}

fn blocked(simulation: &Simulation) -> usize {
    reasons(simulation).iter().filter(|reason| **reason == Reason::Blocked).count()
}

/// At 50 % the canary's Service becomes one that the API server refuses.
fn at_half(oracle: Oracle) -> Simulation {
    let mut simulation = initialised(weights(&[50, 80]), oracle);
    release(&simulation, "shop:2");
    while shares(&simulation).last() != Some(&50) {
        simulation.pass(seconds(1), |_| {});
    }
    simulation.world.state().denied.insert("Service".to_owned());
    let labels = json!({"spec": {"service": {"canary": {"labels": {"team": "a b"}}}}});
    simulation.user(&simulation.canary_reference(), &labels);
    simulation
}

#[test]
fn a_refused_service_stops_neither_the_checks_nor_the_way_back() {
    let mut simulation = at_half(bad());
    simulation.pass(seconds(60), |_| {});
    let status = simulation.status();
    assert_eq!((status.phase, status.canary_weight), (Phase::Failed, 0), "{status:?}");
    assert_eq!(shares(&simulation), [0, 50, 0], "the route really went back");
}

#[test]
fn a_refused_write_is_told_once_and_forgotten_when_it_passes() {
    let mut simulation = at_half(good());
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
    // What it cannot raise, it takes back at the deadline of the step.
    simulation.pass(seconds(120), |_| {});
    assert_eq!((simulation.status().phase, blocked(&simulation)), (Phase::Failed, 1));
    assert_eq!(shares(&simulation), [0, 50, 0], "nothing was raised on a Service that is not as wished");
    simulation.world.state().denied.clear();
    simulation.pass(seconds(30), |_| {});
    assert_eq!(stalled(&simulation).0, "NothingBlocks");
    assert_eq!(replicas(&simulation, "shop"), 0, "what was left out is made up for");
}

#[test]
fn what_was_told_of_a_refused_write_outlasts_a_restart() {
    let mut simulation = at_half(good());
    simulation.pass(seconds(3), |_| {});
    for _ in 0..3 {
        simulation.crash();
        simulation.pass(seconds(1), |_| {});
        assert_eq!((stalled(&simulation).0.as_str(), blocked(&simulation)), ("WriteRefused", 1));
    }
}

#[test]
fn a_primary_that_a_policy_denies_is_told_with_its_words_and_made_once_it_may_be() {
    let mut simulation = simulation(weights(&[50]), good());
    simulation.world.state().denied.insert("Deployment".to_owned());
    simulation.pass(seconds(10), |_| {});
    let (reason, message) = stalled(&simulation);
    assert_eq!(reason, "WriteRefused", "{message}");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(
        (stalled(&simulation).0.as_str(), blocked(&simulation)),
        ("WriteRefused", 1),
        "the cause, not what follows"
    );
    simulation.world.state().denied.clear();
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
}
