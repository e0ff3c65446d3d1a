//! A/B runs with real requests: by headers and by cookies, through every data plane of the bed.

use rstest::rstest;
use serde_json::{Value, json};

use super::routers::{RATE, space_on};
use crate::install::shared;
use crate::support::data_plane::{
    CONTOUR_HTTP_PROXY, CONTOUR_HTTP_ROUTE, DataPlane, ISTIO_HTTP_ROUTE, ISTIO_INGRESS, ISTIO_MESH,
};
use crate::support::manifests::{APP, podinfo, with};
use crate::support::visitor::Visitor;
use crate::support::wait;

/// Who is chosen: by the value of a header, by a cookie, or by how a header begins.
fn chosen() -> Value {
    json!([
        {"headers": {"x-insider": {"exact": "yes"}}},
        {"headers": {"cookie": {"regex": "^(.*; ?)?insider=yes(;.*)?$"}}},
        {"headers": {"x-client": {"regex": "^beta-.*"}, "x-region": {"exact": "north"}}},
    ])
}

#[rstest]
#[case::contour_by_its_http_proxy(&CONTOUR_HTTP_PROXY)]
#[case::contour_by_the_gateway_api(&CONTOUR_HTTP_ROUTE)]
#[case::istio_through_an_ingress_gateway(&ISTIO_INGRESS)]
#[case::istio_in_the_mesh_only(&ISTIO_MESH)]
#[case::istio_by_the_gateway_api(&ISTIO_HTTP_ROUTE)]
fn w_rt_14_each_way_to_match_is_enough_and_nobody_else_meets_the_canary(#[case] plane: &DataPlane) {
    let Some(_sluice) = shared(plane.word) else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    let analysis = json!({"stepWeights": null, "iterations": 2, "match": chosen()});
    let canary = with(&plane.canary(&space, &[]), &json!({"spec": {"analysis": analysis}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");

    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "those who match to be led to the canary", |seen| {
        seen.weight() == 100 && seen.is_due()
    });
    let somebody = || plane.visitor(&space);
    let answers = |visitor: Visitor| -> Vec<String> {
        let mut visitor = visitor;
        (0..5).map(|_| visitor.ask()).collect()
    };
    // A proxy has a route some time after its object says so.
    wait::until(wait::NOTICED, "the proxy to have the route", || {
        let seen = answers(somebody().with("x-insider", "yes"));
        if seen == ["two"; 5] { Ok(()) } else { Err(seen.join(" ")) }
    });
    let by_client = |client: &str, region: &str| somebody().with("x-client", client).with("x-region", region);
    for visitor in [
        somebody().with("x-insider", "yes"),
        somebody().with_cookie("insider", "yes"),
        somebody().with_cookie("a", "1").with_cookie("insider", "yes").with_cookie("z", "9"),
        by_client("beta-7", "north"),
    ] {
        assert_eq!(answers(visitor.clone()), ["two"; 5], "{visitor:?} matches");
    }
    for visitor in [
        somebody(),
        somebody().with("x-insider", "no"),
        somebody().with_cookie("outsider", "yes"),
        somebody().with_cookie("insider", "yes-and-no"),
        by_client("beta-7", "south"),
        by_client("stable", "north"),
    ] {
        assert_eq!(answers(visitor.clone()), ["one"; 5], "{visitor:?} does not match");
    }
    let others = load.so_far();
    assert_eq!(others.of("two"), 0, "users who do not match met the canary: {others:?}");
    assert_eq!(
        history.since(mark).last().map(|seen| seen.phase().to_owned()).as_deref(),
        Some("Progressing")
    );

    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    plane.carries(&space, APP, (100, 0));
    load.sees("two");
    assert_eq!(somebody().with("x-insider", "yes").ask(), "two");
    load.stop().nothing_lost(&format!("{}: an A/B run", plane.word));
}
