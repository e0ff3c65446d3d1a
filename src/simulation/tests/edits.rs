//! Users who change things in the middle of a run, and statuses that the peer left behind.

use super::*;

const BACK: &str = "HTTPRoute";

fn phase(simulation: &Simulation) -> Phase {
    simulation.status().phase
}

/// Goes on until a phase is reached.
fn until(simulation: &mut Simulation, wanted: Phase) {
    for _ in 0..300 {
        if phase(simulation) == wanted {
            return;
        }
        simulation.pass(seconds(1), |_| {});
    }
    panic!("{wanted:?} was never reached: {:?}", simulation.status());
}

fn set_status(simulation: &Simulation, change: &Value) {
    let reference = simulation.canary_reference();
    let mut status = object(simulation, &reference)["status"].clone();
    json_patch::merge(&mut status, change);
    simulation.world.state().memory.replace_part(&reference, "status", status).unwrap();
}

#[test]
fn a_revision_that_comes_while_another_is_promoted_is_analysed_afterwards() {
    let mut simulation = initialised(weights(&[50]), good());
    release(&simulation, "shop:2");
    until(&mut simulation, Phase::Promoting);
    // No replicas of its own: scaling it down after the promotion moves nothing.
    let next = json!({"spec": {"replicas": 0, "template": template("shop:3")}});
    simulation.user(&deployment(&simulation, "shop"), &next);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:3");
}

#[test]
fn w_ctl_4_a_revision_that_comes_while_the_first_route_is_made_is_analysed() {
    let mut simulation = simulation(weights(&[50]), good());
    simulation.world.state().gateway_away = true;
    for _ in 0..60 {
        simulation.pass(seconds(1), |_| {});
        if simulation.status().last_promoted_spec.is_some() {
            break;
        }
    }
    let next = json!({"spec": {"replicas": 0, "template": template("shop:2")}});
    simulation.user(&deployment(&simulation, "shop"), &next);
    simulation.pass(seconds(5), |_| {});
    simulation.world.state().gateway_away = false;
    simulation.pass(seconds(120), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(phase(&simulation), Phase::Succeeded);
}

#[test]
fn a_promotion_whose_target_is_gone_never_claims_what_the_primary_does_not_run() {
    let mut simulation = initialised(weights(&[50]), good());
    release(&simulation, "shop:2");
    until(&mut simulation, Phase::Progressing);
    simulation.pass(seconds(1), |_| {});
    let old = simulation.status().last_promoted_spec;
    set_status(&simulation, &json!({"phase": "Promoting"}));
    simulation.world.state().memory.delete(&deployment(&simulation, "shop"));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(simulation.status().last_promoted_spec, old);
    assert_eq!(phase(&simulation), Phase::Failed);
}

#[test]
fn w_ctl_7_a_fix_of_a_failed_switch_keeps_traffic_away_from_the_broken_primary() {
    let analysis = json!({"interval": "10s", "threshold": 2, "iterations": 2, "metrics": [rate()]});
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.pass(seconds(120), |simulation| {
        if phase(simulation) == Phase::Promoting && image(simulation, "shop-primary") == "shop:2" {
            simulation.user(&deployment(simulation, "shop-primary"), &broken);
        }
    });
    assert_eq!(phase(&simulation), Phase::Failed);
    assert_eq!(shares(&simulation), [0, 100]);
    release(&simulation, "shop:3");
    simulation.pass(seconds(14), |_| {});
    assert_eq!(phase(&simulation), Phase::Progressing);
    assert_eq!(shares(&simulation), [0, 100], "the primary cannot carry it");
    let mended = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: null}}}}});
    simulation.user(&deployment(&simulation, "shop-primary"), &mended);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:3");
    assert_eq!(shares(&simulation).last(), Some(&0));
}

#[test]
fn a_return_to_the_promoted_revision_is_not_told_as_somebody_scaling() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    release(&simulation, "shop:1");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(replicas(&simulation, "shop"), 0);
    assert!(!reasons(&simulation).contains(&Reason::ReplicasHeld));
}

#[test]
fn pods_that_a_foreign_route_led_to_stay_until_the_proxies_know_better() {
    let mut simulation = initialised(weights(&[50]), good());
    simulation.pass(seconds(60), |_| {});
    let route = simulation.reference("gateway.networking.k8s.io/v1", BACK, "shop");
    let mut rules = object(&simulation, &route)["spec"]["rules"].clone();
    rules[0]["backendRefs"][1]["weight"] = json!(77);
    simulation.user(&route, &json!({"spec": {"rules": rules}}));
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 2}}));
    simulation.pass(seconds(5), |_| {});
    assert_eq!(shares(&simulation).last(), Some(&0));
    assert_eq!(replicas(&simulation, "shop"), 2);
    simulation.pass(seconds(5), |_| {});
    assert_eq!(replicas(&simulation, "shop"), 0);
}

#[test]
fn a_skipped_analysis_starts_no_pod_and_promotes_nothing_that_is_not_kept() {
    let mut simulation = initialised(weights(&[50]), good());
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"skipAnalysis": true}}));
    release(&simulation, "shop:2");
    simulation.pass(seconds(60), |simulation| {
        assert_eq!(replicas(simulation, "shop"), 0);
        let status = simulation.status();
        if status.phase == Phase::Promoting {
            let revision = status.last_applied_spec.unwrap_or_default();
            let kept = simulation.reference("apps/v1", "ControllerRevision", &format!("shop-{revision}"));
            assert_ne!(object(simulation, &kept), Value::Null);
        }
    });
    assert_eq!(phase(&simulation), Phase::Succeeded);
}

#[test]
fn an_analysis_that_is_skipped_in_mid_run_is_promoted_without_raising_the_share() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"skipAnalysis": true}}));
    simulation.pass(seconds(60), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
    assert_eq!(shares(&simulation), [0, 10, 20, 0]);
}

#[test]
fn a_target_that_is_made_anew_with_the_same_template_starts_nothing() {
    let mut simulation = initialised(weights(&[50]), good());
    let reference = deployment(&simulation, "shop");
    simulation.world.state().memory.delete(&reference);
    simulation.pass(seconds(5), |_| {});
    simulation.user(&reference, &target("shop:1"));
    simulation.pass(seconds(30), |_| {});
    assert_eq!(phase(&simulation), Phase::Initialized);
    assert_eq!(replicas(&simulation, "shop"), 0);
}

#[test]
fn a_target_scaled_to_zero_in_mid_run_gets_its_pods_again() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 0}}));
    simulation.pass(seconds(2), |_| {});
    assert_eq!(replicas(&simulation, "shop"), 2);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
}

#[rstest]
#[case::iterations_to_weights(json!({"iterations": null, "stepWeights": [30, 60]}))]
#[case::fewer_iterations(json!({"iterations": 1}))]
#[case::more_iterations(json!({"iterations": 4}))]
fn blue_green_edited_in_mid_run_ends(#[case] edit: Value) {
    let analysis = json!({"interval": "10s", "threshold": 2, "iterations": 3, "metrics": [rate()]});
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(18), |_| {});
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"analysis": edit}}));
    simulation.pass(seconds(150), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
}

#[test]
fn a_snapshot_that_somebody_deletes_at_rest_is_written_again_once() {
    let mut simulation = initialised(weights(&[50]), good());
    let snapshots = simulation.world.state().memory.of_kind("ControllerRevision");
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    let before = simulation.world.state().deeds.len();
    simulation.world.state().memory.delete(snapshot);
    simulation.pass(seconds(60), |_| {});
    assert!(!object(&simulation, snapshot).is_null());
    assert_eq!(simulation.world.state().deeds.len(), before + 1);
}

/// A Canary with a status and objects as the peer leaves them, whose target asks for an image.
fn of_the_peer(phase: &str, wished: &str) -> Simulation {
    let simulation = initialised(weights(&[50]), good());
    let snapshots = simulation.world.state().memory.of_kind("ControllerRevision");
    for snapshot in snapshots {
        simulation.world.state().memory.delete(&snapshot);
    }
    let bare = json!({"metadata": {"annotations": null}});
    simulation.user(&deployment(&simulation, "shop-primary"), &bare);
    simulation.user(&deployment(&simulation, "shop"), &bare);
    release(&simulation, wished);
    let status = json!({"phase": phase, "canaryWeight": 0, "failedChecks": 0, "iterations": -1,
        "lastAppliedSpec": "7d8f6c", "lastPromotedSpec": "5b9d4c", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    simulation.world.state().memory.replace_part(&simulation.canary_reference(), "status", status).unwrap();
    simulation
}

#[rstest]
fn a_status_of_the_peer_is_adopted_in_any_phase(
    #[values(
        "Initialized",
        "Waiting",
        "Progressing",
        "WaitingPromotion",
        "Promoting",
        "Finalising",
        "Succeeded"
    )]
    of: &str,
    #[values("shop:1", "shop:2")] wished: &str,
) {
    let mut simulation = of_the_peer(of, wished);
    simulation.pass(seconds(200), |_| {});
    let status = simulation.status();
    assert!(matches!(status.phase, Phase::Succeeded | Phase::Initialized), "{status:?}");
    assert_eq!(image(&simulation, "shop-primary"), wished);
    assert_eq!(replicas(&simulation, "shop"), 0);
    assert_eq!(status.last_promoted_spec, status.last_applied_spec);
}

#[rstest]
#[case::the_next_one("shop:3")]
#[case::the_way_back("shop:1")]
fn a_revision_that_failed_with_the_peer_is_not_tried_again_and_what_comes_then_is_looked_at(
    #[case] next: &str,
) {
    let mut simulation = of_the_peer("Failed", "shop:2");
    let told = reasons(&simulation).len();
    simulation.pass(seconds(200), |_| {});
    assert_eq!(phase(&simulation), Phase::Failed);
    assert_eq!(
        (image(&simulation, "shop-primary"), replicas(&simulation, "shop")),
        (json!("shop:1"), json!(0))
    );
    let since = reasons(&simulation).split_off(told);
    assert!(!since.contains(&Reason::RevisionDetected), "{since:?}");
    release(&simulation, next);
    simulation.pass(seconds(200), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
    assert_eq!((image(&simulation, "shop-primary"), replicas(&simulation, "shop")), (json!(next), json!(0)));
}

#[test]
fn a_policy_that_rewrites_the_primary_is_told_once() {
    let mut simulation = simulation(weights(&[50]), good());
    simulation.world.state().memory.policy = Some(|object| {
        if object["metadata"]["name"] == "shop-primary" && object["kind"] == "Deployment" {
            let image = &mut object["spec"]["template"]["spec"]["containers"][0]["image"];
            let wished = image.as_str().unwrap_or_default().trim_start_matches("mirror/").to_owned();
            *image = json!(format!("mirror/{wished}"));
        }
    });
    simulation.pass(seconds(60), |_| {});
    assert_eq!(phase(&simulation), Phase::Initialized);
    for replicas in 1..6 {
        simulation
            .user(&simulation.canary_reference(), &json!({"spec": {"analysis": {"threshold": replicas}}}));
        simulation.pass(seconds(60), |_| {});
    }
    let restored = reasons(&simulation).iter().filter(|reason| **reason == Reason::PrimaryRestored).count();
    assert!(restored <= 1, "told {restored} times");
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(phase(&simulation), Phase::Succeeded);
}

#[test]
fn a_canary_that_gets_another_target_keeps_its_clients_until_the_new_primary_has_a_pod() {
    let mut simulation = initialised(weights(&[50]), good());
    let other = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "store", "namespace": "store"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "store"}},
            "template": {"metadata": {"labels": {"app": "store"}}, "spec": {"containers": [{"name": "shop", "image": "store:1"}]}},
        },
    });
    simulation.user(&deployment(&simulation, "store"), &other);
    let edit = json!({"spec": {"targetRef": {"name": "store"}, "service": {"name": "shop"}}});
    simulation.user(&simulation.canary_reference(), &edit);
    let slice = simulation.reference("discovery.k8s.io/v1", "EndpointSlice", "shop-primary-0");
    simulation.pass(seconds(300), |simulation| {
        let endpoints = object(simulation, &slice)["endpoints"].as_array().map_or(0, Vec::len);
        assert!(endpoints > 0, "nobody serves at {}", simulation.now());
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(image(&simulation, "store-primary"), "store:1");
}

#[test]
fn w_rt_3_a_service_that_is_edited_in_mid_run_takes_effect_and_keeps_the_share() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    let before = simulation.status();
    let edited = json!({"spec": {"service": {"timeout": "7s", "hosts": ["shop.example.com"], "apex": {"labels": {"team": "a"}}}}});
    simulation.user(&simulation.canary_reference(), &edited);
    simulation.pass(seconds(2), |_| {});
    let after = simulation.status();
    assert_eq!((after.canary_weight, after.step_index), (before.canary_weight, before.step_index));
    let route = object(&simulation, &ObjectRef::new("gateway.networking.k8s.io/v1", BACK, "store", "shop"));
    assert_eq!(route["spec"]["rules"][0]["timeouts"]["request"], "7s");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(shares(&simulation), [0, 10, 20, 50, 0]);
    assert_eq!(phase(&simulation), Phase::Succeeded);
}

#[test]
fn a_workload_of_a_user_under_the_primarys_name_is_never_taken_over_and_is_named() {
    let mut simulation = simulation(weights(&[50]), good());
    let reference = deployment(&simulation, "shop-primary");
    simulation.user(&reference, &json!({"spec": target("theirs:1")["spec"]}));
    let before = object(&simulation, &reference)["spec"].clone();
    simulation.pass(seconds(60), |_| {});
    assert_eq!(object(&simulation, &reference)["spec"], before);
    assert_eq!(replicas(&simulation, "shop"), 2, "the target goes on serving");
    let told = json!(simulation.status().conditions).to_string();
    assert!(told.contains("PrimaryTaken") && told.contains("delete or rename it"), "{told}");
}
