//! Pods that are not there when a run counts on them.

use super::*;

fn scaled(simulation: &Simulation, name: &str, replicas: i32) {
    simulation.user(&deployment(simulation, name), &json!({"spec": {"replicas": replicas}}));
}

#[test]
fn w_ctl_16_a_first_primary_at_zero_is_not_ready_and_the_target_goes_on_serving() {
    let mut simulation = simulation(weights(&[50]), good());
    while replicas(&simulation, "shop-primary").is_null() {
        simulation.pass(seconds(1), |_| {});
    }
    scaled(&simulation, "shop-primary", 0);
    simulation.pass(seconds(90), |simulation| assert_eq!(replicas(simulation, "shop"), 2));
    let status = simulation.status();
    assert_eq!((status.phase, status.last_promoted_spec), (Phase::Initializing, None));
    let stalled = status.conditions.into_iter().find(|of| of.type_ == "Stalled").unwrap();
    assert_eq!(stalled.reason, "PrimaryNotReady");
    assert!(stalled.message.contains("is scaled to zero; scale it up"), "{}", stalled.message);
    scaled(&simulation, "shop-primary", 2);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[test]
fn w_ctl_16_a_failed_canary_gives_no_traffic_to_a_primary_at_zero() {
    let mut simulation = initialised(weights(&[50]), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    scaled(&simulation, "shop-primary", 0);
    simulation.pass(seconds(180), |_| {});
    let status = simulation.status();
    assert_eq!((status.phase, status.canary_weight), (Phase::Failed, 50), "{:?}", status.last_decision);
    assert_eq!(shares(&simulation), [0, 50]);
    scaled(&simulation, "shop-primary", 2);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(shares(&simulation), [0, 50, 0]);
}

#[rstest]
#[case::while_the_primary_is_replaced(Phase::Promoting, json!(null))]
#[case::while_traffic_goes_back_in_steps(Phase::Promoting, json!(5))]
#[case::while_the_route_settles(Phase::Finalising, json!(null))]
fn w_ctl_21_a_promotion_goes_on_when_the_canarys_pods_break_meanwhile(
    #[case] phase: Phase,
    #[case] back: Value,
) {
    let mut analysis = weights(&[50]);
    analysis["stepWeightPromotion"] = back;
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    while simulation.status().phase != phase {
        simulation.pass(seconds(1), |_| {});
    }
    let (target, never) = (deployment(&simulation, "shop"), simulation.now() + seconds(3600));
    simulation.kubernetes.lose(&target, never);
    simulation.pass(seconds(180), |simulation| {
        assert_ne!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status().last_decision);
    });
    let status = simulation.status();
    assert_eq!((status.phase, status.canary_weight), (Phase::Succeeded, 0), "{:?}", status.last_decision);
    assert_eq!(status.last_promoted_spec, status.last_applied_spec);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(shares(&simulation), [0, 50, 0], "no request is led to pods that are not ready");
}
