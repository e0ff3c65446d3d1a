//! The tools by which people write: `kubectl diff`, server-side apply by several managers, and both major versions of Helm find
//! what they expect, before, in and after a run.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::helm::{helm, helm_by};
use crate::support::history::History;
use crate::support::manifests::{APP, blue_green, podinfo, replicas, with};
use crate::support::space::Space;
use crate::support::{api, kubectl, switch, wait};

/// A Canary whose run takes one interval and asks nobody.
fn short() -> Value {
    with(&blue_green(1), &json!({"spec": {"analysis": {"metrics": null}}}))
}

#[test]
fn kubectl_diff_shows_no_difference_that_nobody_can_get_rid_of() {
    let Some(_sluice) = shared("kubectl diff") else { return };
    if !switch::gate() {
        return;
    }
    let space = Space::new("diff");
    let (app, canary) = (podinfo("one"), short());
    space.initialised(&app, &canary);
    let same = |words: &[&str], app: &Value| {
        let outcome = kubectl::write(&space.namespace, words, &[app, &canary]);
        assert!(outcome.success && outcome.stdout.is_empty(), "`{}`:\n{}", outcome.line, outcome.text());
    };
    // The manifest asks for a replica, and the target rests at none.
    same(&["diff"], &app);
    same(&["diff", "--server-side", "--force-conflicts", "--field-manager=gitops"], &app);
    let wished = replicas(&app, 3);
    kubectl::apply(&space.namespace, &[&wished]);
    same(&["diff"], &wished);
    // A difference that is one shows.
    let outcome = kubectl::write(&space.namespace, &["diff"], &[&podinfo("two")]);
    assert!(!outcome.success && outcome.stdout.contains("+          value: two"), "{}", outcome.text());
}

#[test]
fn server_side_apply_by_several_managers_meets_no_conflict_before_in_and_after_a_run() {
    let Some(_sluice) = shared("server-side apply") else { return };
    if !switch::gate() {
        return;
    }
    let space = Space::new("managers");
    let apply = |manager: &str, object: &Value| {
        let manager = format!("--field-manager={manager}");
        // Without force: whoever wrote last is no reason for a conflict.
        kubectl::write(&space.namespace, &["apply", "--server-side", &manager], &[object]).ok();
    };
    let note = |text: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": APP, "annotations": {"example.com/owner": text}},
        })
    };
    let canary = short();
    apply("gitops", &podinfo("one"));
    apply("gitops", &canary);
    let history = History::of(&space.namespace, APP);
    history.wait(wait::INITIALISED, "the Canary to be initialised", |seen| seen.phase() == "Initialized");
    space.rests();
    apply("team", &note("shop"));
    apply("gitops", &podinfo("one"));

    let mark = history.mark();
    apply("gitops", &podinfo("two"));
    history.first(mark, wait::NOTICED, "the run", |seen| seen.phase() == "Progressing");
    apply("gitops", &podinfo("two"));
    apply("team", &note("orchard"));
    apply("gitops", &with(&canary, &json!({"spec": {"analysis": {"threshold": 3}}})));
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");

    apply("gitops", &podinfo("two"));
    apply("team", &note("orchard"));
    space.rests();
    let target = space.deployment(APP);
    assert_eq!(target["metadata"]["annotations"]["example.com/owner"], "orchard");
    for manager in ["gitops", "team"] {
        let managers = target["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        assert!(managers.iter().any(|entry| entry["manager"] == manager), "{manager} owns nothing any more");
    }
}

/// Installs a chart of app and Canary, upgrades it, rolls it back and takes it out, with `--wait` as pipelines do.
#[track_caller]
fn releases(program: &str) {
    let space = Space::new(program);
    let run = |words: &[&str]| {
        helm_by(program, &[words, &["--namespace", &space.namespace, "--wait", "--timeout=120s"]].concat())
            .ok()
    };
    let upgrade = |version: &str| {
        let version = format!("version={version}");
        run(&[
            "upgrade",
            "--install",
            "app",
            "tests/cluster/chart",
            "--set",
            "canary=true",
            "--set",
            &version,
        ]);
    };
    upgrade("one");
    let history = History::of(&space.namespace, APP);
    history.wait(wait::INITIALISED, "the Canary to be initialised", |seen| seen.phase() == "Initialized");
    space.rests();

    let mark = history.mark();
    upgrade("two");
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    // The same again starts nothing.
    upgrade("two");
    space.rests();

    let mark = history.mark();
    run(&["rollback", "app", "1"]);
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "one");

    run(&["uninstall", "app"]);
    wait::until(wait::PODS, "everything of the release to be gone", || {
        let left =
            api::list("deployments", &space.namespace).len() + api::list("canaries", &space.namespace).len();
        if left == 0 { Ok(()) } else { Err(format!("{left} objects")) }
    });
}

#[test]
fn helm_3_upgrades_and_rolls_back_an_app_with_its_canary() {
    let Some(_sluice) = shared("Helm 3") else { return };
    releases("helm3");
}

#[test]
fn helm_4_upgrades_and_rolls_back_an_app_with_its_canary() {
    let Some(_sluice) = shared("Helm 4") else { return };
    assert!(helm(&["version"]).ok().contains("v4."), "the helm of the bed is another");
    releases("helm");
}
