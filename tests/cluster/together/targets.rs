//! Targets beside a plain Deployment: a DaemonSet, and a Deployment whose replicas an autoscaler sets.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, daemon_set, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, wait};

const RATE: u32 = 40;
const PRIMARY: &str = "podinfo-primary";

#[test]
fn a_daemon_set_is_raised_promoted_and_rests_by_its_node_selector() {
    let Some(_sluice) = shared("a DaemonSet") else { return };
    let space = Space::new("daemonset");
    let canary = with(&canary(&space.host(), &[50]), &json!({"spec": {"targetRef": {"kind": "DaemonSet"}}}));
    let template =
        |name: &str| api::get("daemonsets", &space.namespace, name)["spec"]["template"]["spec"].clone();
    let selector = |name: &str| template(name)["nodeSelector"].clone();
    let idle = json!({"flagger.app/scale-to-zero": "true"});
    let history = space.initialised(&daemon_set(&podinfo("one")), &canary);
    assert_eq!((selector(APP), selector(PRIMARY)), (idle.clone(), Value::Null));

    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&daemon_set(&podinfo("two"))]);
    history.first(mark, wait::STEP, "the step at 50 %", |seen| seen.weight() == 50 && seen.is_due());
    assert_ne!(selector(APP), idle, "its pods run");
    load.sees("two");
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!((selector(APP), selector(PRIMARY)), (idle, Value::Null));
    assert_eq!(template(PRIMARY)["containers"][0]["env"][0]["value"], "two");
    load.stop().nothing_lost("a DaemonSet");
}

#[test]
fn the_primarys_autoscaler_follows_the_users_in_seconds_without_a_run_and_a_release_ends_with_it() {
    let Some(_sluice) = shared("an autoscaler") else { return };
    let space = Space::new("autoscaler");
    let autoscaler = |least: i64, most: i64| {
        json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
                "minReplicas": least,
                "maxReplicas": most,
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 90},
                }}],
            },
        })
    };
    // As with any autoscaler, the manifest does not say how many.
    let app = |version: &str| with(&podinfo(version), &json!({"spec": {"replicas": null}}));
    let named = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": APP});
    let canary = with(&canary(&space.host(), &[50]), &json!({"spec": {"autoscalerRef": named}}));
    space.apply(&[&autoscaler(1, 3)]);
    let history = space.initialised(&app("one"), &canary);
    let copy = || api::get("horizontalpodautoscalers", &space.namespace, PRIMARY)["spec"].clone();
    assert_eq!(copy()["scaleTargetRef"]["name"], PRIMARY);

    let mark = history.mark();
    space.apply(&[&autoscaler(2, 4)]);
    wait::until(wait::NOTICED, "the primary's autoscaler to follow", || {
        let bounds = (copy()["minReplicas"].clone(), copy()["maxReplicas"].clone());
        if bounds == (json!(2), json!(4)) { Ok(()) } else { Err(format!("{bounds:?}")) }
    });
    let ready = || space.deployment(PRIMARY)["status"]["readyReplicas"].clone();
    wait::until(wait::PODS, "the autoscaler to give the primary a second pod", || {
        if ready() == 2 { Ok(()) } else { Err(ready().to_string()) }
    });
    assert!(history.phases(mark).iter().all(|phase| phase == "Initialized"), "{:?}", history.phases(mark));
    assert_eq!(space.deployment(APP)["spec"]["replicas"], 0, "the resting target was scaled");

    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&app("two")]);
    history.first(mark, wait::STEP, "the step at 50 %", |seen| seen.weight() == 50 && seen.is_due());
    assert_eq!(space.deployment(APP)["spec"]["replicas"], 2, "a run begins with the least allowed");
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version(PRIMARY), "two");
    assert_eq!(ready(), 2);
    load.stop().nothing_lost("an autoscaler");
}
