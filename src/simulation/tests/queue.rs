//! As many rollouts go on as may at once.

use super::*;
use crate::api::ConditionStatus;

const FULL: &str = "2 rollouts run already, the most at once (--max-rollouts)";

#[test]
fn a_revision_waits_for_its_turn_and_people_are_told_once() {
    let mut simulation = initialised(weights(&[50]), good());
    simulation.world.state().full = Some(FULL.to_owned());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    let status = simulation.status();
    assert_eq!((status.phase, shares(&simulation)), (Phase::Initialized, vec![0]));
    assert_eq!(replicas(&simulation, "shop"), 0, "its pods wait too");
    assert!(status.last_decision.as_ref().is_some_and(|said| said.contains(FULL)), "{status:?}");
    let told = || reasons(&simulation).iter().filter(|reason| **reason == Reason::Queued).count();
    assert_eq!(told(), 1);
    let condition = |simulation: &Simulation, type_: &str| {
        let condition = simulation.status().conditions.into_iter().find(|of| of.type_ == type_).unwrap();
        (condition.status, condition.reason, condition.message)
    };
    let queued = format!("Queued: revision {} waits for its turn: {FULL}.", revision(&simulation));
    let next = "it starts when its turn comes: first come, first served, without a deadline.";
    let whole = format!("{queued} Next: {next}");
    assert_eq!(status.last_decision.as_deref(), Some(whole.as_str()));
    let reason = || "Queued".to_owned();
    assert_eq!(condition(&simulation, "Progressing"), (ConditionStatus::True, reason(), whole.clone()));
    assert_eq!(condition(&simulation, "Ready"), (ConditionStatus::Unknown, reason(), whole));
    assert_eq!(
        condition(&simulation, "Promoted"),
        (ConditionStatus::Unknown, "Waiting".to_owned(), queued),
        "not before it is: whoever waits for the new revision waits on"
    );

    // The queue moved on and something else woke it: no word for that.
    simulation.world.state().full = Some(format!("{FULL}; 1 waits before it"));
    simulation
        .user(&deployment(&simulation, "shop"), &json!({"metadata": {"annotations": {"seen": "again"}}}));
    simulation.pass(seconds(20), |_| {});
    assert!(condition(&simulation, "Progressing").2.contains("; 1 waits before it."));
    assert_eq!(reasons(&simulation).iter().filter(|reason| **reason == Reason::Queued).count(), 1);

    simulation.world.state().full = None;
    // Whoever keeps the queue wakes it.
    simulation
        .user(&deployment(&simulation, "shop"), &json!({"metadata": {"annotations": {"turn": "come"}}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(condition(&simulation, "Promoted").0, ConditionStatus::True);
    assert_eq!(condition(&simulation, "Progressing").1, "Succeeded");
}

/// The revision that the target asks for.
fn revision(simulation: &Simulation) -> String {
    let told = simulation.world.state().events.last().unwrap().message.clone();
    told.split_whitespace().nth(2).unwrap().to_owned()
}

#[test]
fn a_queued_revision_that_is_withdrawn_leaves_no_word_of_the_queue() {
    let mut simulation = initialised(weights(&[50]), good());
    simulation.world.state().full = Some(FULL.to_owned());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    assert!(simulation.status().last_decision.unwrap().starts_with("Queued: "));
    release(&simulation, "shop:1");
    simulation.pass(seconds(20), |_| {});
    let status = simulation.status();
    let told = status.last_decision.unwrap();
    assert!(
        told.starts_with("The primary serves; the target idles until a new revision comes. Next: "),
        "{told}"
    );
    assert!(
        status.conditions.iter().all(|condition| condition.reason != "Queued"),
        "{:?}",
        status.conditions
    );
}

#[test]
fn a_run_that_goes_on_is_not_held_up_by_others_also_for_a_newer_revision() {
    let mut simulation = initialised(weights(&[20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    simulation.world.state().full = Some(FULL.to_owned());
    release(&simulation, "shop:3");
    simulation.pass(seconds(180), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:3");
}
