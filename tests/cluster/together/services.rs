//! The Services of a Canary: a user's own one is taken over without a gap, and the canary's serves during an analysis only.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::endpoints::{self, Looks};
use crate::support::load::Load;
use crate::support::manifests::{APP, PORT, blue_green, canary, podinfo, replicas, users_route, with};
use crate::support::space::Space;
use crate::support::{api, facts, wait};

const RATE: u32 = 40;

/// An app that serves with a Service of its user before there is a Canary.
fn app_of_a_user() -> (Value, Value) {
    // Two pods, because one is not ready whenever a probe comes late.
    let app = replicas(&podinfo("one"), 2);
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": APP, "labels": {"team": "shop"}, "annotations": {"example.com/owner": "shop"}},
        "spec": {
            "type": "NodePort",
            "selector": {"app": APP},
            "externalTrafficPolicy": "Local",
            "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
        },
    });
    (app, service)
}

/// Brings it to serve, and load on it.
fn served(space: &Space, app: &Value, service: &Value) -> Load {
    space.apply(&[app, service]);
    space.kubectl(&["rollout", "status", "deployment", APP, "--timeout=25s"]).ok();
    let load = Load::on_url(&space.service_url(APP), RATE);
    load.answered("one");
    load
}

#[test]
fn an_existing_service_is_adopted_with_its_addresses_and_foreign_fields_and_never_without_ready_endpoints() {
    let Some(_sluice) = shared("adoption") else { return };
    let space = Space::new("adopt");
    let (app, service) = app_of_a_user();
    let load = served(&space, &app, &service);
    let before = api::get("services", &space.namespace, APP);
    let looks = Looks::at(&space.namespace, APP);

    space.initialised(&app, &blue_green(2));
    let after = api::get("services", &space.namespace, APP);
    assert_eq!(after["spec"]["selector"]["app"], "podinfo-primary");
    for kept in [
        "/metadata/uid",
        "/metadata/labels/team",
        "/metadata/annotations/example.com~1owner",
        "/spec/type",
        "/spec/clusterIP",
        "/spec/clusterIPs",
        "/spec/externalTrafficPolicy",
        "/spec/ports/0/nodePort",
    ] {
        assert!(before.pointer(kept).is_some(), "{kept} is not there before");
        assert_eq!(before.pointer(kept), after.pointer(kept), "{kept} was not kept");
    }
    let (all, without) = looks.stop();
    facts::record("adoption of a Service: looks at its endpoints, looks that saw none", vec![all, without]);
    assert!(all > 20, "{all} looks");
    assert_eq!(without, 0, "of {all} looks at the Service");
    load.stop().nothing_lost("adoption of a Service");
}

/// What leads visitors is replaced under them: a proxy that does not know the new backends yet would answer with errors.
#[test]
fn an_existing_route_is_adopted_and_given_back_and_no_request_is_lost() {
    let Some(_sluice) = shared("adoption of a route") else { return };
    let space = Space::new("users-route");
    let (app, service) = app_of_a_user();
    let route = users_route(&space.host(), &json!([{"backendRefs": [{"name": APP, "port": PORT}]}]));
    space.apply(&[&app, &service, &route]);
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    space.initialised(&app, &canary(&space.host(), &[50]));
    space.rests();
    let backends = api::get("httproutes", &space.namespace, APP)["spec"]["rules"][0]["backendRefs"].clone();
    let shares = [0, 1, 2].map(|place| backends[place]["weight"].as_i64());
    assert_eq!(shares, [Some(0), Some(0), Some(100)], "primary, canary and apex in {backends}");
    space.kubectl(&["delete", "canary", APP, "--wait=false"]).ok();
    wait::until(wait::PODS, "the Canary to be gone", || match api::find("canaries", &space.namespace, APP) {
        None => Ok(()),
        Some(canary) => Err(canary["status"]["lastDecision"].to_string()),
    });
    let rules = api::get("httproutes", &space.namespace, APP)["spec"]["rules"].clone();
    let backends = rules[0]["backendRefs"].as_array().map(Vec::len);
    assert_eq!((&rules[0]["backendRefs"][0]["name"], backends), (&json!(APP), Some(1)));
    load.stop().nothing_lost("a user's route, adopted and given back");
}

#[test]
fn skipped_analysis_loses_no_request_from_the_first_day_to_a_promotion() {
    let Some(_sluice) = shared("skipAnalysis from the first day") else { return };
    let space = Space::new("firstday");
    let (app, service) = app_of_a_user();
    let load = served(&space, &app, &service);
    let canary = with(&blue_green(2), &json!({"spec": {"skipAnalysis": true}}));
    let history = space.initialised(&app, &canary);
    let mark = history.mark();
    space.apply(&[&replicas(&podinfo("two"), 2)]);
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    load.sees("two");
    load.stop().nothing_lost("skipAnalysis: initialisation and promotion");
}

#[test]
fn the_address_of_the_canary_serves_during_the_analysis_only() {
    let Some(_sluice) = shared("the canary's address") else { return };
    let space = Space::new("address");
    let history = space.initialised(&podinfo("one"), &blue_green(2));
    let name = format!("{APP}-canary");
    assert_eq!(endpoints::ready(&space.namespace, &name), 0, "before the analysis");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.first(mark, wait::STEP, "an iteration", |seen| seen.number("iterations") > 0);
    let load = Load::on_url(&space.service_url(&name), RATE);
    load.answered("two");
    drop(load);
    history.ends(mark, "Succeeded");
    space.rests();
    assert_eq!(endpoints::ready(&space.namespace, &name), 0, "after the analysis");
}
