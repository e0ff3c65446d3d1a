//! Session affinity with real requests of users who keep their cookies.

use rstest::rstest;
use serde_json::{Value, json};

use super::routers::{LAG, RATE, space_on};
use crate::install::shared;
use crate::support::data_plane::{CONTOUR_HTTP_ROUTE, DataPlane, ISTIO_HTTP_ROUTE, ISTIO_INGRESS};
use crate::support::manifests::{podinfo, slow, with};
use crate::support::space::Space;
use crate::support::visitor::Visitor;
use crate::support::{facts, wait};

const USERS: usize = 30;
const RETURNS: usize = 4;

/// A canary at 40 % whose users are kept; with two cookies those of the primary too.
fn kept(plane: &DataPlane, space: &Space, two: bool) -> Value {
    let mut affinity = json!({"cookieName": "met-canary"});
    if two {
        affinity["primaryCookieName"] = json!("met-primary");
    }
    with(
        &plane.canary(space, &[40]),
        &json!({"spec": {"analysis": {"interval": "20s", "sessionAffinity": affinity}}}),
    )
}

/// Each user asks a number of times; whoever met the canary has to stay on it.
fn visit(users: &mut [Visitor], two: bool) -> usize {
    for user in users.iter_mut() {
        let answers: Vec<String> = (0..RETURNS).map(|_| user.ask()).collect();
        let first = answers.iter().position(|version| version == "two");
        let stayed = first.is_none_or(|first| answers[first..].iter().all(|version| version == "two"));
        assert!(stayed, "somebody who met the canary was sent back: {answers:?}");
        assert_eq!(user.cookie("met-canary").is_some(), first.is_some(), "{user:?} {answers:?}");
        if two {
            assert!(first.is_none_or(|first| first == 0), "somebody was drawn twice in a step: {answers:?}");
        }
    }
    users.iter().filter(|user| user.cookie("met-canary").is_some()).count()
}

#[rstest]
#[case::contour_with_one_cookie(&CONTOUR_HTTP_ROUTE, false)]
#[case::contour_with_two_cookies(&CONTOUR_HTTP_ROUTE, true)]
#[case::istio_with_one_cookie(&ISTIO_INGRESS, false)]
#[case::istio_with_two_cookies(&ISTIO_INGRESS, true)]
#[case::istio_by_the_gateway_api_with_two_cookies(&ISTIO_HTTP_ROUTE, true)]
fn who_met_the_canary_stays_on_it_until_the_cookie_goes_with_the_run(
    #[case] plane: &DataPlane,
    #[case] two: bool,
) {
    let Some(_sluice) = shared(plane.word) else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    let history = space.initialised(&podinfo("one"), &kept(plane, &space, two));
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 40 && seen.is_due());
    std::thread::sleep(LAG);
    let mut users: Vec<Visitor> = (0..USERS).map(|_| plane.visitor(&space)).collect();
    let met = visit(&mut users, two);
    assert!(met > 0 && met < USERS || !two, "{met} of {USERS} met the canary");
    let last = history.since(mark).last().map(|seen| seen.weight());
    assert_eq!(last, Some(40), "the step was over before all had asked");
    facts::record(
        &format!(
            "{}: users of {USERS} who met the canary at 40 percent, {} cookies",
            plane.word,
            1 + usize::from(two)
        ),
        vec![met],
    );

    history.ends(mark, "Succeeded");
    space.rests();
    std::thread::sleep(LAG);
    for user in &mut users {
        assert_eq!(user.ask(), "two");
        assert_eq!(user.cookie("met-canary"), None, "the cookie is left: {user:?}");
    }
    load.sees("two");
    load.stop().nothing_lost(&format!("{}: session affinity, {} cookies", plane.word, 1 + usize::from(two)));
}

#[test]
fn who_met_a_canary_that_is_taken_back_is_led_to_the_primary_and_loses_the_cookie() {
    let Some(_sluice) = shared("affinity, taken back") else { return };
    let plane: &DataPlane = &CONTOUR_HTTP_ROUTE;
    let Some((space, _turn)) = space_on(plane) else { return };
    let metrics = json!([{"name": "request-duration", "interval": "10s", "thresholdRange": {"max": 500}}]);
    let changes = json!({"spec": {"analysis": {"metrics": metrics, "threshold": 1}}});
    let history = space.initialised(&podinfo("one"), &with(&kept(plane, &space, false), &changes));
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&slow(&podinfo("two"))]);
    history.first(mark, wait::STEP, "the step", |seen| seen.weight() == 40 && seen.is_due());
    std::thread::sleep(LAG);
    let mut user = plane.visitor(&space);
    wait::until(wait::NOTICED, "somebody to meet the canary", || {
        let version = user.ask();
        if version == "two" { Ok(()) } else { Err(version) }
    });
    assert!(user.cookie("met-canary").is_some());
    history.ends(mark, "Failed");
    space.rests();
    assert_eq!(user.ask(), "one");
    assert_eq!(user.cookie("met-canary"), None);
    load.stop().nothing_lost("session affinity, taken back");
}
