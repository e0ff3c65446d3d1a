//! What the peer's FAQ says of runs, one test a statement.

use std::cell::Cell;

use super::*;

fn ready(simulation: &Simulation, service: &str) -> usize {
    let slice = simulation.reference("discovery.k8s.io/v1", "EndpointSlice", &format!("{service}-0"));
    object(simulation, &slice)["endpoints"].as_array().map_or(0, Vec::len)
}

fn annotated(at: &str) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"timestamp": at}}}}})
}

#[test]
fn faq_an_annotation_on_the_pod_template_retries_a_failed_release() {
    let healthy = std::rc::Rc::new(Cell::new(false));
    let seen = healthy.clone();
    let oracle: Oracle = Box::new(move |_| Ok(Sample::Value(if seen.get() { 100.0 } else { 50.0 })));
    let mut simulation = initialised(weights(&[50]), oracle);
    release(&simulation, "shop:2");
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    healthy.set(true);
    simulation.user(&deployment(&simulation, "shop"), &annotated("2020-03-10T14:24:48+0000"));
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
}

#[test]
fn faq_replicas_that_are_changed_with_an_annotation_reach_the_primary_with_the_promotion() {
    let mut simulation = initialised(weights(&[50]), good());
    let mut change = annotated("2022-02-10T14:24:48+0000");
    change["spec"]["replicas"] = json!(4);
    simulation.user(&deployment(&simulation, "shop"), &change);
    simulation.pass(seconds(15), |_| {});
    assert_eq!(replicas(&simulation, "shop-primary"), 2, "not before the analysis has finished");
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(replicas(&simulation, "shop-primary"), 4);
}

/// A Canary without analysis, over a Service that its user had before.
fn without_analysis() -> Simulation {
    let mut canary = canary(weights(&[50]));
    canary["spec"]["skipAnalysis"] = json!(true);
    let simulation = Simulation::new(canary, target("shop:1"), Settings::default(), bad(), no_faults());
    let service = simulation.reference("v1", "Service", "shop");
    simulation.user(&service, &json!({"spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}}));
    simulation
}

#[test]
fn faq_there_is_no_window_of_downtime_while_a_canary_without_analysis_is_initialised() {
    let mut simulation = without_analysis();
    let mut serving = false;
    simulation.pass(seconds(60), |simulation| {
        assert!(!serving || ready(simulation, "shop") > 0, "{:?}", simulation.status());
        serving |= ready(simulation, "shop") > 0;
    });
    assert!(serving);
    assert_eq!(simulation.status().phase, Phase::Initialized);
    assert_eq!(replicas(&simulation, "shop"), 0);
}

#[test]
fn faq_an_analysis_that_is_disabled_after_the_initialisation_promotes_without_downtime() {
    let mut simulation = initialised(weights(&[50]), bad());
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"skipAnalysis": true}}));
    release(&simulation, "shop:2");
    simulation.pass(seconds(60), |simulation| assert!(ready(simulation, "shop") > 0));
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
}

#[test]
fn faq_the_canary_address_serves_during_the_analysis_only() {
    let mut simulation = initialised(weights(&[50]), good());
    assert_eq!(ready(&simulation, "shop-canary"), 0);
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    assert_eq!(ready(&simulation, "shop-canary"), 2);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(ready(&simulation, "shop-canary"), 0);
}
