//! Nobody's next apply starts pods of a resting target: the write goes through, its wish is kept for the next promotion.
//! Without the gate pods may start for a moment, and the controller puts the target back.

use std::time::Duration;

use serde_json::json;

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
