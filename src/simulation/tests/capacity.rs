//! The primary gets traffic back only with as many ready pods as serve it now.

use super::{
    autoscaler::{autoscaled_canary, autoscaler, scaled},
    *,
};

/// A Canary whose primary counts as ready with half of its two pods, in a run of steps.
fn initialised_lenient(mut analysis: Value, oracle: Oracle) -> Simulation {
    analysis["primaryReadyThreshold"] = json!(50);
    initialised(analysis, oracle)
}

/// One of the primary's pods alone is ready for so many seconds.
fn slow(simulation: &mut Simulation, lasts: i64) {
    let until = simulation.now() + seconds(lasts);
    let primary = deployment(simulation, "shop-primary");
    simulation.kubernetes.slow(&primary, until);
}

/// A run that has come to its last step.
fn stepped(simulation: &mut Simulation) {
    release(simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing, "{:?}", simulation.status());
    assert!(simulation.status().canary_weight > 0);
}

fn told(simulation: &Simulation) -> String {
    simulation.status().last_decision.unwrap_or_default()
}

#[test]
fn a_primary_that_is_ready_with_half_of_its_pods_waits_for_as_many_as_serve_now() {
    let mut simulation = initialised_lenient(weights(&[50]), good());
    stepped(&mut simulation);
    slow(&mut simulation, 40);
    simulation.pass(seconds(30), |_| {});
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Promoting, vec![0, 50]));
    let why =
        "Waiting: Deployment shop-primary has 1 of 2 ready pods that it needs for 100 % of the traffic.";
    assert!(told(&simulation).starts_with(why), "{}", told(&simulation));
    simulation.pass(seconds(30), |_| {});
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Succeeded, vec![0, 50, 0]));
}

#[test]
fn the_wait_for_pods_ends_the_promotion_and_then_gives_the_traffic_to_what_is_there() {
    let mut simulation = initialised_lenient(weights(&[50]), good());
    stepped(&mut simulation);
    slow(&mut simulation, 600);
    simulation.pass(seconds(100), |_| {});
    assert!(reasons(&simulation).contains(&Reason::PromotionFailed));
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Failed, vec![0, 50]));
    let why = "Traffic stays where it is until Deployment shop-primary has 2 ready pods, which it needs for 100 % of the traffic.";
    assert!(told(&simulation).starts_with(why), "{}", told(&simulation));
    assert!(told(&simulation).ends_with(" on also with fewer pods than serve now."), "{}", told(&simulation));
    simulation.pass(seconds(60), |_| {});
    assert_eq!(shares(&simulation), [0, 50, 0]);
    assert_eq!(replicas(&simulation, "shop"), 0);
}

#[test]
fn each_step_back_needs_the_pods_for_its_share_alone() {
    let mut analysis = weights(&[100]);
    analysis["stepWeightPromotion"] = json!(50);
    let mut simulation = initialised_lenient(analysis, good());
    stepped(&mut simulation);
    slow(&mut simulation, 50);
    simulation.pass(seconds(40), |_| {});
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Promoting, vec![0, 100, 50]));
    simulation.pass(seconds(40), |_| {});
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Succeeded, vec![0, 100, 50, 0]));
}

#[test]
fn a_target_that_is_back_at_the_promoted_revision_serves_until_the_primary_has_pods_for_it() {
    let mut simulation = initialised(weights(&[50]), good());
    stepped(&mut simulation);
    slow(&mut simulation, 20);
    release(&simulation, "shop:1");
    simulation.pass(seconds(18), |_| {});
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Succeeded, vec![0, 50]));
    assert!(replicas(&simulation, "shop") != 0, "what serves stays");
    simulation.pass(seconds(20), |_| {});
    assert_eq!((replicas(&simulation, "shop"), shares(&simulation)), (json!(0), vec![0, 50, 0]));
}

#[test]
fn no_more_pods_are_awaited_than_the_primary_is_to_have() {
    let mut simulation = initialised(weights(&[50]), good());
    stepped(&mut simulation);
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 5}}));
    simulation.pass(seconds(5), |_| {});
    release(&simulation, "shop:1");
    simulation.pass(seconds(2), |_| {});
    assert_eq!(replicas(&simulation, "shop-primary"), 2);
    assert_eq!(shares(&simulation), [0, 50, 0]);
}

#[test]
fn an_autoscaled_primary_gets_the_pods_that_it_needs_also_without_a_promotion() {
    let mut simulation =
        Simulation::new(autoscaled_canary(), target("shop:1"), Settings::default(), good(), no_faults());
    simulation.user(&autoscaler(&simulation, "shop"), &scaled(2, 9));
    simulation.pass(seconds(30), |_| {});
    stepped(&mut simulation);
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 6}}));
    simulation.pass(seconds(5), |_| {});
    release(&simulation, "shop:1");
    let mut carried = None;
    simulation.pass(seconds(30), |simulation| {
        if simulation.status().canary_weight == 0 && carried.is_none() {
            let primary = deployment(simulation, "shop-primary");
            carried = Some(simulation.kubernetes.ready(&primary, simulation.now()));
        }
    });
    assert_eq!(carried, Some(6));
}

#[test]
fn a_canary_that_failed_keeps_nothing_for_the_sake_of_pods() {
    let mut simulation = initialised(weights(&[50]), bad());
    stepped(&mut simulation);
    slow(&mut simulation, 600);
    simulation.pass(seconds(24), |_| {});
    assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Failed, vec![0, 50, 0]));
}
