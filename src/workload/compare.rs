//! Whether an apply would change anything.

use serde_json::Value;

/// Whether every field that is wished for stands in the live object with an equal value.
///
/// Objects are compared by key, lists by length and place, numbers by value, quantities as text. A wish for null, `{}` or `[]`
/// is no wish, as the API server drops most of them. More in the live object (defaults of any version, fields of others) is no
/// difference; so this does not see that a wish shrank, which is what the fingerprint of
/// [`owned::seal`](crate::api::owned::seal) is for.
pub fn contains(live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (_, desired) if is_void(desired) => true,
        (Value::Object(live), Value::Object(desired)) => desired
            .iter()
            .all(|(key, wish)| live.get(key).map_or_else(|| is_void(wish), |live| contains(live, wish))),
        (Value::Array(live), Value::Array(desired)) => {
            live.len() == desired.len() && live.iter().zip(desired).all(|(live, wish)| contains(live, wish))
        }
        (Value::Number(live), Value::Number(desired)) => live == desired || live.as_f64() == desired.as_f64(),
        (live, desired) => live == desired,
    }
}

/// Whether a wish asks for nothing.
fn is_void(wish: &Value) -> bool {
    match wish {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_void),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::defaults_were_added(json!({"a": 1, "b": 2}), json!({"a": 1}), true)]
    #[case::missing(json!({}), json!({"a": 1}), false)]
    #[case::other_value(json!({"a": "1"}), json!({"a": 1}), false)]
    #[case::numbers_by_value(json!({"a": 1}), json!({"a": 1.0}), true)]
    #[case::quantities_as_text(json!({"cpu": "1"}), json!({"cpu": "1000m"}), false)]
    #[case::null(json!({}), json!({"a": null}), true)]
    #[case::null_over_something(json!({"a": 1}), json!({"a": null}), true)]
    #[case::empty_map(json!({}), json!({"a": {}}), true)]
    #[case::nested_empty_maps(json!({}), json!({"a": {"b": {}, "c": null}}), true)]
    #[case::empty_list(json!({"a": null}), json!({"a": []}), true)]
    #[case::empty_list_over_something(json!({"a": [1]}), json!({"a": []}), true)]
    #[case::defaults_inside_elements(json!([{"name": "a", "protocol": "TCP"}]), json!([{"name": "a"}]), true)]
    #[case::one_more_element(json!([{"name": "a"}, {"name": "b"}]), json!([{"name": "a"}]), false)]
    #[case::other_order(json!([1, 2]), json!([2, 1]), false)]
    fn an_apply_that_would_change_nothing_is_told(
        #[case] live: Value,
        #[case] desired: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(contains(&live, &desired), expected);
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4i64).prop_map(Value::from),
            "[ab]".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// What server-side apply makes of an object of which nobody else owns a field: maps merge, the rest is replaced.
    pub(crate) fn apply(live: &Value, desired: &Value) -> Value {
        match (live, desired) {
            (Value::Object(live), Value::Object(desired)) => {
                let mut merged = live.clone();
                for (key, wish) in desired {
                    let value = live.get(key).map_or_else(|| wish.clone(), |live| apply(live, wish));
                    merged.insert(key.clone(), value);
                }
                Value::Object(merged)
            }
            (_, desired) => desired.clone(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn everything_contains_itself(value in json_value()) {
            prop_assert!(contains(&value, &value));
        }

        #[test]
        fn what_was_applied_is_contained(live in json_value(), desired in json_value()) {
            prop_assert!(contains(&apply(&live, &desired), &desired));
        }

        #[test]
        fn a_live_object_that_grows_still_contains_what_it_did(
            live in json_value(),
            desired in json_value(),
            key in "[e-h]",
            more in json_value(),
        ) {
            let mut grown = live.clone();
            if let Some(fields) = grown.as_object_mut() {
                fields.insert(key, more);
            }
            prop_assert!(!contains(&live, &desired) || contains(&grown, &desired));
        }

        #[test]
        fn containment_is_transitive(a in json_value(), b in json_value(), c in json_value()) {
            prop_assert!(!(contains(&a, &b) && contains(&b, &c)) || contains(&a, &c));
        }
    }
}
