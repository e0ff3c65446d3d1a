//! Each decision in whole sentences: what was seen and decided, what comes next and when.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::rollout::Reply;

/// Each new decision of the status, with the second at which it was stored, and the phase.
fn decisions(simulation: &Simulation) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut last = None;
    for (at, deed) in &simulation.world.state().deeds {
        let Deed::Status(status) = deed else { continue };
        if status.last_decision != last {
            last.clone_from(&status.last_decision);
            let told = last.as_deref().unwrap_or_default().replacen(" Next: ", "\n      Next: ", 1);
            lines.push(format!("{:>4}s {}\n      {told}", at.as_second(), status.phase.as_str()));
        }
    }
    lines.join("\n")
}

/// Answers of all hooks: 200 if this is true.
fn gate(simulation: &mut Simulation) -> Arc<AtomicBool> {
    let open = Arc::new(AtomicBool::new(false));
    let asked = open.clone();
    simulation.hooks = Box::new(move |_, _, _| {
        let status = if asked.load(Ordering::Relaxed) { 200 } else { 403 };
        Reply::Answered { status, body: String::new() }
    });
    open
}

#[test]
fn a_good_run() {
    let mut simulation = initialised(weights(&[10, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(90), |_| {});
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn a_bad_run() {
    let mut simulation = initialised(weights(&[10, 50]), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(90), |_| {});
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn pods_that_never_get_ready() {
    let mut simulation = initialised(weights(&[10, 50]), good());
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.user(&deployment(&simulation, "shop"), &broken);
    simulation.pass(seconds(100), |_| {});
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn gates_that_stay_closed_for_a_while() {
    let mut analysis = weights(&[50]);
    analysis["webhooks"] = json!([
        {"type": "confirm-rollout", "name": "start", "url": "http://gate.shop/"},
        {"type": "confirm-promotion", "name": "end", "url": "http://gate.shop/"},
    ]);
    let mut simulation = initialised(analysis, good());
    let open = gate(&mut simulation);
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), |_| {});
    open.store(true, Ordering::Relaxed);
    simulation.pass(seconds(12), |_| {});
    open.store(false, Ordering::Relaxed);
    simulation.pass(seconds(15), |_| {});
    open.store(true, Ordering::Relaxed);
    simulation.pass(seconds(60), |_| {});
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn hooks_that_take_their_time() {
    let mut analysis = weights(&[50]);
    let hook = |type_: &str, name: &str| json!({"type": type_, "name": name, "url": "http://gate.shop/"});
    analysis["webhooks"] =
        json!([hook("pre-rollout", "smoke"), hook("pre-rollout", "load"), hook("confirm-promotion", "end")]);
    let mut simulation = initialised(analysis, good());
    simulation.latency = seconds(3);
    gate(&mut simulation).store(true, Ordering::Relaxed);
    release(&simulation, "shop:2");
    simulation.pass(seconds(36), |_| {});
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn blue_green_with_copies() {
    let analysis = json!({"interval": "10s", "iterations": 2, "mirror": true, "stepWeightPromotion": 50, "metrics": [rate()]});
    let mut canary = canary(analysis);
    canary["spec"]["provider"] = json!("istio");
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn suspended_in_mid_run_and_then_deleted() {
    let mut simulation = initialised(weights(&[10, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    let reference = simulation.canary_reference();
    for suspend in [true, false] {
        simulation.user(&reference, &json!({"spec": {"suspend": suspend}}));
        simulation.pass(seconds(2), |_| {});
    }
    simulation.user(&reference, &json!({"metadata": {"deletionTimestamp": "1970-01-01T00:10:00Z"}}));
    simulation.pass(seconds(60), |_| {});
    insta::assert_snapshot!(decisions(&simulation));
}

#[test]
fn what_blocks_is_told_with_what_comes_then_and_is_not_said_any_longer_than_it_is_so() {
    let mut simulation = initialised(weights(&[10, 50]), good());
    let reference = simulation.canary_reference();
    simulation.user(&reference, &json!({"spec": {"suspend": true}}));
    simulation.pass(seconds(2), |_| {});
    let told = |simulation: &Simulation| simulation.status().last_decision.unwrap();
    assert_eq!(
        told(&simulation),
        "Suspended: nothing is changed. Next: it goes on where it was once spec.suspend is false."
    );
    simulation.user(&reference, &json!({"spec": {"suspend": false}}));
    simulation.pass(seconds(2), |_| {});
    assert_eq!(
        told(&simulation),
        "The primary serves; the target idles until a new revision comes. Next: Deployment store/shop idles at zero from \
         1970-01-01T00:00:10Z on; a new revision starts a run."
    );
}
