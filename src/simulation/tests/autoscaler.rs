//! Rollouts of a Deployment whose replicas a HorizontalPodAutoscaler sets.

use super::*;

pub(super) fn autoscaler(simulation: &Simulation, name: &str) -> ObjectRef {
    simulation.reference("autoscaling/v2", "HorizontalPodAutoscaler", name)
}

pub(super) fn scaled(least: i32, most: i32) -> Value {
    json!({"spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
    }})
}

pub(super) fn autoscaled_canary() -> Object {
    let mut canary = canary(weights(&[10, 50]));
    canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "shop"});
    canary
}

fn initialised_with_autoscaler(oracle: Oracle) -> Simulation {
    let mut simulation =
        Simulation::new(autoscaled_canary(), target("shop:1"), Settings::default(), oracle, no_faults());
    simulation.user(&autoscaler(&simulation, "shop"), &scaled(2, 9));
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
    simulation
}

/// Sets replicas as an autoscaler does when the load changes.
fn load(simulation: &Simulation, name: &str, replicas: i32) {
    simulation.user(&deployment(simulation, name), &json!({"spec": {"replicas": replicas}}));
}

#[test]
fn the_primary_gets_an_autoscaler_of_its_own_and_the_users_is_claimed() {
    let simulation = initialised_with_autoscaler(good());
    let copy = object(&simulation, &autoscaler(&simulation, "shop-primary"));
    assert_eq!(copy["spec"]["scaleTargetRef"]["name"], "shop-primary");
    assert_eq!((&copy["spec"]["minReplicas"], &copy["spec"]["maxReplicas"]), (&json!(2), &json!(9)));
    let users = object(&simulation, &autoscaler(&simulation, "shop"));
    assert_eq!(users["metadata"]["labels"]["sluice.dev/managed"], "true");
    assert_eq!(replicas(&simulation, "shop"), 0, "the target rests, which its autoscaler leaves alone");
}

#[test]
fn faq_edits_of_the_users_autoscaler_reach_the_primarys_in_seconds_without_a_rollout() {
    let mut simulation = initialised_with_autoscaler(good());
    simulation.user(
        &autoscaler(&simulation, "shop"),
        &json!({"spec": {"maxReplicas": 20, "behavior": {"scaleUp": {"stabilizationWindowSeconds": 5}}}}),
    );
    simulation.pass(seconds(2), |_| {});
    let spec = object(&simulation, &autoscaler(&simulation, "shop-primary"))["spec"].clone();
    assert_eq!(spec["maxReplicas"], 20);
    assert_eq!(spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"], 5);
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[test]
fn the_scaling_of_an_autoscaler_causes_no_write_of_ours() {
    let mut simulation = initialised_with_autoscaler(good());
    let before = simulation.world.state().deeds.len();
    for replicas in [5, 8, 3] {
        load(&simulation, "shop-primary", replicas);
        simulation.pass(seconds(60), |_| {});
        assert_eq!(self::replicas(&simulation, "shop-primary"), replicas);
    }
    assert_eq!(simulation.world.state().deeds.len(), before);
}

#[test]
fn a_promotion_keeps_the_pods_that_the_autoscaler_gave_the_primary() {
    let mut simulation = initialised_with_autoscaler(good());
    load(&simulation, "shop-primary", 7);
    release(&simulation, "shop:2");
    let mut fewest = i64::MAX;
    simulation.pass(seconds(150), |simulation| {
        fewest = fewest.min(replicas(simulation, "shop-primary").as_i64().unwrap());
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!((fewest, replicas(&simulation, "shop-primary")), (7, json!(7)));
}

#[test]
fn a_run_starts_with_the_least_that_the_autoscaler_allows() {
    let mut simulation = initialised_with_autoscaler(good());
    simulation.user(&autoscaler(&simulation, "shop"), &json!({"spec": {"minReplicas": 3}}));
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    assert_eq!(replicas(&simulation, "shop"), 3);
}

#[test]
fn faq_traffic_goes_back_only_when_the_primary_has_as_many_pods_as_serve_now() {
    let mut simulation = initialised_with_autoscaler(good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(22), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    load(&simulation, "shop", 6);
    let mut carried = Vec::new();
    simulation.pass(seconds(150), |simulation| {
        if simulation.status().phase == Phase::Finalising && carried.is_empty() {
            let primary = deployment(simulation, "shop-primary");
            carried.push(simulation.kubernetes.ready(&primary, simulation.now()));
        }
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(carried, [6]);
}

#[test]
fn the_most_that_the_autoscaler_allows_is_enough_to_take_traffic_back() {
    let mut simulation = initialised_with_autoscaler(good());
    let most = json!({"spec": {"autoscalerRef": {"primaryScalerReplicas": {"maxReplicas": 4}}}});
    simulation.user(&simulation.canary_reference(), &most);
    release(&simulation, "shop:2");
    simulation.pass(seconds(22), |_| {});
    load(&simulation, "shop", 6);
    simulation.pass(seconds(150), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(replicas(&simulation, "shop-primary"), 4);
}

#[test]
fn an_autoscaler_that_is_named_no_more_loses_its_copy_and_the_users_stays() {
    let mut simulation = initialised_with_autoscaler(good());
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"autoscalerRef": null}}));
    simulation.pass(seconds(2), |_| {});
    assert_eq!(object(&simulation, &autoscaler(&simulation, "shop-primary")), Value::Null);
    assert_eq!(object(&simulation, &autoscaler(&simulation, "shop"))["spec"]["maxReplicas"], 9);
    let before = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    assert_eq!(simulation.world.state().deeds.len(), before);
}

#[test]
fn an_autoscaler_in_the_place_of_another_leaves_the_primary_with_one() {
    let mut simulation = initialised_with_autoscaler(good());
    simulation.user(&autoscaler(&simulation, "other"), &scaled(3, 5));
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"autoscalerRef": {"name": "other"}}}));
    simulation.pass(seconds(2), |_| {});
    assert_eq!(object(&simulation, &autoscaler(&simulation, "shop-primary")), Value::Null);
    let copy = object(&simulation, &autoscaler(&simulation, "other-primary"));
    assert_eq!(copy["spec"]["scaleTargetRef"]["name"], "shop-primary");
}

#[test]
fn an_autoscaler_that_is_missing_is_named_and_holds_nothing_up() {
    let mut simulation =
        Simulation::new(autoscaled_canary(), target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(60), |_| {});
    let status = simulation.status();
    assert_eq!(status.phase, Phase::Initialized);
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled" && c.reason == "AutoscalerMissing"));
    simulation.user(&autoscaler(&simulation, "shop"), &scaled(2, 9));
    simulation.pass(seconds(5), |_| {});
    assert!(
        simulation.status().conditions.iter().any(|c| c.type_ == "Stalled" && c.reason == "NothingBlocks")
    );
}

#[test]
fn a_deleted_canary_takes_its_mark_off_the_users_autoscaler_and_its_copy_goes() {
    let mut simulation = initialised_with_autoscaler(good());
    simulation.world.state().memory.delete(&simulation.canary_reference());
    simulation.pass(seconds(60), |_| {});
    assert_eq!(object(&simulation, &autoscaler(&simulation, "shop-primary")), Value::Null);
    let users = object(&simulation, &autoscaler(&simulation, "shop"))["metadata"].to_string();
    assert!(!users.contains("sluice.dev/"), "{users}");
}

#[test]
fn a_deleted_canary_whose_target_is_gone_leaves_no_mark_on_the_users_autoscaler() {
    let mut simulation = initialised_with_autoscaler(good());
    let (target, canary) = (deployment(&simulation, "shop"), simulation.canary_reference());
    simulation.world.state().memory.delete(&target);
    simulation.world.state().memory.delete(&canary);
    simulation.pass(seconds(10), |_| {});
    assert!(object(&simulation, &canary).is_null());
    let users = object(&simulation, &autoscaler(&simulation, "shop"));
    assert!(!users.to_string().contains("sluice.dev/"), "{users}");
}
