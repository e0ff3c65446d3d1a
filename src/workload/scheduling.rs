//! Scheduling terms of a pod template that mean the target's own pods and have to mean the primary's in the primary.
//!
//! A term means them if it asks for the selector's label with the target's value: that is the one label that differs between
//! the two. The peer compares with the Deployment's name instead and looks at other keys too, so that a term is left alone
//! where name and value differ, and is made to match nothing where another key holds the name.

use serde_json::Value;

use super::Selector;

const AFFINITIES: [&str; 2] = ["podAffinity", "podAntiAffinity"];
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Turns the terms of a pod spec in `namespace` that mean the target's pods to the primary's. Doing it twice changes nothing.
pub(super) fn rewrite(spec: &mut Value, selector: &Selector, namespace: &str) {
    for constraint in list(spec.get_mut("topologySpreadConstraints")) {
        label_selector(constraint, selector);
    }
    let Some(affinity) = spec.get_mut("affinity") else { return };
    for of in AFFINITIES {
        let Some(affinity) = affinity.get_mut(of) else { continue };
        for term in list(affinity.get_mut(REQUIRED)) {
            pod_term(term, selector, namespace);
        }
        for preferred in list(affinity.get_mut(PREFERRED)) {
            if let Some(term) = preferred.get_mut("podAffinityTerm") {
                pod_term(term, selector, namespace);
            }
        }
    }
}

/// A term that looks only into other namespaces does not mean our pods, whatever their labels.
fn pod_term(term: &mut Value, selector: &Selector, namespace: &str) {
    let namespaces = term.get("namespaces").and_then(Value::as_array);
    let elsewhere = namespaces
        .is_some_and(|names| !names.is_empty() && !names.iter().any(|name| name.as_str() == Some(namespace)));
    if !elsewhere || term.get("namespaceSelector").is_some() {
        label_selector(term, selector);
    }
}

fn label_selector(holder: &mut Value, selector: &Selector) {
    let Some(labels) = holder.get_mut("labelSelector") else { return };
    if let Some(value) = labels.get_mut("matchLabels").and_then(|labels| labels.get_mut(&selector.key)) {
        replace(value, selector);
    }
    for expression in list(labels.get_mut("matchExpressions")) {
        if expression.get("key").and_then(Value::as_str) == Some(selector.key.as_str()) {
            list(expression.get_mut("values")).iter_mut().for_each(|value| replace(value, selector));
        }
    }
}

fn replace(value: &mut Value, selector: &Selector) {
    if value.as_str() == Some(selector.value.as_str()) {
        *value = selector.primary_value().into();
    }
}

fn list(value: Option<&mut Value>) -> &mut [Value] {
    value.and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}
