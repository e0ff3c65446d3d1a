//! Rollouts of a DaemonSet.

use super::*;
use crate::api::names::SCALE_TO_ZERO;

fn daemon_set(simulation: &Simulation, name: &str) -> ObjectRef {
    simulation.reference("apps/v1", "DaemonSet", name)
}

fn nodes(simulation: &Simulation, name: &str) -> Value {
    object(simulation, &daemon_set(simulation, name))["spec"]["template"]["spec"]["nodeSelector"].clone()
}

fn image_of(simulation: &Simulation, name: &str) -> Value {
    object(simulation, &daemon_set(simulation, name))["spec"]["template"]["spec"]["containers"][0]["image"]
        .clone()
}

fn idle() -> Value {
    json!({ SCALE_TO_ZERO: "true" })
}

fn release_daemon_set(simulation: &Simulation, image: &str) {
    simulation.user(&daemon_set(simulation, "shop"), &json!({"spec": {"template": template(image)}}));
}

fn initialised_daemon_set(oracle: Oracle) -> Simulation {
    analysed_daemon_set(weights(&[10, 50]), oracle)
}

fn analysed_daemon_set(analysis: Value, oracle: Oracle) -> Simulation {
    let mut canary = canary(analysis);
    canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    let mut target = target("shop:1");
    target["kind"] = json!("DaemonSet");
    target["spec"]["replicas"] = Value::Null;
    let mut simulation = Simulation::new(canary, target, Settings::default(), oracle, no_faults());
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
    simulation
}

#[test]
fn a_daemon_set_idles_by_a_node_selector_that_never_reaches_the_primary() {
    let simulation = initialised_daemon_set(good());
    assert_eq!(nodes(&simulation, "shop"), idle());
    assert_eq!(nodes(&simulation, "shop-primary"), Value::Null);
    assert_eq!(object(&simulation, &daemon_set(&simulation, "shop-primary"))["spec"].get("replicas"), None);
    assert_eq!(simulation.kubernetes.ready(&daemon_set(&simulation, "shop"), simulation.now()), 0);
    assert_eq!(simulation.kubernetes.ready(&daemon_set(&simulation, "shop-primary"), simulation.now()), 2);
}

#[test]
fn an_idle_daemon_set_costs_nothing() {
    let mut simulation = initialised_daemon_set(good());
    let before = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    assert_eq!(simulation.world.state().deeds.len(), before);
}

#[test]
fn a_good_revision_of_a_daemon_set_is_raised_step_by_step_and_promoted() {
    let mut simulation = initialised_daemon_set(good());
    release_daemon_set(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(nodes(&simulation, "shop"), json!({}), "its pods run");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(shares(&simulation), [0, 10, 50, 0]);
    assert_eq!(image_of(&simulation, "shop-primary"), "shop:2");
    assert_eq!(nodes(&simulation, "shop-primary"), Value::Null);
    assert_eq!(nodes(&simulation, "shop"), idle());
}

#[test]
fn w_obj_16_a_failed_daemon_set_idles_until_the_next_revision_and_not_longer() {
    let mut simulation = initialised_daemon_set(bad());
    release_daemon_set(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(nodes(&simulation, "shop"), idle(), "a revision that was taken back runs nowhere");
    assert_eq!(image_of(&simulation, "shop-primary"), "shop:1");
    release_daemon_set(&simulation, "shop:3");
    simulation.pass(seconds(5), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    assert_eq!(nodes(&simulation, "shop"), json!({}));
}

#[rstest]
#[case::at_rest(good())]
#[case::after_a_run_that_failed(bad())]
fn w_obj_16_a_deletion_takes_the_resting_key_out_and_leaves_a_daemon_set_that_serves(#[case] oracle: Oracle) {
    let mut simulation = initialised_daemon_set(oracle);
    release_daemon_set(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(nodes(&simulation, "shop"), idle());
    simulation.world.state().memory.delete(&simulation.canary_reference());
    let target = daemon_set(&simulation, "shop");
    simulation.pass(seconds(60), |simulation| {
        let held = !object(simulation, &simulation.canary_reference()).is_null();
        let ready = simulation.kubernetes.ready(&target, simulation.now());
        assert!(held || ready == 2, "the Canary goes before its target serves");
    });
    assert_eq!(object(&simulation, &simulation.canary_reference()), Value::Null);
    assert_eq!(nodes(&simulation, "shop"), json!({}));
}

#[test]
fn w_ctl_14_the_deadline_begins_with_the_wait_and_pods_that_are_away_for_a_moment_end_no_run() {
    let analysis = json!({"interval": "5m", "threshold": 1, "stepWeights": [10, 50], "metrics": [rate()]});
    let mut simulation = analysed_daemon_set(analysis, good());
    release_daemon_set(&simulation, "shop:2");
    simulation.pass(seconds(290), |_| {});
    assert_eq!(simulation.status().canary_weight, 10, "{:?}", simulation.status());
    let written = {
        let state = simulation.world.state();
        state.deeds.iter().rfind(|(_, deed)| matches!(deed, Deed::Status(_))).map(|(at, _)| *at).unwrap()
    };
    assert!(simulation.now() > written + seconds(60), "nothing was written for longer than the deadline");
    let target = daemon_set(&simulation, "shop");
    let back = simulation.now() + seconds(20);
    simulation.kubernetes.lose(&target, back);
    simulation.pass(seconds(30), |_| {});
    let status = simulation.status();
    assert_eq!((status.phase, status.canary_weight), (Phase::Progressing, 10), "{:?}", status.last_decision);
    assert_eq!(status.deadline_at, None, "the wait is over");
    simulation.pass(seconds(320), |_| {});
    assert_eq!(simulation.status().canary_weight, 50, "{:?}", simulation.status().last_decision);
    let never = simulation.now() + seconds(3600);
    simulation.kubernetes.lose(&target, never);
    simulation.pass(seconds(58), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing, "each wait has its whole time");
    simulation.pass(seconds(4), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "and not more");
}

#[test]
fn a_daemon_set_that_is_woken_while_idle_goes_back_to_sleep_and_starts_no_run() {
    let mut simulation = initialised_daemon_set(good());
    let woken = json!({"spec": {"template": {"spec": {"nodeSelector": null}}}});
    simulation.user(&daemon_set(&simulation, "shop"), &woken);
    simulation.pass(seconds(10), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
    assert_eq!(nodes(&simulation, "shop"), idle());
}

#[test]
fn a_daemon_set_of_which_pods_have_to_be_deleted_by_hand_is_blocked() {
    let mut simulation = initialised_daemon_set(good());
    let strategy = json!({"spec": {"updateStrategy": {"type": "OnDelete"}}});
    simulation.user(&daemon_set(&simulation, "shop"), &strategy);
    simulation.pass(seconds(10), |_| {});
    let status = simulation.status();
    let stalled = status.conditions.iter().find(|condition| condition.type_ == "Stalled").unwrap();
    assert_eq!(stalled.reason, "TargetNotPossible");
    assert!(stalled.message.contains("RollingUpdate"), "{}", stalled.message);
}

#[test]
fn a_config_that_moves_in_mid_run_is_read_by_new_pods_of_a_daemon_set() {
    let mut canary = canary(weights(&[10, 50]));
    canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    let mut target = target("shop:1");
    target["kind"] = json!("DaemonSet");
    target["spec"]["replicas"] = Value::Null;
    target["spec"]["template"] = configs::configured("shop:1");
    let mut simulation = Simulation::new(canary, target, Settings::default(), good(), no_faults());
    configs::set(&simulation, "settings", "one");
    configs::set(&simulation, "keys", "b25l");
    simulation.pass(seconds(30), |_| {});
    configs::set(&simulation, "settings", "two");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().canary_weight, 10);
    configs::set(&simulation, "settings", "three");
    let mut rested = false;
    simulation.pass(seconds(120), |simulation| rested |= nodes(simulation, "shop") == idle());
    assert!(rested);
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(shares(&simulation), [0, 10, 0, 10, 50, 0]);
    assert_eq!(configs::content(&simulation, "settings-primary"), "three");
}
