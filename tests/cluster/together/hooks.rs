//! Hooks and gates that are real pods behind real Services, called by name.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::manifests::{APP, PORT, canary, named, podinfo, with};
use crate::support::space::Space;
use crate::support::wait;

/// A Service in front of the app under another name, whose `/status/CODE` answers as a gate would.
fn gatekeeper(space: &Space) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "gate"},
        "spec": {"selector": {"app": "gate"}, "ports": [{"port": PORT, "targetPort": "http"}]},
    });
    space.apply(&[&named(&podinfo("gate"), "gate"), &service]);
    space.kubectl(&["rollout", "status", "deployment/gate", "--timeout=90s"]).ok();
}

fn hook(type_: &str, url: &str) -> Value {
    json!({"name": "gate", "type": type_, "url": url, "timeout": "3s"})
}

fn hooked(space: &Space, hooks: &[Value]) -> Value {
    with(&canary(&space.host(), &[50]), &json!({"spec": {"analysis": {"webhooks": hooks, "metrics": []}}}))
}

#[test]
fn gates_hold_a_run_until_a_real_service_lets_it_go_on() {
    let Some(_sluice) = shared("gates") else { return };
    let space = Space::new("gates");
    gatekeeper(&space);
    let url = |code: u16| format!("http://gate:{PORT}/status/{code}");
    let far = |code: u16| format!("http://gate.{}:{PORT}/status/{code}", space.namespace);
    let dead = format!("http://nobody.{}.svc.cluster.local:{PORT}/", space.namespace);
    let wishes =
        [hook("confirm-rollout", &url(403)), hook("confirm-promotion", &far(403)), hook("rollback", &dead)];
    let history = space.initialised(&podinfo("one"), &hooked(&space, &wishes));

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let waiting = history.first(mark, wait::NOTICED, "the run to wait", |seen| seen.phase() == "Waiting");
    let said = &waiting.canary["status"]["hooks"][0];
    assert_eq!(
        (said["outcome"].as_str(), said["type"].as_str()),
        (Some("Refused"), Some("confirm-rollout")),
        "{said}"
    );
    assert_eq!(space.deployment(APP)["spec"]["replicas"], 0, "no pod starts before the gate is open");

    let wishes =
        [hook("confirm-rollout", &url(200)), hook("confirm-promotion", &far(403)), hook("rollback", &dead)];
    space.apply(&[&hooked(&space, &wishes)]);
    let held =
        history.first(mark, wait::RUN, "the promotion to wait", |seen| seen.phase() == "WaitingPromotion");
    assert_eq!(held.weight(), 50);
    let dead_one =
        held.canary["status"]["hooks"].as_array().unwrap().iter().find(|hook| hook["type"] == "rollback");
    assert_eq!(dead_one.unwrap()["outcome"], "Unanswered", "{:?}", held.canary["status"]["hooks"]);

    let wishes =
        [hook("confirm-rollout", &url(200)), hook("confirm-promotion", &far(202)), hook("rollback", &dead)];
    space.apply(&[&hooked(&space, &wishes)]);
    history.ends(mark, "Succeeded");
    assert_eq!(space.version("podinfo-primary"), "two");
    let reasons = space.reasons(APP);
    for (reason, times) in [("GateClosed", 2), ("HookUnanswered", 1), ("HookPassed", 2)] {
        let told = reasons.iter().filter(|told| *told == reason).count();
        assert_eq!(told, times, "{reason} in {reasons:?}");
    }
}

#[test]
fn a_rollback_gate_takes_a_revision_back_and_hooks_outside_the_cluster_are_not_called() {
    let Some(_sluice) = shared("rollback gate") else { return };
    let space = Space::new("gateback");
    gatekeeper(&space);
    let url = |code: u16| format!("http://gate:{PORT}/status/{code}");
    let outside =
        json!({"name": "outside", "type": "post-rollout", "url": "http://outside.example.com/told"});
    let closed = [hook("rollback", &url(403)), hook("confirm-promotion", &url(403)), outside.clone()];
    let history = space.initialised(&podinfo("one"), &hooked(&space, &closed));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::RUN, "the promotion to wait", |seen| seen.phase() == "WaitingPromotion");
    let open = [hook("rollback", &url(200)), hook("confirm-promotion", &url(403)), outside];
    space.apply(&[&hooked(&space, &open)]);
    history.ends(mark, "Failed");
    assert_eq!(space.version("podinfo-primary"), "one");
    let told = history.first(mark, wait::NOTICED, "the end to be told", |seen| {
        let hooks = seen.canary["status"]["hooks"].as_array();
        hooks.into_iter().flatten().any(|hook| hook["name"] == "outside" && hook["outcome"] == "Unanswered")
    });
    let text = told.canary["status"]["hooks"].to_string();
    assert!(text.contains("not among those that hooks may go to"), "{text}");
}
