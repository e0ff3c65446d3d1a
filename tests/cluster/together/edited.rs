//! A Canary that is edited in the middle of a run: its share never jumps, nothing starts over, and nothing old is left behind.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::history::History;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, switch, wait};

use super::gate::{apply, contains_all};
use super::modes;

/// A run at the step of 20 %, the Canary, what was seen of it and from when on.
fn at_twenty(word: &str, steps: &[u32]) -> (Space, Value, History, usize) {
    let space = Space::new(word);
    let canary = canary(&space.host(), steps);
    let history = space.initialised(&podinfo("one"), &canary);
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "20 %", |seen| seen.weight() == 20 && seen.is_due());
    (space, canary, history, mark)
}

#[test]
fn w_ctl_11_steps_that_are_edited_in_mid_run_never_make_the_share_jump() {
    let Some(_sluice) = shared("edited steps") else { return };
    let (space, canary, history, mark) = at_twenty("steps", &[10, 20, 50]);
    let edited = with(&canary, &json!({"spec": {"analysis": {"stepWeights": [5, 15, 30, 50]}}}));
    let said = space.apply(&[&edited]);
    if switch::gate() {
        contains_all(&said, &["Warning:", "SL112", "the canary stays at 20 %", "30 % is next"]);
    }
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 10, 20, 30, 50, 0]);
}

#[test]
fn w_rt_3_hosts_that_are_edited_in_mid_run_take_effect_and_move_no_step() {
    let Some(_sluice) = shared("edited hosts") else { return };
    let (space, canary, history, mark) = at_twenty("hosts", &[20, 50]);
    let load = Load::on_host(&space.host(), 20);
    load.answered("one");
    let second = format!("second.{}", space.host());
    space.apply(&[&with(&canary, &json!({"spec": {"service": {"hosts": [space.host(), second]}}}))]);
    let at_new_host = Load::on_host(&second, 20);
    at_new_host.answered("two");
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 20, 50, 0], "the analysis started over");
    load.stop().nothing_lost("hosts edited in mid-run");
    at_new_host.stop().nothing_lost("the host that came in mid-run");
}

#[test]
fn w_rt_19_a_service_keeps_its_name_in_mid_run() {
    let Some(_sluice) = shared("a renamed Service") else { return };
    let (space, canary, history, mark) = at_twenty("renamed", &[20, 50]);
    if switch::gate() {
        let renamed = with(&canary, &json!({"spec": {"service": {"name": "shop"}}}));
        contains_all(&apply(&space, &[&renamed]).refused(), &["SL101", "spec.service.name"]);
    }
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 20, 50, 0]);
    assert!(api::find("services", &space.namespace, "shop").is_none());
}

#[test]
fn w_ctl_1_a_forbidden_reference_that_comes_in_mid_run_is_never_used_and_the_run_goes_on_without_it() {
    let Some(_sluice) = shared("a forbidden reference in mid-run") else { return };
    let other = Space::new("theirs");
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "errors"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"}, "query": "vector(0)"},
    });
    other.apply(&[&template]);
    let (space, canary, history, mark) = at_twenty("crossing", &[20, 50]);
    modes::silent(&space);
    let reference = json!({"name": "errors", "namespace": other.namespace});
    let metric = json!([{"name": "errors", "interval": "10s", "thresholdRange": {"max": 1}, "templateRef": reference}]);
    space.apply(&[&with(&canary, &json!({"spec": {"analysis": {"metrics": metric}}}))]);
    let told = history.first(mark, wait::NOTICED, "the Canary to say what is forbidden", |seen| {
        seen.condition("Ready")["message"].to_string().contains("SL501")
    });
    assert_eq!(told.weight(), 20, "{}", told.line());
    assert_eq!(space.route(), (80, 20), "traffic stays where it was");
    space.apply(&[&canary]);
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 20, 50, 0]);
    assert!(space.deployment(APP)["metadata"]["name"].is_string());
}
