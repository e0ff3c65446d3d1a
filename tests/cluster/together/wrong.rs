//! Canaries that the peer takes and then hangs on, jumps with or promotes unseen. Here they are refused; where nobody asks the
//! gate they are left alone, say why, and stop nobody else. The table is in `docs/wrong-behaviour.md`.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::history::History;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, canary_for, named, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, switch, wait};

use super::gate::{apply, contains_all};
use super::modes;

/// A name, what is wrong, and the rule that refuses it.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let steps = |change: Value| {
        with(&json!({"spec": {"analysis": {"stepWeights": null}}}), &json!({"spec": {"analysis": change}}))
    };
    let metric = |name: &str, range: Value| json!({"spec": {"analysis": {"metrics": [{"name": name, "interval": "10s", "thresholdRange": range}]}}});
    vec![
        ("twice", json!({"spec": {"analysis": {"stepWeights": [10, 10, 50]}}}), "SL404"),
        ("nothing", steps(json!({"stepWeight": 0, "maxWeight": 50})), "SL404"),
        ("negative", steps(json!({"stepWeight": -10, "maxWeight": 50})), "SL404"),
        ("beyond", steps(json!({"stepWeight": 60, "maxWeight": 150})), "SL405"),
        ("fraction", steps(json!({"stepWeight": 2.5, "maxWeight": 50})), "SL001"),
        ("unreadable", json!({"spec": {"analysis": {"interval": "10seconds"}}}), "SL002"),
        ("no-rate", metric("request-success-rate", Value::Null), "SL422"),
        ("no-duration", metric("request-duration", Value::Null), "SL422"),
        ("unknown", metric("request-sucess-rate", json!({"min": 99})), "SL421"),
        ("no-gateway", json!({"spec": {"service": {"gatewayRefs": null}}}), "SL302"),
    ]
}

/// A Canary with a host and a name of its own.
fn wrong(space: &Space, name: &str, change: &Value) -> Value {
    let host = format!("{name}.{}", space.host());
    with(&canary_for(&canary(&host, &[20, 50]), name), change)
}

#[test]
fn w_ctl_10_a_canary_that_could_never_do_what_it_says_is_refused_with_the_rule() {
    let Some(_sluice) = shared("Canaries that lead nowhere") else { return };
    if !switch::gate() {
        return;
    }
    let space = Space::new("nowhere");
    for (name, change, rule) in refused() {
        let said = apply(&space, &[&wrong(&space, name, &change)]).refused();
        contains_all(&said, &[rule, name]);
    }
    assert!(api::list("canaries", &space.namespace).is_empty(), "a refused Canary was stored");
}

#[test]
fn w_ctl_10_a_canary_that_slipped_in_is_left_alone_says_its_rule_and_stops_no_other() {
    let Some(_sluice) = shared("Canaries that slipped in") else { return };
    let space = Space::new("slipped");
    modes::silent(&space);
    let mut stored = Vec::new();
    for (name, change, rule) in refused() {
        space.apply(&[&named(&podinfo(name), name)]);
        // What the schema knows is refused even so: that part of the gate is never away.
        if apply(&space, &[&wrong(&space, name, &change)]).success {
            stored.push((name, rule, History::of(&space.namespace, name)));
        }
    }
    let names: Vec<&str> = stored.iter().map(|(name, ..)| *name).collect();
    for name in ["no-rate", "no-duration", "unknown", "no-gateway"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    for (name, rule, history) in &stored {
        let told = history.wait(wait::NOTICED, &format!("{name} to say why it does not run"), |seen| {
            seen.condition("Ready")["message"].to_string().contains(rule)
        });
        assert_eq!(told.phase(), "", "{}", told.line());
    }
    // One that is right comes after all of them, and runs.
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[50]));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::NOTICED, "the right one to run", |seen| seen.phase() == "Progressing");
    for name in names {
        assert_eq!(space.deployment(name)["spec"]["replicas"], 1, "the target of {name} was touched");
        let primary = api::find("deployments", &space.namespace, &format!("{name}-primary"));
        assert!(primary.is_none(), "something was made for {name}");
    }
}

#[test]
fn w_api_2_what_is_taken_as_something_else_is_told_when_it_is_written() {
    let Some(_sluice) = shared("coercions") else { return };
    let space = Space::new("taken");
    space.apply(&[&podinfo("one")]);
    let large = json!({"spec": {"analysis": {"stepWeights": null, "stepWeight": 150, "maxWeight": 50}}});
    let gone = json!({"name": "errors", "interval": "10s", "templateRef": {"name": "gone"}, "thresholdRange": {"max": 1}});
    let template = json!({"spec": {"analysis": {"metrics": [gone]}}});
    let short = json!({"spec": {"analysis": {"interval": "1s"}}});
    for (change, parts) in
        [(&large, &["SL408", "150", "50"][..]), (&template, &["SL502", "gone"]), (&short, &["SL401", "10s"])]
    {
        let said = space.apply(&[&with(&canary(&space.host(), &[20, 50]), change)]);
        if switch::gate() {
            contains_all(&said, &[&["Warning:"], parts].concat());
        }
        space.kubectl(&["delete", "canary", APP]).ok();
    }
}

#[test]
fn w_ctl_11_a_step_above_the_maximum_is_the_maximum() {
    let Some(_sluice) = shared("a step above the maximum") else { return };
    let space = Space::new("capped");
    let large = json!({"spec": {"analysis": {"stepWeights": null, "stepWeight": 150, "maxWeight": 50}}});
    let history = space.initialised(&podinfo("one"), &with(&canary(&space.host(), &[]), &large));
    let load = Load::on_host(&space.host(), 20);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    assert_eq!(history.weights(mark), [0, 50, 0]);
    load.stop().nothing_lost("a step above the maximum");
}

#[test]
fn a_missing_template_is_named_by_the_run_and_never_taken_for_a_bad_value() {
    let Some(_sluice) = shared("a missing template") else { return };
    let space = Space::new("template");
    let gone = json!({"name": "errors", "interval": "10s", "templateRef": {"name": "gone"}, "thresholdRange": {"max": 1}});
    let change = json!({"spec": {"analysis": {"metrics": [gone]}}});
    let history = space.initialised(&podinfo("one"), &with(&canary(&space.host(), &[20, 50]), &change));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let checked = history.first(mark, wait::STEP, "the first check", |seen| seen.number("failedChecks") == 1);
    let check = &checked.canary["status"]["checks"][0];
    assert_eq!(check["outcome"], "Unanswered", "{check}");
    assert!(check["message"].to_string().contains("gone"), "{check}");
    // It comes before the threshold is reached, and the run goes on.
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "gone"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"}, "query": "vector(0)"},
    });
    space.apply(&[&template]);
    history.ends(mark, "Succeeded");
}

#[test]
fn the_younger_of_two_canaries_on_one_target_makes_nothing_and_its_end_takes_nothing_away() {
    let Some(_sluice) = shared("the younger Canary") else { return };
    let space = Space::new("younger");
    let first = canary(&space.host(), &[20, 50]);
    space.initialised(&podinfo("one"), &first);
    modes::silent(&space);
    let load = Load::on_host(&space.host(), 20);
    load.answered("one");
    let change =
        json!({"metadata": {"name": "second"}, "spec": {"service": {"hosts": ["other.example.com"]}}});
    space.apply(&[&with(&first, &change)]);
    let history = History::of(&space.namespace, "second");
    history.wait(wait::NOTICED, "the younger one to yield", |seen| {
        seen.condition("Ready")["message"].to_string().contains("SL102")
    });
    let hosts = || api::get("httproutes", &space.namespace, APP)["spec"]["hostnames"].clone();
    assert_eq!(hosts(), json!([space.host()]), "the younger one wrote the route of the older one");
    let primary = || space.deployment("podinfo-primary")["metadata"]["uid"].clone();
    let before = primary();
    space.kubectl(&["delete", "canary", "second"]).ok();
    wait::stays(std::time::Duration::from_secs(10), "the primary of the older one", || {
        let now = primary();
        if now == before { Ok(()) } else { Err(now.to_string()) }
    });
    load.stop().nothing_lost("a younger Canary that came and went");
}
