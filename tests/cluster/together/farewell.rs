//! The end of Canaries, with real deletions, a real garbage collector and real visitors.

use rstest::rstest;
use serde_json::{Value, json};

use super::modes;
use crate::install::shared;
use crate::support::history::History;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo, replicas, with};
use crate::support::space::Space;
use crate::support::{api, kubectl, wait};

const RATE: u32 = 25;

#[rstest]
#[case::at_rest(json!({}), None)]
// The peer's switch for what happens here in any case.
#[case::in_mid_run_with_the_peers_switch(json!({"revertOnDeletion": true}), Some("two"))]
fn w_ops_11_a_deleted_canary_leaves_its_target_serving_and_no_request_is_lost(
    #[case] switch: Value,
    #[case] released: Option<&str>,
) {
    let Some(_sluice) = shared("a deletion") else { return };
    let space = Space::new("revert");
    let app = |version: &str| replicas(&podinfo(version), 2);
    let canary = with(&canary(&space.host(), &[50]), &json!({"spec": switch}));
    let history = space.initialised(&app("one"), &canary);
    let stored = api::get("canaries", &space.namespace, APP);
    assert_eq!(stored["metadata"]["finalizers"], json!(["finalizer.flagger.app"]));
    let (gateway, apex) = (Load::on_host(&space.host(), RATE), Load::on_url(&space.service_url(APP), RATE));
    gateway.answered("one");
    apex.answered("one");
    if let Some(version) = released {
        let mark = history.mark();
        space.apply(&[&app(version)]);
        history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 50 && seen.is_due());
    }

    space.kubectl(&["delete", "canary", APP, "--wait=false"]).ok();
    wait::until(wait::PODS, "the Canary to be gone", || match api::find("canaries", &space.namespace, APP) {
        None => Ok(()),
        Some(canary) => Err(canary["status"]["lastDecision"].to_string()),
    });
    wait::until(wait::PODS, "the primary to go with its Canary", || {
        let left = space.pods("podinfo-primary").len();
        let primary = api::find("deployments", &space.namespace, "podinfo-primary");
        if left == 0 && primary.is_none() { Ok(()) } else { Err(format!("{left} pods, {primary:?}")) }
    });
    assert_eq!(space.deployment(APP)["spec"]["replicas"], 2);
    assert_eq!(space.version(APP), released.unwrap_or("one"));
    assert_eq!(api::get("services", &space.namespace, APP)["spec"]["selector"], json!({"app": APP}));
    let reasons = space.reasons(APP);
    for reason in ["Terminating", "Terminated"] {
        assert!(reasons.iter().any(|told| told == reason), "no event {reason} in {reasons:?}");
    }
    std::thread::sleep(std::time::Duration::from_secs(5));
    gateway.stop().nothing_lost("a deleted Canary, through the Gateway");
    apex.stop().nothing_lost("a deleted Canary, by the apex Service");
}

#[test]
fn the_end_of_a_namespace_is_not_held_up_by_its_canary() {
    let Some(_sluice) = shared("end of a namespace") else { return };
    let space = Space::new("lastday");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[50]));
    kubectl::kubectl(&["delete", "namespace", &space.namespace, "--wait=false"]).ok();
    wait::until(wait::PODS, "the namespace to be gone", || {
        match api::find("namespaces", "", &space.namespace) {
            None => Ok(()),
            Some(namespace) => Err(namespace["status"].to_string()),
        }
    });
}

#[test]
fn a_canary_whose_target_goes_with_it_or_went_before_holds_nothing_up() {
    let Some(_sluice) = shared("a deletion without a target") else { return };
    for words in [&["deployment/podinfo", "canary/podinfo"][..], &["canary/podinfo"]] {
        let space = Space::new("gone");
        space.initialised(&podinfo("one"), &canary(&space.host(), &[50]));
        if words.len() == 1 {
            space.kubectl(&["delete", "deployment", APP]).ok();
        }
        space.kubectl(&[&["delete", "--wait=false"], words].concat()).ok();
        wait::until(wait::NOTICED, "the Canary and its primary to be gone", || {
            let canary = api::find("canaries", &space.namespace, APP);
            let primary = api::find("deployments", &space.namespace, "podinfo-primary");
            if canary.is_none() && primary.is_none() {
                Ok(())
            } else {
                Err(format!("{canary:?} {primary:?}"))
            }
        });
    }
}

/// The gate would refuse the younger one.
#[test]
fn the_younger_of_two_canaries_takes_their_target_over_when_the_older_one_goes() {
    let Some(_sluice) = shared("a target that is handed on") else { return };
    let space = Space::new("heir");
    let older = with(&canary(&space.host(), &[50]), &json!({"spec": {"analysis": {"metrics": null}}}));
    space.initialised(&podinfo("one"), &older);
    modes::silent(&space);
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    space.apply(&[&with(&older, &json!({"metadata": {"name": "younger"}}))]);
    let history = History::of(&space.namespace, "younger");
    history.wait(wait::NOTICED, "the younger one to yield", |seen| {
        seen.condition("Ready")["message"].to_string().contains("SL102")
    });

    space.kubectl(&["delete", "canary", APP, "--wait=false"]).ok();
    history.wait(wait::INITIALISED, "the younger one to begin", |seen| seen.phase() == "Initialized");
    space.rests();
    assert_eq!(space.deployment("podinfo-primary")["metadata"]["ownerReferences"][0]["name"], "younger");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    assert_eq!(space.version("podinfo-primary"), "two");
    load.sees("two");
    load.stop().nothing_lost("a target that is handed on to the younger of two Canaries");
}
