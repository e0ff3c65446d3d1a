//! How much the gate's word counts is a label of the namespace. What the gate only warns about, or is not asked about, is the
//! controller's to leave alone or to put right.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::manifests::{APP, canary, podinfo, replicas, with};
use crate::support::space::Space;
use crate::support::{api, kubectl, switch, wait};

use super::gate::{apply, contains_all, wrong};

/// Says how much the gate's word counts here, and waits until the API server has heard of it.
#[track_caller]
fn label(space: &Space, mode: &str) {
    let label = format!("sluice.dev/gate={mode}");
    kubectl::kubectl(&["label", "--overwrite", "namespace", &space.namespace, &label]).ok();
    wait::until(wait::NOTICED, &format!("the mode {mode} to count"), || {
        let probe = kubectl::write(&space.namespace, &["create", "--dry-run=server"], &[&unbounded()]);
        let told = probe.text();
        let counts = match mode {
            "warn" => probe.success && told.contains("sluice.dev/gate=warn"),
            "off" => probe.success && !told.contains("SL422"),
            _ => !probe.success && told.contains("SL422"),
        };
        if counts { Ok(()) } else { Err(told) }
    });
}

/// Takes the gate away from a namespace, so that what it would refuse gets in and the controller has to know what to do.
#[track_caller]
pub(super) fn silent(space: &Space) {
    if switch::gate() {
        label(space, "off");
    }
}

/// A Canary that the schema takes and the gate does not.
fn unbounded() -> Value {
    let analysis = json!({"interval": "30s", "stepWeights": [10, 50]});
    with(&wrong("steps.yaml"), &json!({"spec": {"analysis": analysis}}))
}

#[test]
fn a_namespace_says_whether_the_gate_refuses_warns_or_is_silent() {
    let Some(_sluice) = shared("modes of namespaces") else { return };
    if !switch::gate() {
        return;
    }
    let space = Space::new("modes");
    label(&space, "warn");
    let said = space.apply(&[&unbounded()]);
    contains_all(&said, &["Warning: without sluice.dev/gate=warn: refused, SL422", "created"]);
    space.kubectl(&["delete", "canaries", "--all"]).ok();

    label(&space, "off");
    let said = space.apply(&[&unbounded()]);
    assert!(!said.contains("Warning"), "the gate was asked: {said}");

    label(&space, "enforce");
    // What stands there may stay, and go.
    space.kubectl(&["annotate", "canaries", "--all", "team=shop"]).ok();
    space.kubectl(&["delete", "canaries", "--all"]).ok();
    contains_all(&apply(&space, &[&unbounded()]).refused(), &["SL422"]);
    assert!(api::list("canaries", &space.namespace).is_empty(), "a refused Canary was stored");
}

#[test]
fn where_the_gate_only_warns_replicas_pass_and_the_controller_puts_them_back() {
    let Some(_sluice) = shared("held replicas under a mode") else { return };
    let space = Space::new("warned");
    let app = podinfo("one");
    space.initialised(&app, &canary(&space.host(), &[20, 50]));
    if switch::gate() {
        label(&space, "warn");
    }
    let said = space.apply(&[&replicas(&app, 2)]);
    if switch::gate() {
        contains_all(&said, &["without sluice.dev/gate=warn: Deployment podinfo stays at 0 replicas"]);
    }
    wait::until(wait::NOTICED, "the wish to be remembered", || {
        let kept = space.deployment(APP)["metadata"]["annotations"]["sluice.dev/replicas"].clone();
        if kept == "2" { Ok(()) } else { Err(kept.to_string()) }
    });
    space.rests();
}
