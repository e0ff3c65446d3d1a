//! Where the primary's pods go: the three forms of a term, and what a term means.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::canary;
use crate::{
    api::Object,
    workload::{Selector, Snapshot, kind::KINDS, render_primary},
};

/// A workload `cider` that selects its pods by these labels, and whose pods have more of them.
fn workload(match_labels: &Value, pod_labels: &Value, spec: &Value) -> Object {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cider", "namespace": "orchard"},
        "spec": {
            "selector": {"matchLabels": match_labels},
            "template": {"metadata": {"labels": pod_labels}, "spec": spec},
        },
    })
}

fn template(target: &Object, flag: &[&str]) -> Value {
    let keys: Vec<String> = flag.iter().map(|key| (*key).to_owned()).collect();
    let selector = Selector::of(target, &keys).unwrap();
    let kind = KINDS.iter().copied().find(|kind| target["kind"] == kind.name().as_str()).unwrap();
    let snapshot = Snapshot::of_target(kind, target).unwrap();
    render_primary(kind, &canary(json!({"port": 80})), &snapshot, &selector, None, &[])["spec"]["template"]
        .clone()
}

const DEFAULT: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

fn preferred(selector: &Value) -> Value {
    json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 100, "podAffinityTerm": {"labelSelector": selector, "topologyKey": "topology.kubernetes.io/zone"}},
    ]}}})
}

fn required(selector: &Value) -> Value {
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": selector, "topologyKey": "topology.kubernetes.io/zone"},
    ]}}})
}

fn spread(selector: &Value) -> Value {
    json!({"topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector},
    ]})
}

#[rstest]
fn faq_the_first_value_of_a_match_expression_that_names_the_target_gets_the_suffix(
    #[values(preferred, required, spread)] form: fn(&Value) -> Value,
    #[values("In", "NotIn")] operator: &str,
) {
    let term = |value: &str| {
        form(&json!({"matchExpressions": [
            {"key": "app", "operator": operator, "values": ["other", value]},
            {"key": "tier", "operator": operator, "values": ["cider"]},
        ]}))
    };
    let labels = json!({"app": "cider"});
    let primary = template(&workload(&labels, &labels, &term("cider")), &DEFAULT);
    assert_eq!(primary["spec"], term("cider-primary"));
}

#[rstest]
fn faq_a_match_label_with_a_different_selector_label_gets_the_suffix_and_so_do_the_pods(
    #[values(preferred, required, spread)] form: fn(&Value) -> Value,
) {
    let term = |value: &str| form(&json!({"matchLabels": {"affinity": value}}));
    let labels = json!({"app": "cider", "affinity": "cider"});
    let target = workload(&labels, &labels, &term("cider"));
    let primary = template(&target, &["app", "affinity"]);
    assert_eq!(primary["spec"], term("cider-primary"));
    assert_eq!(primary["metadata"]["labels"], json!({"app": "cider-primary", "affinity": "cider-primary"}));
}

#[rstest]
fn w_obj_7_a_term_of_a_daemon_set_that_names_the_target_means_the_primary_in_the_primary(
    #[values(preferred, required, spread)] form: fn(&Value) -> Value,
) {
    let term = |value: &str| form(&json!({"matchLabels": {"app": value}}));
    let labels = json!({"app": "cider"});
    let mut target = workload(&labels, &labels, &term("cider"));
    target["kind"] = json!("DaemonSet");
    let primary = template(&target, &DEFAULT);
    assert_eq!(primary["spec"], term("cider-primary"));
    assert_eq!(primary["metadata"]["labels"], json!({"app": "cider-primary"}));
}

#[test]
fn a_label_that_the_flag_does_not_name_means_the_pods_of_both() {
    let term = preferred(&json!({"matchLabels": {"affinity": "cider"}}));
    let labels = json!({"app": "cider", "affinity": "cider"});
    let primary = template(&workload(&labels, &labels, &term), &DEFAULT);
    assert_eq!(primary["spec"], term);
    assert_eq!(primary["metadata"]["labels"], json!({"app": "cider-primary", "affinity": "cider"}));
}

#[test]
fn a_selector_label_that_only_the_pods_have_stays_so_that_policies_go_on_finding_them() {
    let term = preferred(&json!({"matchLabels": {"app.kubernetes.io/name": "cider"}}));
    let labels = json!({"app": "cider", "app.kubernetes.io/name": "cider"});
    let primary = template(&workload(&json!({"app": "cider"}), &labels, &term), &DEFAULT);
    assert_eq!(primary["spec"], term);
    assert_eq!(primary["metadata"]["labels"]["app.kubernetes.io/name"], "cider");
}

#[test]
fn pod_affinity_and_node_affinity_stay_as_they_are() {
    let affinity = json!({"affinity": {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "cider"}}},
        ]},
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["cider"]}]},
        ]}},
    }});
    let labels = json!({"app": "cider"});
    assert_eq!(template(&workload(&labels, &labels, &affinity), &DEFAULT)["spec"], affinity);
}

/// Whether a label selector selects pods with these labels, as the API has it.
fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let value = |key: &Value| labels.get(key.as_str().unwrap());
    let equal = |(key, wanted): (&String, &Value)| labels.get(key).map(String::as_str) == wanted.as_str();
    let holds = |expression: &Value| {
        let found = value(&expression["key"]);
        let listed = || {
            let values = expression["values"].as_array().unwrap();
            found.is_some_and(|found| values.iter().any(|value| value == found))
        };
        match expression["operator"].as_str().unwrap() {
            "In" => listed(),
            "NotIn" => !listed(),
            _ => found.is_some(),
        }
    };
    selector["matchLabels"].as_object().into_iter().flatten().all(equal)
        && selector["matchExpressions"].as_array().into_iter().flatten().all(holds)
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["app", "name", "affinity", "tier"]).prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["cider", "press", "other"]).prop_map(str::to_owned)
}

fn label_selector() -> impl Strategy<Value = Value> {
    let expression =
        (key(), prop::sample::select(vec!["In", "NotIn", "Exists"]), prop::collection::vec(word(), 1..3))
            .prop_map(|(key, operator, values)| match operator {
                "Exists" => json!({"key": key, "operator": operator}),
                _ => json!({"key": key, "operator": operator, "values": values}),
            });
    (prop::collection::btree_map(key(), word(), 0..3), prop::collection::vec(expression, 0..3))
        .prop_map(|(labels, expressions)| json!({"matchLabels": labels, "matchExpressions": expressions}))
}

fn texts(labels: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(labels.clone()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_term_that_selected_the_targets_pods_selects_the_primarys_in_the_primary(
        app in word(),
        more in prop::collection::btree_map(key(), word(), 0..4),
        chosen in prop::collection::btree_set(key(), 0..4),
        selector in label_selector(),
        flag in prop::sample::select(vec![
            vec!["app"], vec!["app", "affinity"], vec!["name", "app"], vec!["app", "name", "affinity", "tier"],
        ]),
    ) {
        let mut labels = more;
        labels.insert("app".to_owned(), app);
        let match_labels: BTreeMap<_, _> =
            labels.iter().filter(|(key, _)| *key == "app" || chosen.contains(*key)).collect();
        let target = workload(&json!(match_labels), &json!(labels), &required(&selector));
        let primary = template(&target, &flag);
        let term = &primary["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
        prop_assert!(
            !selects(&selector, &labels)
                || selects(&term["labelSelector"], &texts(&primary["metadata"]["labels"]))
        );
    }
}
