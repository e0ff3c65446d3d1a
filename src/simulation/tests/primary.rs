//! A primary that somebody had to change by hand, and said why: it stays so until the next promotion.

use super::*;

fn broken(simulation: &Simulation, image: &str) {
    let reason = json!({"sluice.dev/break-glass": "checkout is down", "sluice.dev/break-glass-by": "ann"});
    by_hand(simulation, &json!({"annotations": reason}), image);
}

/// Somebody makes the primary run another image.
fn by_hand(simulation: &Simulation, metadata: &Value, image: &str) {
    let pods = json!({"spec": {"containers": [{"name": "shop", "image": image}]}});
    let edit = json!({"metadata": metadata, "spec": {"template": pods}});
    simulation.user(&deployment(simulation, "shop-primary"), &edit);
}

fn annotations(simulation: &Simulation) -> Value {
    object(simulation, &deployment(simulation, "shop-primary"))["metadata"]["annotations"].clone()
}

#[test]
fn a_change_by_hand_with_a_reason_stays_until_the_next_promotion_and_is_told_once() {
    let mut simulation = initialised(weights(&[20, 50]), good());
    broken(&simulation, "shop:mended");
    simulation.pass(seconds(600), |simulation| {
        assert_eq!(image(simulation, "shop-primary"), "shop:mended");
    });
    let told = reasons(&simulation).iter().filter(|reason| **reason == Reason::BreakGlass).count();
    assert_eq!(told, 1);

    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    let left = annotations(&simulation);
    assert!(
        left["sluice.dev/break-glass"].is_null() && left["sluice.dev/break-glass-by"].is_null(),
        "{left}"
    );
    // From now on it is guarded as before.
    by_hand(&simulation, &json!({}), "shop:evil");
    simulation.pass(seconds(10), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
}

#[test]
fn a_run_that_fails_gives_the_traffic_back_to_a_primary_that_was_changed_by_hand() {
    let mut simulation = initialised(weights(&[20, 50]), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(5), |_| {});
    broken(&simulation, "shop:mended");
    simulation.pass(seconds(300), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert_eq!(simulation.status().canary_weight, 0);
    assert_eq!(replicas(&simulation, "shop"), 0);
    assert_eq!(image(&simulation, "shop-primary"), "shop:mended");
}

#[test]
fn a_reason_that_is_taken_back_takes_the_change_back() {
    let mut simulation = initialised(weights(&[20, 50]), good());
    broken(&simulation, "shop:mended");
    simulation.pass(seconds(30), |_| {});
    let none = json!({"metadata": {"annotations": {"sluice.dev/break-glass": null}}});
    simulation.user(&deployment(&simulation, "shop-primary"), &none);
    simulation.pass(seconds(10), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
}

/// `kubectl rollout restart` of a primary is no change of what it runs.
#[test]
fn a_restart_of_the_primary_is_left_alone() {
    let mut simulation = initialised(weights(&[20, 50]), good());
    let restart = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    let edit = json!({"spec": {"template": {"metadata": {"annotations": restart}}}});
    let primary = deployment(&simulation, "shop-primary");
    simulation.user(&primary, &edit);
    simulation.pass(seconds(60), |_| {});
    let template = object(&simulation, &primary)["spec"]["template"].clone();
    assert_eq!(template["metadata"]["annotations"], restart);
    assert!(!reasons(&simulation).contains(&Reason::PrimaryRestored));
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

/// A revision that fails its checks at 50 %, with six pods, beside a primary with as many.
fn half(strategy: &Value) -> Simulation {
    let mut target = target("shop:1");
    target["spec"]["replicas"] = json!(6);
    target["spec"]["strategy"] = strategy.clone();
    let mut simulation =
        Simulation::new(canary(weights(&[50])), target, Settings::default(), bad(), no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    assert_eq!(simulation.status().canary_weight, 50, "{:?}", simulation.status());
    simulation
}

#[test]
fn a_failed_canary_whose_pods_take_up_the_quota_of_the_primary_gives_traffic_and_pods_back() {
    // Beside eight pods two may be missing, beside ten not four.
    for wanted in [8, 10] {
        let mut simulation = half(&json!({"type": "RollingUpdate"}));
        simulation.kubernetes.quota = Some(12);
        // As its autoscaler wants it.
        let primary = deployment(&simulation, "shop-primary");
        simulation.user(&primary, &json!({"spec": {"replicas": wanted}}));
        simulation.pass(seconds(25), |_| {});
        assert_eq!((simulation.status().phase, shares(&simulation)), (Phase::Failed, vec![0, 50, 0]));
        simulation.pass(seconds(10), |_| {});
        assert_eq!(replicas(&simulation, "shop"), 0);
        assert_eq!(simulation.kubernetes.ready(&primary, simulation.now()), wanted);
    }
}

#[rstest]
#[case::that_keeps_enough_pods(json!({"type": "RollingUpdate"}), 25)]
#[case::that_may_take_all_of_them(json!({"type": "Recreate"}), 85)]
fn a_failed_canary_gives_traffic_back_to_a_primary_whose_restart_hangs(
    #[case] strategy: Value,
    #[case] within: i64,
) {
    let mut simulation = half(&strategy);
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.user(&deployment(&simulation, "shop-primary"), &broken);
    simulation.pass(seconds(24), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    let waits = within > 60;
    assert_eq!(shares(&simulation).last(), Some(if waits { &50 } else { &0 }));
    simulation.pass(seconds(within - 24), |_| {});
    assert_eq!(shares(&simulation), [0, 50, 0]);
    simulation.pass(seconds(10), |_| {});
    assert_eq!(replicas(&simulation, "shop"), 0);
}
