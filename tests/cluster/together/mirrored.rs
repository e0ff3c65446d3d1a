//! Blue/green and copies of requests, with real requests through real proxies.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use super::routers::{LAG, RATE, all_follow, space_on};
use crate::install::shared;
use crate::support::data_plane::{
    CONTOUR_HTTP_PROXY, CONTOUR_HTTP_ROUTE, DataPlane, ISTIO_HTTP_ROUTE, ISTIO_INGRESS,
};
use crate::support::facts;
use crate::support::load::tolerance;
use crate::support::manifests::{APP, podinfo, with};
use crate::support::space::Space;
use crate::support::wait;

/// How long copies are counted, well below the interval of a step.
const COUNTED: Duration = Duration::from_secs(6);

/// Requests that reached the canary while nobody counted them for users, as percentage of those that users sent.
#[allow(clippy::cast_precision_loss)] // Counts of seconds are far below 2^52.
fn copied(space: &Space) -> (f64, u64) {
    std::thread::sleep(LAG);
    let (before, began) = (space.served("podinfo-canary"), Instant::now());
    std::thread::sleep(COUNTED);
    let (copies, took) = (space.served("podinfo-canary") - before, began.elapsed());
    let sent = f64::from(RATE) * took.as_secs_f64();
    (100.0 * copies as f64 / sent, copies)
}

#[rstest]
// Contour's Gateway API copies all or none.
#[case::contour_by_the_gateway_api(&CONTOUR_HTTP_ROUTE, 100)]
#[case::istio_through_an_ingress_gateway(&ISTIO_INGRESS, 50)]
#[case::istio_by_the_gateway_api(&ISTIO_HTTP_ROUTE, 50)]
fn requests_are_copied_to_the_canary_before_it_gets_any(#[case] plane: &DataPlane, #[case] planned: u32) {
    let Some(_sluice) = shared(plane.word) else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    let analysis = json!({"mirror": true, "mirrorWeight": planned});
    let canary = with(&plane.canary(&space, &[50]), &json!({"spec": {"analysis": analysis}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let copies = |seen: &crate::support::history::Seen| seen.number("stepIndex") == 1 && seen.is_due();
    history.first(mark, wait::STEP, "requests to be copied", copies);
    let (share, count) = copied(&space);
    assert_eq!(load.so_far().of("two"), 0, "an answer to a copy reached a user");
    facts::record(&format!("{}: copies of {planned} percent of the requests", plane.word), vec![share]);
    // A request more or less at each end of the count.
    let (planned, chance) = (f64::from(planned), tolerance(f64::from(planned), count));
    assert!((share - planned).abs() <= chance + 3.0, "{share:.1} % of the requests were copied");

    history.ends(mark, "Succeeded");
    all_follow(&history, mark, &load, &[50]);
    space.rests();
    plane.carries(&space, APP, (100, 0));
    load.sees("two");
    load.stop().nothing_lost(&format!("{}: a release that begins with copies", plane.word));
    assert!(!plane.route(&space, APP).unwrap().to_string().contains("irror"), "the copies are over");
}

#[rstest]
#[case::contour_by_its_http_proxy(&CONTOUR_HTTP_PROXY, false)]
#[case::contour_by_the_gateway_api(&CONTOUR_HTTP_ROUTE, true)]
#[case::istio_through_an_ingress_gateway(&ISTIO_INGRESS, true)]
fn blue_green_keeps_users_away_until_it_switches_all_at_once(
    #[case] plane: &DataPlane,
    #[case] mirror: bool,
) {
    let Some(_sluice) = shared(plane.word) else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    let analysis = json!({"stepWeights": null, "iterations": 2, "mirror": mirror});
    let canary = with(&plane.canary(&space, &[]), &json!({"spec": {"analysis": analysis}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let iterates = |seen: &crate::support::history::Seen| seen.number("iterations") == 1 && seen.is_due();
    history.first(mark, wait::STEP, "the first iteration", iterates);
    let (share, count) = copied(&space);
    if mirror {
        facts::record(&format!("{}: copies of all requests", plane.word), vec![share]);
        assert!(share > 90.0, "{share:.1} % of the requests were copied");
    } else {
        assert_eq!(count, 0, "somebody asked the canary");
    }
    let promoting = history.first(mark, wait::RUN, "the switch", |seen| seen.phase() == "Promoting");
    assert_eq!(promoting.weight(), 100);
    let before = load.between(promoting.at - Duration::from_secs(8), promoting.at);
    assert_eq!(before.of("two"), 0, "users met the new version before the switch: {before:?}");
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 100, 0]);
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    plane.carries(&space, APP, (100, 0));
    load.sees("two");
    load.stop().nothing_lost(&format!("{}: blue/green", plane.word));
}
