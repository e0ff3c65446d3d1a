//! The API server evaluates our conditions and rules in CEL for writes of others as well: none of them ever errs, whatever an
//! object lacks, and the longest lists that the schema takes stay within the API server's budget.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::counts::{Counts, EXCLUDED};
use crate::support::manifests::{blue_green, podinfo, replicas, with};
use crate::support::space::Space;
use crate::support::writes::Server;
use crate::support::{api, facts, kubectl, switch};

/// Where the gate is never asked, so that only the schema speaks.
const UNWATCHED: &str = "kube-public";
const TIME: &str = "apiserver_admission_match_condition_evaluation_seconds_sum";
const ERRORS: &str = "apiserver_admission_match_condition_evaluation_errors_total";

fn sum(counts: &BTreeMap<String, f64>) -> f64 {
    counts.values().fold(0.0, |sum, count| sum + count)
}

/// Our webhooks by name.
fn webhooks() -> Vec<String> {
    let plurals = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    let all = plurals.map(|plural| api::get(plural, "", "sluice")["webhooks"].clone());
    let all = all.iter().filter_map(Value::as_array).flatten();
    all.map(|webhook| webhook["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What may carry our marks: plural, kind, a spec with the least that the kind takes, and a change of it.
fn marked() -> Vec<(&'static str, &'static str, &'static str, Value, Value)> {
    let app = replicas(&podinfo("one"), 0)["spec"].clone();
    let daemon = json!({
        "selector": app["selector"], "template": with(&app["template"], &json!({"spec": {"nodeSelector": {"no": "node"}}})),
    });
    let destination = json!({"host": "nobody"});
    let virtual_service =
        json!({"hosts": ["nobody.example.com"], "http": [{"route": [{"destination": destination}]}]});
    vec![
        ("deployments", "apps/v1", "Deployment", app, json!({"minReadySeconds": 1})),
        ("daemonsets", "apps/v1", "DaemonSet", daemon, json!({"minReadySeconds": 1})),
        (
            "services",
            "v1",
            "Service",
            json!({"ports": [{"port": 80}]}),
            json!({"publishNotReadyAddresses": true}),
        ),
        (
            "httproutes",
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            json!({}),
            json!({"hostnames": ["nobody.example.com"]}),
        ),
        (
            "httpproxies",
            "projectcontour.io/v1",
            "HTTPProxy",
            json!({}),
            json!({"ingressClassName": "nobodys"}),
        ),
        (
            "virtualservices",
            "networking.istio.io/v1",
            "VirtualService",
            virtual_service,
            json!({"exportTo": ["."]}),
        ),
        (
            "destinationrules",
            "networking.istio.io/v1",
            "DestinationRule",
            destination,
            json!({"exportTo": ["."]}),
        ),
    ]
}

/// Writes an object of each kind with and without each of our marks, changed and unchanged, and takes it away.
#[track_caller]
fn write_what_is_marked(server: &Server, space: &Space) {
    let label = json!({"sluice.dev/managed": "true"});
    let annotation = json!({"sluice.dev/canary": "nobody"});
    for (plural, version, kind, spec, change) in marked() {
        let object = json!({
            "apiVersion": version, "kind": kind, "metadata": {"name": "marked", "labels": label}, "spec": spec,
        });
        let created = server.create(plural, &space.namespace, &object).result;
        created.unwrap_or_else(|said| panic!("{kind}: {said}"));
        for change in [
            json!({"spec": change}),
            json!({"metadata": {"annotations": {"note": "of its user"}}}),
            json!({"metadata": {"annotations": annotation}}),
            json!({"metadata": {"annotations": null}}),
            json!({"metadata": {"labels": null}}),
            json!({"metadata": {"labels": label, "annotations": annotation}}),
        ] {
            api::merge(plural, &space.namespace, "marked", &change);
        }
        server.delete(plural, &space.namespace, "marked").result.unwrap();
    }
}

/// Creates, changes, leaves and deletes an object of each kind of ours.
#[track_caller]
fn write_our_own(server: &Server, space: &Space) {
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "ours"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"}, "query": "vector(1)"},
    });
    let provider = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": "ours"},
        "spec": {"type": "slack", "address": "http://hooks.monitoring/room"},
    });
    let canary = with(&blue_green(1), &json!({"metadata": {"name": "ours"}}));
    for (plural, object, change) in [
        ("canaries", canary, json!({"analysis": {"iterations": 2}})),
        ("metrictemplates", template, json!({"query": "vector(2)"})),
        ("alertproviders", provider, json!({"channel": "room"})),
    ] {
        let created = server.create(plural, &space.namespace, &object).result;
        created.unwrap_or_else(|said| panic!("{plural}: {said}"));
        for change in [json!({"spec": change}), json!({"metadata": {"labels": {"team": "shop"}}})] {
            api::merge(plural, &space.namespace, "ours", &change);
        }
        server.delete(plural, &space.namespace, "ours").result.unwrap();
    }
}

#[test]
fn no_condition_of_ours_ever_errs_whatever_an_object_lacks() {
    let Some(_sluice) = shared("match conditions") else { return };
    if !switch::gate() {
        return;
    }
    let server = Server::first();
    let before = Counts::now().evaluated();
    for mode in ["enforce", "warn"] {
        let space = Space::new("citizen");
        let label = format!("sluice.dev/gate={mode}");
        kubectl::kubectl(&["label", "namespace", &space.namespace, &label]).ok();
        write_what_is_marked(&server, &space);
        write_our_own(&server, &space);
    }
    let told = Counts::now();
    let after = told.evaluated();
    for name in webhooks() {
        let count = |counts: &BTreeMap<String, f64>| counts.get(&name).copied().unwrap_or_default();
        assert!(count(&after) > count(&before), "the conditions of {name} were not evaluated: {after:?}");
    }
    let (excluded, seconds) = (sum(&told.ours(EXCLUDED)), sum(&told.ours(TIME)));
    facts::record(
        "match conditions since the API server started: evaluations, microseconds of one that kept a webhook out, errors",
        json!([sum(&after), (seconds / excluded * 1e6).round(), sum(&told.ours(ERRORS))]),
    );
    facts::record(
        "writes since the API server started that it refused for our webhooks by cause, that it let pass without an answer",
        json!([
            told.by("apiserver_admission_webhook_rejection_count", "error_type"),
            told.ours("apiserver_admission_webhook_fail_open_count"),
        ]),
    );
    let errors = told.ours(ERRORS);
    assert!(errors.values().all(|count| *count == 0.0), "{errors:?}");
}

/// A Canary whose lists, about whose entries the schema's rules speak, are as long as the schema takes.
fn longest() -> Value {
    let entries = |word: &str| -> Value {
        let entry = |number: usize| (format!("{word}{number}"), json!({"exact": "a"}));
        (0..8).map(entry).collect::<serde_json::Map<_, _>>().into()
    };
    let (headers, parameters) = (entries("h"), entries("q"));
    let asked = json!({"headers": headers, "queryParams": parameters});
    let one = json!({"exact": "a"});
    let all = json!({
        "headers": headers, "queryParams": parameters, "withoutHeaders": headers,
        "authority": one, "method": one, "scheme": one, "uri": one,
    });
    let steps: Vec<usize> = (1..=100).collect();
    let changes = json!({
        "metadata": {"name": "longest"},
        "spec": {
            "service": {"match": vec![all; 256], "corsPolicy": {"allowOrigins": vec![one; 256]}},
            "analysis": {"iterations": null, "stepWeights": steps, "match": vec![asked; 256]},
        },
    });
    with(&blue_green(1), &changes)
}

#[test]
fn lists_as_long_as_the_schema_takes_stay_within_the_budget_of_its_rules() {
    let Some(_sluice) = shared("cost of the schema's rules") else { return };
    let longest = longest();
    let cel = |told: &Counts| {
        let metric = "apiserver_cel_evaluation_duration_seconds";
        (told.all(&format!("{metric}_count")), told.all(&format!("{metric}_sum")))
    };
    let before = cel(&Counts::now());
    api::dry_run("canaries", UNWATCHED, &longest).unwrap();
    let after = cel(&Counts::now());
    let (evaluations, seconds) = (after.0 - before.0, after.1 - before.1);
    facts::record(
        "a Canary with the longest lists against the schema's rules: its kilobytes, evaluations, microseconds of one",
        json!([longest.to_string().len() / 1000, evaluations, (seconds / evaluations * 1e6).round()]),
    );
    // A wrong step is found all the same: no rule was left out for want of budget.
    let wrong = with(&longest, &json!({"spec": {"analysis": {"stepWeights": [2, 1]}}}));
    let said = api::dry_run("canaries", UNWATCHED, &wrong).unwrap_err();
    assert!(said.contains("has to be greater than the one before it"), "{said}");
}
