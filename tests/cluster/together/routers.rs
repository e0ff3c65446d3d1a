//! One conformance body over all data planes of the bed: real requests through a real proxy follow the route that Sluice
//! writes, and none is lost.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use crate::install::shared;
use crate::support::data_plane::{
    CONTOUR_HTTP_PROXY, CONTOUR_HTTP_ROUTE, DataPlane, ISTIO_HTTP_ROUTE, ISTIO_INGRESS, ISTIO_MESH,
};
use crate::support::history::History;
use crate::support::load::{Counts, Load, tolerance};
use crate::support::manifests::{APP, podinfo, with};
use crate::support::space::Space;
use crate::support::{facts, kubectl, switch, wait};

/// Requests a second; enough for a share of 20 % to be told from 50 % within a step.
pub(super) const RATE: u32 = 25;
/// How long after a step a proxy may still follow the one before.
pub(super) const LAG: Duration = Duration::from_millis(1500);
/// How often somebody edits the route: each time it changes twice, there and back.
const EDITS: usize = 10;

/// A namespace on a data plane, and one of the few turns; `None` if the cluster has no such one and `ALLOW_SKIP=1` lets the
/// test pass.
pub(super) fn space_on(plane: &DataPlane) -> Option<(Space, Turn)> {
    let turn = Turn::wait();
    if let Some(reason) = plane.missing() {
        switch::skip(plane.word, &reason);
        return None;
    }
    let space = Space::new(plane.word);
    plane.prepare(&space);
    Some((space, turn))
}

/// One of the few tests with load on a data plane at a time. Proxies on a machine that is starved answer late, and the kubelet's
/// probes time out: that would be no loss of Sluice's.
pub(super) struct Turn;

static FREE: Mutex<u32> = Mutex::new(3);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn wait() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        *FREED.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREED.notify_one();
    }
}

/// Checks that the share of a version is the planned one in percent, but for chance.
#[track_caller]
pub(super) fn follows(counts: &Counts, version: &str, planned: f64) -> f64 {
    assert!(counts.requests > 80, "the stay at {planned} % was over too soon: {counts:?}");
    let observed = counts.share(version);
    println!("planned {planned} %, observed {observed:.1} % of {} requests", counts.requests);
    let allowed = tolerance(planned, counts.requests);
    assert!(
        (observed - planned).abs() <= allowed,
        "planned {planned} %, observed {observed:.1} %: {counts:?}"
    );
    (observed * 10.0).round() / 10.0
}

/// Checks the last stay at each of these weights, and returns the observed shares.
#[track_caller]
pub(super) fn all_follow(history: &History, mark: usize, load: &Load, weights: &[u32]) -> Vec<f64> {
    let stays = history.stays(mark);
    let of = |weight: &u32| {
        let stay = stays.iter().rfind(|(planned, ..)| *planned == i64::from(*weight));
        let (_, from, until) = stay.unwrap_or_else(|| panic!("no stay at {weight} % in {stays:?}"));
        follows(&load.between(*from + LAG, *until), "two", f64::from(*weight))
    };
    weights.iter().map(of).collect()
}

/// Edits the route again and again while a step stands; returns the longest time until it was back, in milliseconds.
#[track_caller]
fn drift(plane: &DataPlane, space: &Space, stands: (i64, i64)) -> u64 {
    let times = (0..EDITS).map(|edit| {
        let wrong = if edit % 2 == 0 { (50, 50) } else { (10, 90) };
        let began = Instant::now();
        plane.edit(space, APP, wrong);
        plane.carries(space, APP, stands);
        let took = began.elapsed();
        // Time for the proxy to hear of both.
        std::thread::sleep(Duration::from_millis(300));
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    });
    times.max().unwrap_or_default()
}

#[rstest]
#[case::contour_by_its_http_proxy(&CONTOUR_HTTP_PROXY)]
#[case::contour_by_the_gateway_api(&CONTOUR_HTTP_ROUTE)]
#[case::istio_through_an_ingress_gateway(&ISTIO_INGRESS)]
#[case::istio_in_the_mesh_only(&ISTIO_MESH)]
#[case::istio_by_the_gateway_api(&ISTIO_HTTP_ROUTE)]
fn requests_follow_the_route_of_a_release_and_none_is_lost_over_twenty_changes(#[case] plane: &DataPlane) {
    let Some(_sluice) = shared(plane.word) else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    // Edits have to get through here; that the gate keeps the weights is shown elsewhere.
    kubectl::kubectl(&["label", "namespace", &space.namespace, "sluice.dev/gate=off"]).ok();
    let history = space.initialised(&podinfo("one"), &plane.canary(&space, &[20, 50]));
    plane.carries(&space, APP, (100, 0));
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20 && seen.is_due());
    let generation = || plane.route(&space, APP).unwrap_or_default()["metadata"]["generation"].as_i64();
    let before = generation();
    let slowest = drift(plane, &space, (80, 20));
    let changes = generation().unwrap_or_default() - before.unwrap_or_default();
    assert!(changes >= 20, "{changes} changes of the route");

    history.ends(mark, "Succeeded");
    let observed = all_follow(&history, mark, &load, &[20, 50]);
    let raised: Vec<i64> =
        history.weights(mark).into_iter().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, [20, 50], "an edit of the route moved the run");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    plane.carries(&space, APP, (100, 0));
    load.sees("two");
    let counts = load.stop();
    facts::record(&format!("{}: observed shares of 20 and 50 percent", plane.word), observed);
    facts::record(&format!("{}: longest time of a wrong weight in ms", plane.word), slowest);
    counts.nothing_lost(&format!("{}: a release with {} changes of the route", plane.word, changes + 4));

    deleted(plane, &space);
}

#[test]
fn contour_is_measured_by_what_its_envoy_counts_of_the_canary() {
    let Some(_sluice) = shared("measured") else { return };
    let plane = &CONTOUR_HTTP_PROXY;
    let Some((space, _turn)) = space_on(plane) else { return };
    let metrics = json!([
        {"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}},
        {"name": "request-duration", "interval": "10s", "thresholdRange": {"max": 2000}},
    ]);
    let canary = with(&plane.canary(&space, &[50]), &json!({"spec": {"analysis": {"metrics": metrics}}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let ended = history.ends(mark, "Succeeded");
    load.stop().nothing_lost("a release that is measured at Contour's Envoy");
    let checks = &ended.canary["status"]["checks"];
    let query = |index: usize| checks[index]["query"].as_str().unwrap_or_default();
    let cluster = format!("{}_{APP}-canary_", space.namespace);
    assert!(query(0).contains(&cluster) && query(1).contains(&cluster), "{checks}");
    assert_eq!(checks[0]["value"].as_f64(), Some(100.0), "{checks}");
    assert!(checks[1]["value"].as_f64().is_some_and(|duration| duration > 0.0), "{checks}");
}

/// The route is deleted under load, comes back, and is followed.
#[track_caller]
fn deleted(plane: &DataPlane, space: &Space) {
    let load = plane.load(space, RATE, &[]);
    load.answered("two");
    let began = Instant::now();
    plane.delete(space, APP);
    plane.carries(space, APP, (100, 0));
    let back = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    std::thread::sleep(LAG);
    let lost = load.so_far().lost();
    load.answered("two");
    std::thread::sleep(Duration::from_secs(3));
    facts::record(
        &format!("{}: a deleted route, time until it is back in ms and requests lost", plane.word),
        json!([back, lost]),
    );
    let counts = load.stop();
    assert_eq!(counts.lost(), 0, "requests were lost after the route was back: {counts:?}");
}
