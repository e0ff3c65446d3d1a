//! The cluster starts from nothing but its disk, with all webhooks registered and none of our pods there.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::manifests::{blue_green, podinfo};
use crate::support::space::Space;
use crate::support::{api, bed, controller, facts, helm, kubectl, switch, wait};

/// Where the cluster's own pods live; none of them may wait for us.
const SYSTEM: [&str; 5] = ["kube-system", "projectcontour", "istio-system", "istio-proxies", "monitoring"];

fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
}

/// The pods whose containers run, with what tells this start of them from the one before.
fn running(namespaces: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for namespace in namespaces {
        for pod in api::list("pods", namespace) {
            let name = &pod["metadata"]["name"];
            if pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed" {
                continue;
            }
            if condition(&pod, "Ready")["status"] != "True" {
                return Err(format!("{namespace}/{name} is not ready"));
            }
            let containers = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
            found.extend(containers.iter().map(|container| container["containerID"].to_string()));
        }
    }
    Ok(found)
}

/// Cuts the power, and waits until the pods of some namespaces have been started anew.
#[track_caller]
fn recovers(what: &str, namespaces: &[&str]) {
    let before = running(namespaces).unwrap();
    let began = Instant::now();
    bed::testbed(&["reboot"], wait::BED).ok();
    let up = began.elapsed().as_secs();
    wait::until(wait::BED, &format!("all pods to run again, {what}"), || {
        // The API server of the first moments tells what was before the cut.
        let now = running(namespaces)?;
        match now.intersection(&before).count() {
            0 if now.len() >= before.len() => Ok(()),
            same => Err(format!("{same} containers of before, {} of {} in all", now.len(), before.len())),
        }
    });
    let all = began.elapsed().as_secs();
    facts::record(
        &format!("start from cold, {what}: seconds until the node is up, until all pods run"),
        json!([up, all]),
    );
}

#[test]
fn a_cluster_that_starts_from_cold_recovers_alone_with_all_webhooks_registered() {
    let Some(alone) = alone("start from cold") else { return };
    if switch::existing_cluster() {
        return switch::skip("start from cold", "only a bed of our own can be cut off");
    }
    let _sluice = alone.installed().changing();
    controller::ready();
    recovers("our pods among those that start", &[&SYSTEM[..], &[helm::NAMESPACE]].concat());
    controller::ready();
    let space = Space::new("cold");
    space.initialised(&podinfo("one"), &blue_green(1));

    // The same with a gate that does not come back: everybody else does, and deploys.
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=0"]).ok();
    controller::gone();
    recovers("without our pods", &SYSTEM);
    let other = Space::new("cold");
    other.apply(&[&podinfo("one")]);
    other.kubectl(&["rollout", "status", "deployment/podinfo", "--timeout=120s"]).ok();
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=2"]).ok();
    controller::ready();
    space.rests();
}
