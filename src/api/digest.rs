//! A short fingerprint of JSON that does not depend on the order of keys.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// 16 lower-case hex digits of the SHA-256 of the value as compact JSON with sorted keys.
///
/// A field that is `null` counts as absent: writers of JSON disagree about them, the API server does not store them.
pub fn digest(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    digest_of(text.as_bytes())
}

/// 16 lower-case hex digits of the SHA-256 of these bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().take(8).fold(String::with_capacity(16), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(element, text);
            }
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
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
    fn order_in_lists_and_values_count() {
        let base = digest(&json!({"a": [1, 2]}));
        assert_eq!(base.len(), 16);
        assert_ne!(base, digest(&json!({"a": [2, 1]})));
        assert_ne!(base, digest(&json!({"a": ["1", 2]})));
        assert_ne!(base, digest(&json!({"b": [1, 2]})));
    }
}
