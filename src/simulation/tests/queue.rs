//! As many rollouts go on as may at once.

use super::*;

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

    simulation.world.state().full = None;
    // Whoever keeps the queue wakes it.
    simulation
        .user(&deployment(&simulation, "shop"), &json!({"metadata": {"annotations": {"turn": "come"}}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
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
