//! The load tester as the chart installs it, asked by hooks of a real run.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::data_plane::CONTOUR_HTTP_ROUTE;
use crate::support::history::Seen;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::receiver::Receiver;
use crate::support::space::Space;
use crate::support::{facts, kubectl, switch, wait};

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

/// A hook that bears the name of its type.
fn called(type_: &str, url: &str) -> Value {
    json!({"name": type_, "type": type_, "url": url, "timeout": "5s"})
}

/// Hooks of all eight types: four are gates of the load tester, four are told what happens. The promotion's gate is one that never
/// opens, or one that always is.
fn of_all_types(space: &Space, promotion: &str) -> Value {
    let gate = |type_: &str, path: &str| called(type_, &format!("{TESTER}{path}"));
    let told = |type_: &str| called(type_, &format!("http://listener/{type_}"));
    let hooks = [
        gate("confirm-rollout", "/gate/check"),
        told("pre-rollout"),
        told("rollout"),
        gate("confirm-traffic-increase", "/gate/check"),
        gate("confirm-promotion", promotion),
        told("post-rollout"),
        gate("rollback", "/rollback/check"),
        told("event"),
    ];
    let analysis = json!({"metrics": null, "webhooks": hooks});
    with(&canary(&space.host(), &[50]), &json!({"spec": {"analysis": analysis}}))
}

#[test]
fn hooks_of_all_eight_types_are_asked_and_told_in_one_run() {
    let Some(_sluice) = shared("hooks of all types") else { return };
    let space = Space::new("eight");
    let Some(listener) = Receiver::behind(&space, "listener") else {
        return switch::skip("hooks of all types", "pods do not reach this machine");
    };
    let history = space.initialised(&podinfo("one"), &of_all_types(&space, "/gate/halt"));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::NOTICED, "the run to wait", |seen| seen.phase() == "Waiting");
    assert_eq!(space.deployment(APP)["spec"]["replicas"], 0, "a pod starts before the gate is open");
    assert!(listener.at("/pre-rollout").is_empty(), "told before the run began");

    turn(&space, "/gate/open");
    history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 50 && seen.is_due());
    assert_eq!((listener.at("/pre-rollout").len(), listener.at("/rollout").len()), (1, 0));
    turn(&space, "/gate/close");
    let held = history.first(mark, wait::STEP, "the traffic gate to hold the run", |seen| {
        hook(seen, "confirm-traffic-increase")["outcome"] == "Refused"
    });
    assert_eq!((held.phase(), held.weight()), ("Progressing", 50));
    turn(&space, "/gate/open");
    let held = history.first(mark, wait::STEP, "the promotion to wait", |seen| {
        seen.phase() == "WaitingPromotion" && hook(seen, "confirm-promotion")["outcome"] == "Refused"
    });
    assert_eq!(hook(&held, "rollback")["outcome"], "Refused", "nobody wants it back");
    space.apply(&[&of_all_types(&space, "/gate/approve")]);
    history.ends(mark, "Succeeded");
    assert_eq!(space.version("podinfo-primary"), "two");

    let ended =
        listener.hears("/post-rollout", wait::NOTICED, "the end", |body| body["phase"] == "Succeeded");
    let promoted = |body: &Value| body["metadata"]["eventMessage"].to_string().contains("promoted");
    let event = listener.hears("/event", wait::NOTICED, "of the promotion", promoted);
    assert_eq!(event.body["metadata"]["eventType"], "Normal");
    let calls = ["/pre-rollout", "/rollout", "/post-rollout"].map(|path| listener.at(path));
    assert_eq!(calls[0].len(), 1, "the first hook is called once a run");
    for call in calls.iter().flatten() {
        assert_eq!(
            (&call.body["name"], &call.body["namespace"], &call.body["checksum"]),
            (&json!(APP), &json!(space.namespace), &ended.body["checksum"]),
            "{call:?}"
        );
    }
}

#[test]
fn a_newer_revision_in_mid_run_needs_an_approval_of_its_own() {
    let Some(_sluice) = shared("an approval") else { return };
    let space = Space::new("approval");
    let hooks = [called("confirm-rollout", &format!("{TESTER}/gate/check"))];
    let analysis = json!({"metrics": null, "webhooks": hooks});
    let canary = with(&canary(&space.host(), &[50]), &json!({"spec": {"analysis": analysis}}));
    let history = space.initialised(&podinfo("one"), &canary);
    turn(&space, "/gate/open");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 50 && seen.is_due());
    turn(&space, "/gate/close");
    let newer = history.mark();
    space.apply(&[&podinfo("three")]);
    history.first(newer, wait::NOTICED, "the newer revision to wait", |seen| {
        (seen.phase(), seen.weight()) == ("Waiting", 0)
    });
    CONTOUR_HTTP_ROUTE.carries(&space, APP, (100, 0));
    turn(&space, "/gate/open");
    history.ends(newer, "Succeeded");
    assert_eq!(space.version("podinfo-primary"), "three");
}
