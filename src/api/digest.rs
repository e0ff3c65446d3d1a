//! A short fingerprint of JSON that does not depend on the order of keys.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// 16 lower-case hex digits of the SHA-256 of the value as compact JSON with sorted keys.
///
/// A field that is `null` counts as absent: writers of JSON disagree about them, the API server does not store them.
pub fn digest(value: &Value) -> String {
    digest_without(value, &[])
}

/// The same as if the field at this path were not there.
pub fn digest_without(value: &Value, path: &[&str]) -> String {
    let mut text = Vec::new();
    canonical(value, path, &mut text);
    digest_of(&text)
}

/// 16 lower-case hex digits of the SHA-256 of these bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().take(8).fold(String::with_capacity(16), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn canonical(value: &Value, without: &[&str], text: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let left_out = |key: &str| without == [key];
            let there = fields.iter().filter(|(key, value)| !value.is_null() && !left_out(key));
            let mut fields: Vec<_> = there.collect();
            fields.sort_unstable_by_key(|(key, _)| key.as_str());
            text.push(b'{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                scalar(key, text);
                text.push(b':');
                let below = without.split_first().filter(|(first, _)| *first == key);
                canonical(value, below.map_or(&[], |(_, rest)| rest), text);
            }
            text.push(b'}');
        }
        Value::Array(elements) => {
            text.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                canonical(element, &[], text);
            }
            text.push(b']');
        }
        value => scalar(value, text),
    }
}

/// Neither text nor numbers of JSON can fail to be written into memory.
fn scalar(value: &(impl Serialize + ?Sized), text: &mut Vec<u8>) {
    let _ = serde_json::to_writer(text, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_key_order_nor_nulls_count() {
        let one: Value = serde_json::from_str(r#"{"b":1,"a":{"y":null,"x":[1,2]}}"#).unwrap();
        assert_eq!(digest(&one), digest(&json!({"a": {"x": [1, 2]}, "b": 1})));
    }

    #[test]
    fn a_field_that_is_left_out_is_as_good_as_not_there() {
        let without = |value: Value| digest_without(&value, &["spec", "replicas"]);
        let bare = digest(&json!({"spec": {"a": 1, "b": {"replicas": 3}}, "replicas": 2}));
        assert_eq!(
            without(json!({"spec": {"a": 1, "replicas": 5, "b": {"replicas": 3}}, "replicas": 2})),
            bare
        );
        assert_eq!(without(json!({"spec": {"a": 1, "b": {"replicas": 3}}, "replicas": 2})), bare);
        assert_ne!(without(json!({"spec": {"a": 1, "replicas": 5}, "replicas": 2})), bare);
    }

    #[test]
    fn order_in_lists_and_values_count() {
        let base = digest(&json!({"a": [1, 2]}));
        assert_eq!(base.len(), 16);
        assert_ne!(base, digest(&json!({"a": [2, 1]})));
        assert_ne!(base, digest(&json!({"a": ["1", 2]})));
        assert_ne!(base, digest(&json!({"b": [1, 2]})));
    }
}
