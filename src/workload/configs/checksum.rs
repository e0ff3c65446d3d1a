//! The checksum of a config's content: the peer's, byte for byte, so that what stands in a status of its counts after a
//! take-over; with `binaryData`, which the peer does not see, behind it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::api::{Object, digest::digest_of};

/// 16 lower-case hex digits of a SHA-256 over `data`, and over `binaryData` if there is any.
pub fn checksum(object: &Object) -> String {
    let mut text = String::new();
    write(object.get("data"), &mut text);
    if object.get("binaryData").and_then(Value::as_object).is_some_and(|map| !map.is_empty()) {
        write(object.get("binaryData"), &mut text);
    }
    digest_of(text.as_bytes())
}

/// A map of texts as Go writes it: compact, keys sorted, `<`, `>`, `&` and two line separators escaped; no map is `null`.
fn write(map: Option<&Value>, text: &mut String) {
    let Some(map) = map.and_then(Value::as_object).filter(|map| !map.is_empty()) else {
        return text.push_str("null");
    };
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| key.as_str());
    text.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        quote(key, text);
        text.push(':');
        quote(value.as_str().unwrap_or_default(), text);
    }
    text.push('}');
}

fn quote(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
