//! What is ours stays as we left it, whoever changes it while nothing is released.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::command::Outcome;
use crate::support::manifests::{APP, PORT, canary, podinfo, users_route};
use crate::support::space::Space;
use crate::support::{api, kubectl, switch, wait};

/// Checks what a writer was told, where the gate is there to tell it.
#[track_caller]
fn told(outcome: Outcome, sentence: &str) {
    assert!(outcome.success, "{}", outcome.text());
    if switch::gate() {
        assert!(outcome.stderr.contains(sentence), "`{sentence}` is missing in:\n{}", outcome.text());
    }
}

#[test]
fn the_weights_of_a_route_stay_or_are_put_right_and_what_others_add_stays_where_it_may() {
    let Some(_sluice) = shared("drift of the route") else { return };
    let space = Space::new("drift");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let mut route = api::get("httproutes", &space.namespace, APP);
    let rule = &mut route["spec"]["rules"][0];
    for backend in rule["backendRefs"].as_array_mut().unwrap() {
        backend["weight"] = 50.into();
    }
    let header = json!([{"name": "x-team", "value": "shop"}]);
    rule["filters"] = json!([{"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": header}}]);
    let written = kubectl::write(&space.namespace, &["replace", "--output=json"], &[&route]);
    // The answer to the write: soon after, the controller applies its route anew.
    let stored: Value = serde_json::from_str(&written.stdout).unwrap_or_default();
    told(written, "keeps the weights of podinfo-primary and podinfo-canary, which Canary podinfo moves");
    if switch::gate() {
        let stored = &stored["spec"]["rules"][0];
        assert_eq!(stored["filters"][0]["requestHeaderModifier"]["add"], header, "{stored}");
        assert_eq!(space.route(), (100, 0));
    }
    wait::until(wait::NOTICED, "the route to be as we left it", || {
        let weights = space.route();
        if weights == (100, 0) { Ok(()) } else { Err(format!("{weights:?}")) }
    });
}

/// A route that GitOps owns says what it said before there was a Canary, again and again.
#[test]
fn a_users_route_that_is_applied_again_in_mid_run_keeps_the_step() {
    let Some(_sluice) = shared("a user's route in mid-run") else { return };
    let space = Space::new("gitops");
    let rules = json!([
        {"matches": [{"path": {"type": "PathPrefix", "value": "/help"}}], "backendRefs": [{"name": "help", "port": 80}]},
        {"backendRefs": [{"name": APP, "port": PORT}]},
    ]);
    let route = users_route(&space.host(), &rules);
    let words = ["apply", "--server-side", "--force-conflicts", "--field-manager=gitops"];
    kubectl::write(&space.namespace, &words, &[&route]).ok();
    // Contour calls a route unresolved as long as any of its Services is missing.
    let help = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "help"}, "spec": {"ports": [{"port": 80}]}});
    space.apply(&[&help]);
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20 && seen.is_due());
    let weights = || {
        let backends =
            api::get("httproutes", &space.namespace, APP)["spec"]["rules"][1]["backendRefs"].clone();
        (backends[0]["weight"].clone(), backends[1]["weight"].clone())
    };
    wait::until(wait::NOTICED, "the route to stand at the step", || {
        let seen = weights();
        if seen == (80.into(), 20.into()) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    let written = kubectl::write(&space.namespace, &words, &[&route]);
    told(written, "keeps the weights of podinfo-primary and podinfo-canary");
    if switch::gate() {
        assert_eq!(weights(), (80.into(), 20.into()), "the write was let through as it was");
    }
    history.ends(mark, "Succeeded");
    let raised: Vec<i64> =
        history.weights(mark).into_iter().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, [20, 50], "the write moved the run");
    let help = &api::get("httproutes", &space.namespace, APP)["spec"]["rules"][0]["backendRefs"][0]["name"];
    assert_eq!(help, "help", "a foreign rule was touched");
}

#[test]
fn selector_and_ports_of_the_apex_stay_or_are_put_right_and_the_rest_is_the_writers() {
    let Some(_sluice) = shared("drift of the Service") else { return };
    let space = Space::new("selector");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let before = api::get("services", &space.namespace, APP)["spec"].clone();
    assert_eq!(before["selector"]["app"], "podinfo-primary");
    let change = json!({"spec": {
        "selector": {"app": APP},
        "sessionAffinity": "ClientIP",
        "ports": [{"name": "http", "port": PORT, "targetPort": 1}, {"name": "other", "port": 81}],
    }});
    let words = ["patch", "service", APP, "--type=merge", "--patch", &change.to_string()];
    told(
        space.kubectl(&words),
        "keeps its selector and port 9898/TCP, by which clients reach what Canary podinfo releases",
    );
    let ours = |spec: &Value| (spec["selector"].clone(), spec["ports"][0]["targetPort"].clone());
    if switch::gate() {
        let stored = api::get("services", &space.namespace, APP)["spec"].clone();
        assert_eq!(ours(&stored), ours(&before), "the write was let through as it was");
        assert_eq!(
            (&stored["sessionAffinity"], &stored["ports"][1]["port"]),
            (&json!("ClientIP"), &json!(81))
        );
    }
    wait::until(wait::NOTICED, "the Service to be as we left it", || {
        let spec = api::get("services", &space.namespace, APP)["spec"].clone();
        if ours(&spec) == ours(&before) { Ok(()) } else { Err(spec.to_string()) }
    });
}

#[test]
fn who_deletes_a_service_or_a_route_is_told_and_it_comes_back() {
    let Some(_sluice) = shared("a deleted Service") else { return };
    let space = Space::new("ways");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    for (plural, kind) in [("services", "Service"), ("httproutes", "HTTPRoute")] {
        let uid = || api::find(plural, &space.namespace, APP).map(|object| object["metadata"]["uid"].clone());
        let before = uid();
        told(
            space.kubectl(&["delete", plural, APP]),
            &format!("SL604 metadata.name: {kind} podinfo leads to what"),
        );
        wait::until(wait::NOTICED, &format!("the {kind} to come back"), || {
            let now = uid();
            if now.is_some() && now != before { Ok(()) } else { Err(format!("{now:?}")) }
        });
    }
}
