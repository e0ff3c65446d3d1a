//! Scheduling terms of a pod template that mean the target's own pods and have to mean the primary's in the primary.
//!
//! Changed is, in each pod anti-affinity term (required and preferred) and each topology spread constraint, the `matchLabels`
//! entry or the first value of a match expression that asks for a label of [`Selector::identity`] with the target's value:
//! `-primary` goes behind it, as it does on the pods of the primary. So a term that selected the target's pods selects the
//! primary's, and they spread among themselves.
//!
//! All else stays, for these reasons. A label that pods of target and primary share (one that is no selector label, or that the
//! target does not select by) means the primary's pods as it is: the peer changes it too, and the term then matches nothing.
//! Terms that only look into other namespaces do not mean our pods. Pod affinity may mean that the primary is to run beside
//! other workloads of its name, and node affinity asks for labels of nodes.

use serde_json::Value;

use super::Selector;
use crate::api::Object;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Turns the terms of a pod spec in `namespace` that mean the target's pods to the primary's. Doing it twice changes nothing.
pub(super) fn rewrite(spec: &mut Value, selector: &Selector, namespace: &str) {
    for constraint in list(spec.get_mut("topologySpreadConstraints")) {
        label_selector(constraint, selector);
    }
    let affinity = spec.get_mut("affinity").and_then(|affinity| affinity.get_mut("podAntiAffinity"));
    let Some(affinity) = affinity else { return };
    for term in list(affinity.get_mut(REQUIRED)) {
        pod_term(term, selector, namespace);
    }
    for preferred in list(affinity.get_mut(PREFERRED)) {
        if let Some(term) = preferred.get_mut("podAffinityTerm") {
            pod_term(term, selector, namespace);
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

/// Whether pods of the target have to run beside pods of the target (required pod affinity): a term that stays as it is, so that
/// the primary's pods wait for those of a target that idles.
pub fn needs_its_own_pods(target: &Object, selector: &Selector, namespace: &str) -> bool {
    let terms = target.pointer(&format!("/spec/template/spec/affinity/podAffinity/{REQUIRED}"));
    let means_own = |term: &Value| {
        let mut turned = term.clone();
        pod_term(&mut turned, selector, namespace);
        turned != *term
    };
    terms.and_then(Value::as_array).into_iter().flatten().any(means_own)
}

fn label_selector(holder: &mut Value, selector: &Selector) {
    let Some(labels) = holder.get_mut("labelSelector") else { return };
    for (key, value) in selector.identity() {
        let entry = labels.get_mut("matchLabels").and_then(|labels| labels.get_mut(key));
        if let Some(entry) = entry.filter(|entry| entry.as_str() == Some(value)) {
            *entry = super::selector::primary(value).into();
        }
        for expression in list(labels.get_mut("matchExpressions")) {
            if expression.get("key").and_then(Value::as_str) == Some(key) {
                let mut values = list(expression.get_mut("values")).iter_mut();
                if let Some(entry) = values.find(|entry| entry.as_str() == Some(value)) {
                    *entry = super::selector::primary(value).into();
                }
            }
        }
    }
}

fn list(value: Option<&mut Value>) -> &mut [Value] {
    value.and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}
