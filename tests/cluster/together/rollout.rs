//! Releases from the change to their end, with real pods, a real proxy and real requests. The same with and without the gate.

use std::time::Duration;

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::load::{Load, tolerance};
use crate::support::manifests::{APP, blue_green, canary, podinfo, slow, with};
use crate::support::space::Space;
use crate::support::{api, facts, wait};

/// Requests a second; enough for a share of 20 % to be told from 30 % within a step.
const RATE: u32 = 40;
/// How long after a step a proxy may still follow the one before.
const LAG: Duration = Duration::from_millis(1500);

#[test]
fn a_good_version_is_promoted_step_by_step_and_no_request_is_lost() {
    let Some(_sluice) = shared("promotion") else { return };
    let space = Space::new("promote");
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");

    let mut shares = Vec::new();
    for (planned, from, until) in history.stays(mark) {
        let counts = load.between(from + LAG, until);
        let (observed, planned_share) = (counts.share("two"), f64::from(i32::try_from(planned).unwrap()));
        println!("planned {planned} %, observed {observed:.1} % of {} requests", counts.requests);
        // The first stay is the start of the pods and may be short.
        if planned > 0 {
            assert!(counts.requests > 100, "the step at {planned} % was over too soon: {counts:?}");
        }
        let allowed = tolerance(planned_share, counts.requests);
        assert!((observed - planned_share).abs() <= allowed, "planned {planned} %, observed {observed:.1} %");
        shares.push(json!({"planned": planned, "observed": (observed * 10.0).round() / 10.0, "requests": counts.requests}));
    }
    facts::record("promotion: planned and observed share in percent", shares);
    let raised: Vec<i64> =
        history.weights(mark).into_iter().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, [20, 50], "{:?}", history.weights(mark));

    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    assert_eq!(space.route(), (100, 0));
    let counts = load.stop();
    assert!(counts.of("two") > 0);
    counts.nothing_lost("promotion");
    let reasons = space.reasons(APP);
    for reason in ["Initialized", "RevisionDetected", "WeightRaised", "Promoting", "Promoted"] {
        assert!(reasons.iter().any(|told| told == reason), "no event {reason} in {reasons:?}");
    }
}

#[test]
fn a_bad_version_is_taken_back_and_no_request_is_lost() {
    let Some(_sluice) = shared("rollback") else { return };
    let space = Space::new("rollback");
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&slow(&podinfo("two"))]);
    history.ends(mark, "Failed");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "one");
    assert_eq!(space.route(), (100, 0));
    assert!(
        !history.weights(mark).contains(&50),
        "a version that fails was raised: {:?}",
        history.weights(mark)
    );
    let failed = history.since(mark).into_iter().find(|seen| seen.number("failedChecks") > 0).unwrap();
    let checks = failed.canary["status"]["checks"].to_string();
    assert!(checks.contains("request-duration"), "{checks}");
    let counts = load.stop();
    assert!(counts.of("two") > 0, "the bad version got no request");
    counts.nothing_lost("rollback");
    assert!(space.reasons(APP).iter().any(|reason| reason == "RolledBack"));

    // The same bad version again starts nothing; a good one does.
    let mark = history.mark();
    space.apply(&[&podinfo("three")]);
    history
        .first(mark, wait::NOTICED, "the next version to be noticed", |seen| seen.phase() == "Progressing");
}

#[test]
fn blue_green_without_a_route_switches_and_no_request_is_lost() {
    let Some(_sluice) = shared("blue/green") else { return };
    let space = Space::new("bluegreen");
    let history = space.initialised(&podinfo("one"), &blue_green(2));
    let load = Load::on_url(&space.service_url(APP), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let analysed = history.first(mark, wait::RUN, "two iterations", |seen| seen.phase() == "Promoting");
    let before = load.between(analysed.at - Duration::from_secs(8), analysed.at);
    assert_eq!(before.of("two"), 0, "the new version was served before it was promoted: {before:?}");
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    assert!(api::find("httproutes", &space.namespace, APP).is_none());
    load.sees("two");
    let counts = load.stop();
    counts.nothing_lost("blue/green");
}

#[test]
fn skipped_analysis_still_waits_for_a_ready_primary() {
    let Some(_sluice) = shared("skipAnalysis") else { return };
    let space = Space::new("skip");
    let canary = with(&canary(&space.host(), &[20, 50]), &json!({"spec": {"skipAnalysis": true}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    assert!(history.weights(mark).iter().all(|weight| *weight == 0), "{:?}", history.weights(mark));
    load.stop().nothing_lost("skipAnalysis");
}

#[test]
fn a_version_that_never_gets_ready_is_taken_back_at_the_deadline() {
    let Some(_sluice) = shared("deadline") else { return };
    let space = Space::new("deadline");
    let short = with(&canary(&space.host(), &[20, 50]), &json!({"spec": {"progressDeadlineSeconds": 20}}));
    let history = space.initialised(&podinfo("one"), &short);
    let mark = history.mark();
    // An image that does not exist, which is how most of these come about.
    space.kubectl(&["set", "image", "deployment/podinfo", "podinfo=podinfo:2"]).ok();
    history.ends(mark, "Failed");
    assert_eq!(history.weights(mark), [0], "a pod that is not ready got traffic");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "one");
    assert_eq!(space.route(), (100, 0));
}

#[test]
fn a_new_revision_in_mid_run_takes_the_place_of_the_old_one() {
    let Some(_sluice) = shared("a new revision in mid-run") else { return };
    let space = Space::new("newer");
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20);
    let newer = history.mark();
    space.apply(&[&podinfo("three")]);
    history.first(newer, wait::NOTICED, "the newer revision to start from the beginning", |seen| {
        seen.phase() == "Progressing" && seen.weight() == 0
    });
    history.ends(newer, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "three");
    assert!(
        space.reasons(APP).iter().any(|reason| reason == "RevisionSuperseded"),
        "{:?}",
        space.reasons(APP)
    );
}

#[test]
fn a_suspended_run_stands_still_and_goes_on() {
    let Some(_sluice) = shared("suspend") else { return };
    let space = Space::new("suspend");
    let canary = canary(&space.host(), &[20, 50]);
    let suspend = |suspend: bool| with(&canary, &json!({"spec": {"suspend": suspend}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20);
    space.apply(&[&suspend(true)]);
    wait::stays(Duration::from_secs(15), "a suspended Canary at 20 %", || {
        let last: Value = api::get("canaries", &space.namespace, APP);
        let weight = &last["status"]["canaryWeight"];
        if *weight == 20 { Ok(()) } else { Err(last["status"].to_string()) }
    });
    space.apply(&[&suspend(false)]);
    history.ends(mark, "Succeeded");
    let raised: Vec<i64> =
        history.weights(mark).into_iter().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, [20, 50], "{:?}", history.weights(mark));
}
