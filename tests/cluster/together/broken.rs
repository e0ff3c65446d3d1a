//! Primaries that cannot do their part: a fix gets through all the same, and a promotion that fails costs nobody an answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::data_plane::CONTOUR_HTTP_ROUTE;
use crate::support::load::Load;
use crate::support::manifests::{APP, PORT, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, endpoints, visitor, wait};

const RATE: u32 = 25;
const PRIMARY: &str = "podinfo-primary";

/// A Canary with one step and nothing to judge.
fn plain(space: &Space, changes: &Value) -> Value {
    let canary = with(&canary(&space.host(), &[50]), &json!({"spec": {"analysis": {"metrics": null}}}));
    with(&canary, changes)
}

/// Says to the primary's pod that it is ready, or that it is not, and waits until everybody knows.
#[track_caller]
fn turn_primary(space: &Space, ready: bool) {
    let slices = api::list("endpointslices", &space.namespace);
    let address = slices.iter().find_map(|slice| {
        let of_primary = slice["metadata"]["labels"]["kubernetes.io/service-name"] == PRIMARY;
        slice["endpoints"][0]["addresses"][0].as_str().filter(|_| of_primary)
    });
    let verb = if ready { "enable" } else { "disable" };
    visitor::post(&format!("http://{}:{PORT}/readyz/{verb}", address.expect("the primary has a pod")));
    let wanted = usize::from(ready);
    wait::until(wait::PODS, &format!("the primary to have {wanted} endpoints"), || {
        let there = endpoints::ready(&space.namespace, PRIMARY);
        if there == wanted { Ok(()) } else { Err(format!("{there} ready endpoints")) }
    });
}

#[test]
fn a_primary_that_serves_nobody_does_not_hold_up_its_fix() {
    let Some(_sluice) = shared("the fix of a broken primary") else { return };
    let space = Space::new("fix");
    let history = space.initialised(&podinfo("one"), &plain(&space, &json!({})));
    turn_primary(&space, false);
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version(PRIMARY), "two");
    assert_eq!((space.route(), endpoints::ready(&space.namespace, PRIMARY)), ((100, 0), 1));
}

#[test]
fn a_run_that_is_called_off_leaves_its_traffic_where_it_is_until_the_primary_serves() {
    let Some(_sluice) = shared("a return to a broken primary") else { return };
    let space = Space::new("calledoff");
    let history = space.initialised(&podinfo("one"), &plain(&space, &json!({})));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 50 && seen.is_due());
    turn_primary(&space, false);
    space.apply(&[&podinfo("one")]);
    history.first(mark, wait::NOTICED, "the run to end", |seen| seen.phase() == "Succeeded");
    wait::stays(Duration::from_secs(8), "the route to a canary that alone serves", || {
        let route = space.route();
        if route == (50, 50) { Ok(()) } else { Err(format!("{route:?}")) }
    });
    turn_primary(&space, true);
    CONTOUR_HTTP_ROUTE.carries(&space, APP, (100, 0));
    space.rests();
    assert_eq!(space.version(PRIMARY), "one");
}

#[test]
fn w_ctl_7_a_primary_that_cannot_get_what_is_promoted_gets_its_old_version_back_and_a_fix_is_taken() {
    let Some(_sluice) = shared("a promotion that fails") else { return };
    let space = Space::new("unpromoted");
    // Time enough to put something in the way before the promotion.
    let slowly = json!({"spec": {"analysis": {"interval": "15s"}}});
    let short = with(&slowly, &json!({"spec": {"progressDeadlineSeconds": 30}}));
    let history = space.initialised(&podinfo("one"), &plain(&space, &slowly));
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 50 && seen.is_due());
    // No pod more than these two: the primary's next one cannot start, and its old one stays until it has.
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "2"}},
    });
    space.apply(&[&quota, &plain(&space, &short)]);
    history.ends(mark, "Failed");
    space.rests();
    assert_eq!((space.version(PRIMARY), space.route()), ("one".to_owned(), (100, 0)));
    let reasons = space.reasons(APP);
    assert!(reasons.iter().any(|reason| reason == "PromotionFailed"), "{reasons:?}");

    space.kubectl(&["delete", "resourcequota", "full"]).ok();
    let mark = history.mark();
    space.apply(&[&podinfo("three")]);
    history.first(mark, wait::NOTICED, "the fix to be looked at", |seen| seen.phase() == "Progressing");
    history.ends(history.mark(), "Succeeded");
    assert_eq!(space.version(PRIMARY), "three");
    load.sees("three");
    load.stop().nothing_lost("a promotion that fails, and its fix");
}
