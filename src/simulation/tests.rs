//! Whole rollouts, first one by one with names, then many with faults and invariants.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{
    analysis::Sample,
    api::{Object, ObjectRef, Phase},
    rollout::{Effect, Reason, Settings},
};

mod affinity;
mod autoscaler;
mod capacity;
mod chaos;
mod chosen;
mod clock;
mod configs;
mod daemonset;
mod deadlines;
mod edits;
mod explained;
mod faq;
mod farewell;
mod harmless;
mod hooks;
mod inconclusive;
mod mirrored;
mod pods;
mod primary;
mod provider;
mod queue;
mod refused;
mod shared;
mod unwritable;

impl Simulation {
    /// Lets a duration pass; the controller has to come to rest.
    fn pass(&mut self, duration: SignedDuration, check: impl FnMut(&Simulation)) {
        self.run_for(duration, check).unwrap();
    }
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn canary(analysis: Value) -> Object {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "progressDeadlineSeconds": 60,
            "service": {"port": 80, "targetPort": 8080, "gatewayRefs": [{"name": "public", "namespace": "edge"}]},
            "analysis": analysis,
        },
    })
}

fn weights(steps: &[i32]) -> Value {
    json!({"interval": "10s", "threshold": 2, "stepWeights": steps, "metrics": [rate()]})
}

fn rate() -> Value {
    json!({"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"})
}

fn target(image: &str) -> Object {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": template(image),
        },
    })
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "shop", "image": image}]}})
}

fn good() -> Oracle {
    Box::new(|_| Ok(Sample::Value(100.0)))
}

fn bad() -> Oracle {
    Box::new(|_| Ok(Sample::Value(50.0)))
}

fn simulation(analysis: Value, oracle: Oracle) -> Simulation {
    Simulation::new(canary(analysis), target("shop:1"), Settings::default(), oracle, no_faults())
}

fn deployment(simulation: &Simulation, name: &str) -> ObjectRef {
    simulation.reference("apps/v1", "Deployment", name)
}

fn object(simulation: &Simulation, reference: &ObjectRef) -> Object {
    simulation.world.state().memory.get(reference).cloned().unwrap_or(Value::Null)
}

fn image(simulation: &Simulation, name: &str) -> Value {
    object(simulation, &deployment(simulation, name))["spec"]["template"]["spec"]["containers"][0]["image"]
        .clone()
}

fn replicas(simulation: &Simulation, name: &str) -> Value {
    object(simulation, &deployment(simulation, name))["spec"]["replicas"].clone()
}

fn release(simulation: &Simulation, image: &str) {
    simulation.user(&deployment(simulation, "shop"), &json!({"spec": {"template": template(image)}}));
}

/// The canary's shares in the order in which the route had them.
fn shares(simulation: &Simulation) -> Vec<i64> {
    let mut shares: Vec<i64> =
        simulation.world.state().deeds.iter().filter_map(|(_, deed)| share(deed)).collect();
    shares.dedup();
    shares
}

fn share(deed: &Deed) -> Option<i64> {
    let Deed::Effect(Effect::Apply { object, .. }) = deed else { return None };
    (object["kind"] == "HTTPRoute")
        .then(|| object["spec"]["rules"][0]["backendRefs"][1]["weight"].as_i64())?
}

fn reasons(simulation: &Simulation) -> Vec<Reason> {
    simulation.world.state().events.iter().map(|event| event.reason).collect()
}

fn initialised(analysis: Value, oracle: Oracle) -> Simulation {
    let mut simulation = simulation(analysis, oracle);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
    simulation
}

#[test]
fn a_canary_is_initialised_with_a_ready_primary_and_an_idle_target() {
    let simulation = initialised(weights(&[10, 20, 50]), good());
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(replicas(&simulation, "shop-primary"), 2);
    assert_eq!(replicas(&simulation, "shop"), 0);
    assert_eq!(shares(&simulation), [0]);
}

#[test]
fn an_initialised_canary_does_nothing_more() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    let before = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    assert_eq!(simulation.world.state().deeds.len(), before);
}

#[test]
fn a_good_revision_is_raised_step_by_step_and_promoted() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(shares(&simulation), [0, 10, 20, 50, 0]);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(replicas(&simulation, "shop"), 0);
    let told = reasons(&simulation);
    assert_eq!(told.iter().filter(|reason| **reason == Reason::WeightRaised).count(), 3);
    assert!(told.ends_with(&[Reason::Promoted]), "{told:?}");
}

#[test]
fn a_bad_revision_is_taken_back_after_the_threshold() {
    let mut simulation = initialised(weights(&[10, 20, 50]), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(simulation.status().failed_checks, 2);
    assert_eq!(shares(&simulation), [0, 10, 0]);
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(replicas(&simulation, "shop"), 0);
    let told = simulation.status().last_decision.unwrap_or_default();
    assert!(told.starts_with("The revision is taken back. Failed check 2 of 2"), "the reason stays: {told}");
}

#[test]
fn pods_that_never_get_ready_end_at_the_deadline() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.user(&deployment(&simulation, "shop"), &broken);
    simulation.pass(seconds(50), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    simulation.pass(seconds(50), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(shares(&simulation), [0], "nothing that is not ready ever got traffic");
}

#[test]
fn a_newer_revision_supersedes_the_one_under_analysis() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    release(&simulation, "shop:3");
    simulation.pass(seconds(150), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:3");
    assert!(reasons(&simulation).contains(&Reason::RevisionSuperseded));
    assert_eq!(shares(&simulation).iter().filter(|share| **share == 50).count(), 1);
}

#[test]
fn a_return_to_the_promoted_revision_ends_the_run_and_starts_none() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    release(&simulation, "shop:1");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(shares(&simulation).last(), Some(&0));
    assert_eq!(replicas(&simulation, "shop"), 0);
}

#[test]
fn w_ctl_3_a_fix_after_a_failure_is_analysed() {
    let mut simulation = initialised(weights(&[10, 20, 50]), Box::new(|_| Ok(Sample::Value(50.0))));
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    release(&simulation, "shop:3");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
}

#[test]
fn w_ctl_4_a_change_while_initialising_reaches_the_primary() {
    let mut simulation = simulation(weights(&[10, 20, 50]), good());
    simulation.pass(seconds(2), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
}

#[test]
fn w_ctl_2_a_first_primary_that_fails_leaves_the_target_serving() {
    let mut simulation = simulation(weights(&[10, 20, 50]), good());
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.user(&deployment(&simulation, "shop"), &broken);
    simulation.pass(seconds(300), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initializing);
    assert_eq!(replicas(&simulation, "shop"), 2, "the only pods that serve stay");
    assert!(reasons(&simulation).contains(&Reason::Blocked));
}

#[test]
fn w_ctl_7_a_primary_that_cannot_run_the_revision_gets_its_old_one_back() {
    let mut simulation = initialised(weights(&[50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    // The revision runs as canary but not as primary: something in the primary's surroundings is broken.
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.pass(seconds(120), |simulation| {
        let promoting = simulation.status().phase == Phase::Promoting;
        if promoting && image(simulation, "shop-primary") == "shop:2" {
            simulation.user(&deployment(simulation, "shop-primary"), &broken);
        }
    });
    // Only the image is ours: the annotation of the saboteur stays until somebody takes it away.
    let mended = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: null}}}}});
    simulation.user(&deployment(&simulation, "shop-primary"), &mended);
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert!(reasons(&simulation).contains(&Reason::PromotionFailed));
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(shares(&simulation), [0, 50, 0]);
}

#[test]
fn s2_steps_edited_in_mid_run_never_make_the_share_jump() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    assert_eq!(shares(&simulation).last(), Some(&20));
    let edited = json!({"spec": {"analysis": {"stepWeights": [5, 15, 30, 50]}}});
    simulation.user(&simulation.canary_reference(), &edited);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(shares(&simulation), [0, 10, 20, 30, 50, 0]);
}

#[test]
fn s1_a_repeated_step_never_stalls_a_run() {
    let mut simulation = initialised(weights(&[10, 10, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(shares(&simulation), [0, 10, 50, 0]);
    assert_eq!(simulation.status().phase, Phase::Succeeded);
}

#[test]
fn a_lower_maximum_lowers_the_share_at_once() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(shares(&simulation).last(), Some(&50));
    simulation
        .user(&simulation.canary_reference(), &json!({"spec": {"analysis": {"stepWeights": [10, 30]}}}));
    simulation.pass(seconds(1), |_| {});
    assert_eq!(shares(&simulation).last(), Some(&30));
}

#[test]
fn weights_never_exceed_max_weight() {
    let analysis =
        json!({"interval": "10s", "threshold": 2, "stepWeight": 20, "maxWeight": 50, "metrics": [rate()]});
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(shares(&simulation), [0, 20, 40, 50, 0]);
}

#[test]
fn traffic_goes_back_in_steps_where_the_user_wants_it() {
    let mut analysis = weights(&[60]);
    analysis["stepWeightPromotion"] = json!(25);
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(150), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(shares(&simulation), [0, 60, 35, 10, 0]);
}

#[test]
fn blue_green_moves_no_traffic_before_all_iterations_passed() {
    let analysis = json!({"interval": "10s", "threshold": 2, "iterations": 3, "metrics": [rate()]});
    let mut canary = canary(analysis);
    canary["spec"]["provider"] = json!("kubernetes");
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(32), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(simulation.status().iterations, 3);
    simulation.pass(seconds(40), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(simulation.status().phase, Phase::Succeeded);
}

#[test]
fn an_analysis_that_is_skipped_promotes_at_once_but_waits_for_the_primary() {
    let mut simulation = initialised(weights(&[10, 20, 50]), bad());
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"skipAnalysis": true}}));
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(shares(&simulation), [0]);
}

#[test]
fn a_suspended_canary_is_left_where_it_is() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(20), |_| {});
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"suspend": true}}));
    simulation.pass(seconds(600), |_| {});
    assert_eq!(shares(&simulation).last(), Some(&20));
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"suspend": false}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
}

#[test]
fn replicas_applied_while_idle_are_held_and_reach_the_primary_with_the_next_promotion() {
    let mut simulation = initialised(weights(&[50]), good());
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 5}}));
    simulation.pass(seconds(1), |_| {});
    assert_eq!(replicas(&simulation, "shop"), 0);
    assert_eq!(replicas(&simulation, "shop-primary"), 2);
    assert!(reasons(&simulation).contains(&Reason::ReplicasHeld));
    release(&simulation, "shop:2");
    simulation.pass(seconds(90), |_| {});
    assert_eq!(replicas(&simulation, "shop-primary"), 5);
}

#[rstest]
#[case::deleted(None)]
#[case::edited(Some(json!({"spec": {"template": template("shop:evil")}})))]
fn a_deleted_or_edited_primary_comes_back_as_it_was(#[case] edit: Option<Value>) {
    let mut simulation = initialised(weights(&[50]), good());
    let primary = deployment(&simulation, "shop-primary");
    match &edit {
        Some(edit) => simulation.user(&primary, edit),
        None => simulation.world.state().memory.delete(&primary),
    }
    simulation.pass(seconds(10), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert!(reasons(&simulation).contains(&Reason::PrimaryRestored));
}

#[test]
fn a_target_that_is_missing_blocks_and_its_birth_goes_on() {
    let mut simulation = simulation(weights(&[50]), good());
    let reference = deployment(&simulation, "shop");
    simulation.world.state().memory.delete(&reference);
    simulation.pass(seconds(5), |_| {});
    let status = simulation.status();
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled" && c.reason == "TargetMissing"));
    simulation.user(&reference, &target("shop:1"));
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[test]
fn a_foreign_edit_of_the_weights_is_overwritten_and_restarts_the_interval() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
    let mut rules = object(&simulation, &route)["spec"]["rules"].clone();
    rules[0]["backendRefs"][0]["weight"] = json!(0);
    rules[0]["backendRefs"][1]["weight"] = json!(100);
    simulation.user(&route, &json!({"spec": {"rules": rules}}));
    simulation.pass(seconds(1), |_| {});
    let now = object(&simulation, &route)["spec"]["rules"][0]["backendRefs"][1]["weight"].clone();
    assert_eq!(now, 10);
    assert_eq!(simulation.status().canary_weight, 10);
}
