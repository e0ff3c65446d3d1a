//! The load tester as the chart installs it, asked by hooks of a real run.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::history::Seen;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{facts, kubectl, wait};

/// Where hooks find it.
const TESTER: &str = "http://sluice-loadtester.sluice-system";

/// Turns a gate as a person does who has rights on Services of Sluice's namespace.
#[track_caller]
fn turn(space: &Space, path: &str) {
    let service = "/api/v1/namespaces/sluice-system/services/sluice-loadtester:http/proxy";
    let body = json!({"name": APP, "namespace": space.namespace});
    kubectl::post(&format!("{service}{path}"), &body).ok();
}

fn hook<'a>(seen: &'a Seen, name: &str) -> &'a Value {
    let hooks = seen.canary["status"]["hooks"].as_array();
    hooks.into_iter().flatten().find(|hook| hook["name"] == name).unwrap_or(&Value::Null)
}

/// A Canary whose only visitors are the load tester's, sent through the Gateway, and whose promotion waits for a gate.
fn loaded(space: &Space) -> Value {
    let cmd = format!("hey -z 2m -q 10 -c 4 -host {} http://envoy.projectcontour/", space.host());
    let hook = |name: &str, type_: &str, path: &str, metadata: Value| json!({"name": name, "type": type_, "url": format!("{TESTER}{path}"), "timeout": "5s", "metadata": metadata});
    let hooks = [
        hook("first-load", "pre-rollout", "/", json!({"type": "cmd", "cmd": cmd, "logCmdOutput": "true"})),
        hook("load", "rollout", "/", json!({"type": "cmd", "cmd": cmd, "logCmdOutput": "true"})),
        hook("approval", "confirm-promotion", "/gate/check", json!({})),
        hook("way-back", "rollback", "/rollback/check", json!({})),
    ];
    with(&canary(&space.host(), &[20, 50]), &json!({"spec": {"analysis": {"webhooks": hooks}}}))
}

#[test]
fn a_run_without_other_visitors_is_loaded_by_the_load_tester_and_promoted_when_its_gate_is_opened() {
    let Some(_sluice) = shared("load tester") else { return };
    let space = Space::new("loaded");
    let history = space.initialised(&podinfo("one"), &loaded(&space));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);

    let held =
        history.first(mark, wait::RUN, "the promotion to wait", |seen| seen.phase() == "WaitingPromotion");
    assert_eq!(held.weight(), 50);
    let gate = hook(&held, "approval");
    let said = gate["message"].as_str().unwrap_or_default();
    assert_eq!(gate["outcome"], "Refused", "{gate}");
    assert!(said.contains("is closed") && said.contains("/gate/open"), "{said}");
    let load = hook(&held, "load")["message"].as_str().unwrap_or_default();
    assert!(load.contains(" times 200"), "{load}");
    assert!(!load.contains(" times 5") && !load.contains("without an answer"), "requests were lost: {load}");
    facts::record("load tester: what the hook said before the promotion", vec![load]);

    turn(&space, "/gate/open");
    history.ends(mark, "Succeeded");
    assert_eq!(space.version("podinfo-primary"), "two");
}

#[test]
fn its_rollback_gate_takes_a_revision_back() {
    let Some(_sluice) = shared("rollback gate of the load tester") else { return };
    let space = Space::new("loadedback");
    let history = space.initialised(&podinfo("one"), &loaded(&space));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::RUN, "a step", |seen| seen.weight() == 20);
    turn(&space, "/rollback/open");
    history.ends(mark, "Failed");
    assert_eq!(space.version("podinfo-primary"), "one");
}
