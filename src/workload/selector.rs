//! The label by which the pods of target and primary are told apart.

use std::collections::BTreeMap;

use serde_json::Value;

use super::WorkloadError;
use crate::api::{Object, ObjectRef, at};

/// Most characters of a label value.
const LABEL_VALUE: usize = 63;

/// A label key of the target's `spec.selector.matchLabels` with its value, which need not be the target's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The label's key.
    pub key: String,
    /// The label's value on the target's pods.
    pub value: String,
    /// Further candidate keys that the target selects by, where the value is its name or the one above: its pods are told
    /// from those of other workloads by them too.
    pub also: BTreeMap<String, String>,
}

impl Selector {
    /// The first of the candidate keys that the target selects by.
    ///
    /// # Errors
    /// None of the keys is there, or the value leaves no room for `-primary`.
    pub fn of(target: &Object, candidates: &[String]) -> Result<Selector, WorkloadError> {
        let labels = at(target, &["spec", "selector", "matchLabels"]);
        let mut found = candidates.iter().map(|key| key.trim()).filter_map(|key| {
            let value = labels?.get(key).and_then(Value::as_str)?;
            Some((key.to_owned(), value.to_owned()))
        });
        let named = || {
            let ObjectRef { kind, name, .. } = ObjectRef::of(target);
            format!("{kind} {name}")
        };
        let Some((key, value)) = found.next() else {
            return Err(WorkloadError::NoSelector { target: named(), candidates: candidates.to_vec() });
        };
        let name = at(target, &["metadata", "name"]).and_then(Value::as_str).unwrap_or_default();
        let means = |of: &str| of == name || of == value;
        let also = found
            .filter(|(other, of)| *other != key && means(of) && primary(of).len() <= LABEL_VALUE)
            .collect();
        let selector = Selector { key, value, also };
        if selector.primary_value().len() > LABEL_VALUE {
            return Err(WorkloadError::LongLabel {
                target: named(),
                key: selector.key,
                value: selector.value,
            });
        }
        Ok(selector)
    }

    /// The label's value on the primary's pods.
    pub fn primary_value(&self) -> String {
        primary(&self.value)
    }

    /// The labels by which the target's pods are told from all others and from the primary's: key and value.
    pub fn identity(&self) -> impl Iterator<Item = (&str, &str)> {
        let also = self.also.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        std::iter::once((self.key.as_str(), self.value.as_str())).chain(also)
    }
}

/// The value of an identifying label on the primary's pods.
pub(super) fn primary(value: &str) -> String {
    format!("{value}-primary")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn deployment(labels: serde_json::Value) -> Object {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "shop"},
            "spec": {"selector": {"matchLabels": labels}, "template": {}},
        })
    }

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[rstest]
    #[case::first_in_flag_order_wins(json!({"name": "n", "app": "a"}), &["app", "name"], "app", "a")]
    #[case::later_candidate(json!({"name": "n"}), &["app", "name"], "name", "n")]
    #[case::spaces_in_the_flag(json!({"name": "n"}), &["app", " name"], "name", "n")]
    #[case::value_is_not_the_name(json!({"app": "frontend", "tier": "web"}), &["app"], "app", "frontend")]
    fn the_first_candidate_key_is_chosen(
        #[case] labels: serde_json::Value,
        #[case] candidates: &[&str],
        #[case] key: &str,
        #[case] value: &str,
    ) {
        let selector = Selector::of(&deployment(labels), &keys(candidates)).unwrap();
        assert_eq!((selector.key.as_str(), selector.value.as_str()), (key, value));
        assert_eq!(selector.primary_value(), format!("{value}-primary"));
    }

    #[test]
    fn without_a_candidate_the_error_names_all_of_them() {
        let error = Selector::of(&deployment(json!({"tier": "web"})), &keys(&["app", "name"])).unwrap_err();
        insta::assert_snapshot!(error, @"Deployment shop: none of the labels app, name stands in spec.selector.matchLabels; use one of them, or add yours to --selector-labels");
    }

    #[test]
    fn w_obj_13_a_value_that_leaves_no_room_for_the_suffix_is_refused_early() {
        let fits = "v".repeat(55);
        assert!(Selector::of(&deployment(json!({"app": fits})), &keys(&["app"])).is_ok());
        let error =
            Selector::of(&deployment(json!({"app": format!("{fits}v")})), &keys(&["app"])).unwrap_err();
        assert!(matches!(error, WorkloadError::LongLabel { .. }), "{error}");
    }
}
