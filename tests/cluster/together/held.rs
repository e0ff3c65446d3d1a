//! Nobody's next apply starts pods of a resting target: the write goes through, its wish is kept for the next promotion.
//! Without the gate pods may start for a moment, and the controller puts the target back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::helm::helm;
use crate::support::manifests::{APP, canary, podinfo, replicas, with};
use crate::support::space::Space;
use crate::support::{api, kubectl, switch, wait};

/// How long no pod may appear; a Deployment that is scaled makes pods within a second.
const QUIET: Duration = Duration::from_secs(3);

/// Checks that a write which asked for `wish` replicas was held.
#[track_caller]
fn held(space: &Space, writer: &str, wish: u32) {
    if switch::gate() {
        wait::stays(QUIET, &format!("the target without pods after {writer}"), || {
            let wished = space.deployment(APP)["spec"]["replicas"].clone();
            let pods = space.pods(APP).len();
            if wished == 0 && pods == 0 { Ok(()) } else { Err(format!("{wished} wished, {pods} pods")) }
        });
    } else {
        space.rests();
    }
    wait::until(wait::NOTICED, &format!("the wish of {writer} to be remembered"), || {
        let kept = space.deployment(APP)["metadata"]["annotations"]["sluice.dev/replicas"].clone();
        if kept.as_str() == Some(wish.to_string().as_str()) { Ok(()) } else { Err(kept.to_string()) }
    });
}

#[test]
fn no_way_of_writing_starts_pods_of_a_resting_target() {
    let Some(_sluice) = shared("held replicas") else { return };
    let space = Space::new("held");
    let app = podinfo("one");
    space.initialised(&app, &canary(&space.host(), &[20, 50]));
    let write = |words: &[&str], wish| {
        // Without the gate the controller may write between what kubectl reads and what it writes.
        wait::until(wait::NOTICED, "a write without a conflict", || {
            let outcome = kubectl::write(&space.namespace, words, &[&replicas(&app, wish)]);
            if outcome.success { Ok(()) } else { Err(outcome.text()) }
        });
    };

    let said = kubectl::write(&space.namespace, &["apply"], &[&replicas(&app, 2)]);
    assert!(said.success, "{}", said.text());
    if switch::gate() {
        assert!(said.stderr.contains("sluice.dev/replicas"), "the writer is not told:\n{}", said.text());
    }
    held(&space, "client-side apply", 2);

    write(&["apply", "--server-side", "--force-conflicts", "--field-manager=gitops"], 3);
    held(&space, "forced server-side apply", 3);

    space
        .kubectl(&["patch", "deployment", APP, "--type=merge", "--patch", r#"{"spec":{"replicas":4}}"#])
        .ok();
    held(&space, "a merge patch", 4);

    write(&["replace"], 5);
    held(&space, "replace", 5);
    let label = &space.deployment(APP)["metadata"]["labels"]["sluice.dev/managed"];
    assert_eq!(label, "true", "replace dropped our label");

    // The same again changes nothing, whoever asks.
    write(&["apply", "--server-side", "--force-conflicts", "--field-manager=gitops"], 3);
    held(&space, "the same server-side apply again", 3);
    assert_eq!(space.pods("podinfo-primary").len(), 1, "the primary was touched");
}

#[test]
fn a_helm_upgrade_starts_no_pods_of_a_resting_target() {
    let Some(_sluice) = shared("held replicas under Helm") else { return };
    let space = Space::new("helm");
    let upgrade = |count: u32| {
        let count = format!("replicas={count}");
        let words = [
            "upgrade",
            "--install",
            "app",
            "tests/cluster/chart",
            "--namespace",
            &space.namespace,
            "--set",
            &count,
        ];
        helm(&words).ok()
    };
    upgrade(1);
    space.apply(&[&canary(&space.host(), &[20, 50])]);
    let history = crate::support::history::History::of(&space.namespace, APP);
    history.wait(wait::INITIALISED, "the Canary to be initialised", |seen| seen.phase() == "Initialized");
    space.rests();
    upgrade(3);
    held(&space, "helm upgrade", 3);
    upgrade(2);
    held(&space, "a second helm upgrade", 2);
}

#[test]
fn a_changed_template_is_stamped_and_an_unchanged_one_is_not() {
    let Some(_sluice) = shared("stamps") else { return };
    let space = Space::new("stamp");
    let app = podinfo("one");
    // Suspended after the start, so that the change leads to no run that this test would have to wait for.
    let first = canary(&space.host(), &[20, 50]);
    space.initialised(&app, &first);
    space.apply(&[&with(&first, &json!({"spec": {"suspend": true}}))]);
    if !switch::gate() {
        return;
    }
    let stamp = || space.deployment(APP)["metadata"]["annotations"]["sluice.dev/revision"].clone();
    let before = stamp();
    space.apply(&[&with(&app, &json!({"metadata": {"annotations": {"team": "shop"}}}))]);
    assert_eq!(stamp(), before, "the template is the same");
    space.kubectl(&["set", "env", "deployment", APP, "PODINFO_UI_MESSAGE=two"]).ok();
    let after = stamp();
    assert!(after.is_string() && after != before, "{after}");
    let requester = space.deployment(APP)["metadata"]["annotations"]["sluice.dev/requested-by"].clone();
    assert!(requester.as_str().is_some_and(|name| !name.is_empty()), "{requester}");
    let in_template = space.deployment(APP)["spec"]["template"]["metadata"]["annotations"].to_string();
    assert!(!in_template.contains("sluice.dev/"), "the pod template was touched: {in_template}");
    assert!(api::find("deployments", &space.namespace, "podinfo-primary").is_some());
}

/// The first time that a pod of a test's app is ready shows here, however short it lives: the kubelet writes it, we poll.
fn ready_pods(space: &Space) -> Vec<Value> {
    let ready = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    space.pods(APP).into_iter().filter(ready).collect()
}

/// `/scale` passes the gate, which the API server does not ask about it: the controller is as quick as its watch.
#[test]
fn a_resting_target_that_is_scaled_is_put_back_before_any_pod_of_it_is_ready() {
    let Some(_sluice) = shared("a scaled target") else { return };
    let space = Space::new("scaled");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    space.kubectl(&["scale", "deployment", APP, "--replicas=2"]).ok();
    wait::until(wait::NOTICED, "the target to be put back", || {
        assert!(ready_pods(&space).is_empty(), "a pod of a resting target became ready");
        let target = space.deployment(APP);
        let (count, kept) =
            (&target["spec"]["replicas"], &target["metadata"]["annotations"]["sluice.dev/replicas"]);
        if count == 0 && kept == "2" { Ok(()) } else { Err(format!("{count} replicas, a wish for {kept}")) }
    });
    space.rests();
}

/// An autoscaler does nothing about a workload at zero, also one that the Canary does not name.
#[test]
fn an_autoscaler_that_the_canary_does_not_name_starts_no_pod_of_a_resting_target() {
    let Some(_sluice) = shared("an autoscaler beside the Canary") else { return };
    let space = Space::new("hpa");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "beside"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "minReplicas": 2, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    });
    space.apply(&[&scaler]);
    wait::until(wait::PODS, "the autoscaler to have looked", || {
        let scaler = api::get("horizontalpodautoscalers", &space.namespace, "beside");
        let reasons = scaler["status"]["conditions"].to_string();
        if reasons.contains("ScalingDisabled") { Ok(()) } else { Err(reasons) }
    });
    assert_eq!(space.deployment(APP)["spec"]["replicas"], 0);
    assert!(space.pods(APP).is_empty(), "a pod was started");
}

/// `kubectl replace` with a manifest that knows nothing of us: our label, by which we watch, and our annotations are gone from
/// it, and so is the replica count.
#[test]
fn a_replace_that_drops_our_marks_in_mid_run_loses_no_step() {
    let Some(_sluice) = shared("a replace in mid-run") else { return };
    let space = Space::new("replace");
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    for weight in [20, 50] {
        history.first(mark, wait::STEP, "the next step", |seen| seen.weight() == weight && seen.is_due());
        // Without the gate the controller may write between what kubectl reads and what it writes.
        wait::until(wait::NOTICED, "a write without a conflict", || {
            let outcome = kubectl::write(&space.namespace, &["replace"], &[&podinfo("two")]);
            if outcome.success { Ok(()) } else { Err(outcome.text()) }
        });
    }
    history.ends(mark, "Succeeded");
    let raised: Vec<i64> =
        history.weights(mark).into_iter().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, [20, 50]);
    let metadata = space.deployment(APP)["metadata"].clone();
    assert_eq!(metadata["labels"]["sluice.dev/managed"], "true");
    assert_eq!(metadata["annotations"]["sluice.dev/canary"], APP);
    assert_eq!(space.version("podinfo-primary"), "two");
}
