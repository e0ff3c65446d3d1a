//! The end of Canaries, with real deletions, a real garbage collector and real visitors.

use serde_json::json;

use crate::install::shared;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo, replicas};
use crate::support::space::Space;
use crate::support::{api, kubectl, wait};

const RATE: u32 = 25;

#[test]
fn w_ops_11_a_deleted_canary_leaves_its_target_serving_and_no_request_is_lost() {
    let Some(_sluice) = shared("a deletion") else { return };
    let space = Space::new("revert");
    space.initialised(&replicas(&podinfo("one"), 2), &canary(&space.host(), &[50]));
    let stored = api::get("canaries", &space.namespace, APP);
    assert_eq!(stored["metadata"]["finalizers"], json!(["finalizer.flagger.app"]));
    let (gateway, apex) = (Load::on_host(&space.host(), RATE), Load::on_url(&space.service_url(APP), RATE));
    gateway.answered("one");
    apex.answered("one");

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
