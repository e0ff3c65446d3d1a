//! A primary is the controller's: a change or deletion by hand is refused, or put right where the gate is not there. Whoever has
//! to do it says why, and restarts and replicas are anybody's.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::history::History;
use crate::support::manifests::{APP, canary, podinfo};
use crate::support::space::Space;
use crate::support::{api, switch, wait};

use super::gate::contains_all;

const PRIMARY: &str = "podinfo-primary";
/// Makes the primary another version by hand.
const EDIT: [&str; 4] = ["set", "env", "deployment/podinfo-primary", "PODINFO_UI_MESSAGE=hand"];

fn initialised(word: &str) -> (Space, History) {
    let space = Space::new(word);
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[50]));
    (space, history)
}

fn annotation(space: &Space, key: &str) -> Value {
    space.deployment(PRIMARY)["metadata"]["annotations"][key].clone()
}

#[test]
fn a_primary_that_is_changed_by_hand_is_refused_or_put_right() {
    let Some(_sluice) = shared("a primary changed by hand") else { return };
    let (space, _) = initialised("byhand");
    let edit = space.kubectl(&EDIT);
    if switch::gate() {
        contains_all(&edit.refused(), &["SL601", "Canary podinfo", "sluice.dev/break-glass"]);
    } else {
        edit.ok();
    }
    wait::until(wait::NOTICED, "the primary to be as we left it", || {
        let version = space.version(PRIMARY);
        if version == "one" { Ok(()) } else { Err(version) }
    });
}

#[test]
fn a_primary_that_is_deleted_by_hand_stays_or_comes_back_as_it_was_and_goes_with_its_namespace() {
    let Some(_sluice) = shared("a deleted primary") else { return };
    let (space, _) = initialised("deleted");
    let uid =
        || api::find("deployments", &space.namespace, PRIMARY).unwrap_or_default()["metadata"]["uid"].clone();
    let before = uid();
    // Many at once: the API server asks about each, without a name.
    let collection =
        format!("{}?labelSelector=app%3D{PRIMARY}", api::collection("deployments", &space.namespace));
    for words in [&["delete", "deployment", PRIMARY][..], &["delete", "--raw", &collection]] {
        let outcome = space.kubectl(words);
        if switch::gate() {
            assert!(!outcome.success && uid() == before, "it was deleted: {}", outcome.text());
            contains_all(&outcome.text(), &["SL602", "delete Canary podinfo"]);
            continue;
        }
        outcome.ok();
        wait::until(wait::PODS, "the primary to serve again", || {
            let primary = api::find("deployments", &space.namespace, PRIMARY).unwrap_or_default();
            let back = primary["metadata"]["uid"] != before && primary["status"]["readyReplicas"] == 1;
            if back { Ok(()) } else { Err(primary["status"].to_string()) }
        });
    }
    assert_eq!(space.version(PRIMARY), "one");
    if switch::gate() {
        let warned = space.kubectl(&["delete", "deployment", APP, "--dry-run=server"]);
        contains_all(&warned.text(), &["Warning:", "SL603", "podinfo-primary goes on serving"]);
    }
    space.kubectl(&["delete", "namespace", &space.namespace, "--wait=false"]).ok();
    wait::until(wait::PODS, "the namespace to go with all that is in it", || {
        match api::find("namespaces", "", &space.namespace) {
            None => Ok(()),
            Some(left) => Err(left["status"].to_string()),
        }
    });
}

#[test]
fn a_primary_goes_at_once_with_a_canary_that_nobody_holds_and_whoever_deletes_it_is_told() {
    let Some(_sluice) = shared("a deleted Canary") else { return };
    let (space, _) = initialised("goes");
    let free = r#"{"spec": {"suspend": true}, "metadata": {"finalizers": null}}"#;
    space.kubectl(&["patch", "canary", APP, "--type=merge", "--patch", free]).ok();
    let deleted = space.kubectl(&["delete", "canary", APP]);
    if switch::gate() {
        contains_all(
            &deleted.stderr,
            &["Warning:", "SL605", "podinfo-primary serves and goes with its Canary"],
        );
    }
    deleted.ok();
    wait::until(wait::PODS, "the primary to go with its Canary", || {
        match api::find("deployments", &space.namespace, PRIMARY) {
            None => Ok(()),
            Some(left) => Err(left["metadata"].to_string()),
        }
    });
}

#[test]
fn whoever_breaks_the_glass_is_written_down_and_the_change_stays_until_the_next_promotion() {
    let Some(_sluice) = shared("break-glass") else { return };
    let (space, history) = initialised("glass");
    space.kubectl(&["annotate", "deployment", PRIMARY, "sluice.dev/break-glass=checkout is down"]).ok();
    space.kubectl(&EDIT).ok();
    if switch::gate() {
        let by = annotation(&space, "sluice.dev/break-glass-by");
        assert!(by.as_str().is_some_and(|user| !user.is_empty()), "{by}");
    }
    wait::until(wait::NOTICED, "the Canary to tell of it", || {
        let reasons = space.reasons(APP);
        if reasons.iter().any(|reason| reason == "BreakGlass") { Ok(()) } else { Err(reasons.join(" ")) }
    });
    space.kubectl(&["rollout", "status", "deployment", PRIMARY, "--timeout=25s"]).ok();
    assert_eq!(space.version(PRIMARY), "hand");

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    assert_eq!(space.version(PRIMARY), "two");
    for key in ["sluice.dev/break-glass", "sluice.dev/break-glass-by"] {
        assert!(annotation(&space, key).is_null(), "{key} is left");
    }
}

#[test]
fn a_primary_may_be_restarted_and_scaled() {
    let Some(_sluice) = shared("a restarted primary") else { return };
    let (space, _) = initialised("restart");
    space.kubectl(&["rollout", "restart", "deployment", PRIMARY]).ok();
    space.kubectl(&["rollout", "status", "deployment", PRIMARY, "--timeout=25s"]).ok();
    let template = space.deployment(PRIMARY)["spec"]["template"].clone();
    assert!(
        template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string(),
        "{template}"
    );
    space.kubectl(&["scale", "deployment", PRIMARY, "--replicas=2"]).ok();
    let two = json!({"spec": {"replicas": 2}}).to_string();
    space.kubectl(&["patch", "deployment", PRIMARY, "--type=merge", "--patch", &two]).ok();
    assert_eq!(space.deployment(PRIMARY)["spec"]["replicas"], 2);
    assert!(!space.reasons(APP).iter().any(|reason| reason == "PrimaryRestored"));
}
