//! Weights by a step and a maximum, and the way back to the primary in steps of its own.

use serde_json::json;

use super::routers::{RATE, all_follow};
use crate::install::shared;
use crate::support::data_plane::CONTOUR_HTTP_ROUTE;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo, replicas, with};
use crate::support::space::Space;
use crate::support::wait;

#[test]
fn w_ctl_6_a_run_rises_by_its_step_to_the_maximum_and_traffic_returns_by_the_step_of_the_promotion() {
    let Some(_sluice) = shared("a step and a maximum") else { return };
    let space = Space::new("stepwise");
    let steps = json!({"stepWeights": null, "stepWeight": 40, "maxWeight": 60, "stepWeightPromotion": 50, "metrics": null});
    let canary = with(&canary(&space.host(), &[]), &json!({"spec": {"analysis": steps}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");

    let mark = history.mark();
    // No autoscaler: the wish for a second pod is the primary's with the promotion, and no sooner.
    space.apply(&[&replicas(&podinfo("two"), 2)]);
    history.first(mark, wait::RUN, "the last step", |seen| seen.weight() == 60 && seen.is_due());
    let primary = || space.deployment("podinfo-primary")["spec"]["replicas"].clone();
    assert_eq!(primary(), 1);
    history.first(mark, wait::RUN, "a part of the traffic to return", |seen| {
        seen.phase() == "Promoting" && seen.weight() == 10
    });
    CONTOUR_HTTP_ROUTE.carries(&space, APP, (90, 10));
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 40, 60, 10, 0]);
    all_follow(&history, mark, &load, &[40, 60]);
    space.rests();
    assert_eq!((space.version("podinfo-primary"), primary()), ("two".to_owned(), 2.into()));
    load.sees("two");
    load.stop().nothing_lost("a release by step and maximum, and back by a step");
}
