//! Which revisions are released: not one that is promoted already, and one that failed as soon as it is applied again. A target
//! may go in mid-run, and come back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::history::History;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, facts, wait};

const RATE: u32 = 25;
const PRIMARY: &str = "podinfo-primary";

/// A Canary with these checks, of which one failure is too much.
fn judged(space: &Space, steps: &[u32], metrics: Value) -> Value {
    with(&canary(&space.host(), steps), &json!({"spec": {"analysis": {"threshold": 1, "metrics": metrics}}}))
}

/// A run at 20 % under load.
fn at_twenty(word: &str) -> (Space, History, Load, usize) {
    let space = Space::new(word);
    let history = space.initialised(&podinfo("one"), &judged(&space, &[20, 50], Value::Null));
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20 && seen.is_due());
    (space, history, load, mark)
}

#[test]
fn a_return_to_the_promoted_revision_in_mid_run_ends_the_run_and_starts_none() {
    let Some(_sluice) = shared("a return in mid-run") else { return };
    let (space, history, load, _) = at_twenty("return");
    let pods = space.pod_names(PRIMARY);
    let mark = history.mark();
    space.apply(&[&podinfo("one")]);
    history.first(mark, wait::NOTICED, "the run to end", |seen| seen.phase() == "Succeeded");
    space.rests();
    assert_eq!(space.route(), (100, 0));
    assert_eq!(space.pod_names(PRIMARY), pods, "the primary was replaced");
    let phases = history.phases(mark);
    assert!(!phases.iter().any(|phase| phase == "Promoting"), "{phases:?}");
    let reasons = space.reasons(APP);
    let detected = reasons.iter().filter(|reason| *reason == "RevisionDetected").count();
    assert_eq!(detected, 1, "{reasons:?}");
    assert_eq!(space.version(PRIMARY), "one");
    load.stop().nothing_lost("a return to the promoted revision in mid-run");
}

#[test]
fn a_revision_that_failed_is_analysed_again_when_it_is_applied_again() {
    let Some(_sluice) = shared("a failed revision, applied again") else { return };
    let space = Space::new("retry");
    // Five errors a second: too many at first, few enough later.
    let errors = |most: u32| json!([{"name": "errors", "interval": "10s", "query": "vector(5)", "thresholdRange": {"max": most}}]);
    let history = space.initialised(&podinfo("one"), &judged(&space, &[50], errors(1)));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Failed");
    space.rests();
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    wait::stays(Duration::from_secs(3), "a Canary whose failed revision is applied unchanged", || {
        let status = api::get("canaries", &space.namespace, APP)["status"].clone();
        if status["phase"] == "Failed" { Ok(()) } else { Err(status.to_string()) }
    });

    space.apply(&[&podinfo("one")]);
    history.first(mark, wait::NOTICED, "the promoted revision to be known again", |seen| {
        seen.phase() == "Succeeded"
    });
    let phases = history.phases(mark);
    assert!(!phases.iter().any(|phase| phase == "Progressing"), "{phases:?}");

    space.apply(&[&judged(&space, &[50], errors(9))]);
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::NOTICED, "another run", |seen| seen.phase() == "Progressing");
    history.ends(history.mark(), "Succeeded");
    assert_eq!(space.version(PRIMARY), "two");
}

#[test]
fn a_target_that_is_deleted_in_mid_run_gets_no_request_and_is_released_when_it_comes_back() {
    let Some(_sluice) = shared("a target that goes and comes back") else { return };
    let (space, history, load, mark) = at_twenty("reborn");
    load.sees("two");
    space.kubectl(&["delete", "deployment", APP]).ok();
    wait::until(wait::NOTICED, "the primary to get all traffic", || {
        let route = space.route();
        if route == (100, 0) { Ok(()) } else { Err(format!("{route:?}")) }
    });
    history.first(mark, wait::NOTICED, "the Canary to name what is missing", |seen| {
        seen.canary["status"].to_string().contains("does not exist")
    });
    facts::record("a target that is deleted at 20 percent: requests lost", vec![load.so_far().lost()]);
    load.answered("one");
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version(PRIMARY), "two");
    load.sees("two");
    load.stop().nothing_lost("a target that came back in mid-run");
}
