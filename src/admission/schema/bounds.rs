//! How many entries lists and maps may have, and an object without those beyond it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

/// Entries that a list or map may have where the schema names no bound: what nobody writes by hand, and what keeps the work of
/// a review bounded.
pub(super) const ENTRIES: i64 = 1_000;

/// The value without the entries that lists and maps have beyond their bounds, which was told already; none if there are no such.
pub(in super::super) fn bounded(schema: &JSONSchemaProps, value: &Value) -> Option<Value> {
    exceeds(schema, value).then(|| {
        let mut value = value.clone();
        cut(schema, &mut value);
        value
    })
}

fn exceeds(schema: &JSONSchemaProps, value: &Value) -> bool {
    match value {
        Value::Array(items) => {
            items.len() as i64 > schema.max_items.unwrap_or(ENTRIES)
                || item(schema).is_some_and(|schema| items.iter().any(|item| exceeds(schema, item)))
        }
        Value::Object(map) => {
            map.len() as i64 > schema.max_properties.unwrap_or(ENTRIES)
                || map
                    .iter()
                    .any(|(name, value)| property(schema, name).is_some_and(|schema| exceeds(schema, value)))
        }
        _ => false,
    }
}

fn cut(schema: &JSONSchemaProps, value: &mut Value) {
    let most = |bound: Option<i64>| usize::try_from(bound.unwrap_or(ENTRIES)).unwrap_or(usize::MAX);
    match value {
        Value::Array(items) => {
            items.truncate(most(schema.max_items));
            if let Some(schema) = item(schema) {
                items.iter_mut().for_each(|item| cut(schema, item));
            }
        }
        Value::Object(map) => {
            let known = schema.properties.as_ref();
            let mut room = most(schema.max_properties);
            map.retain(|name, value| {
                // Fields that the schema knows stay, whatever stands beside them.
                let stays = room > 0 || known.is_some_and(|known| known.contains_key(name));
                room = room.saturating_sub(1);
                if let Some(schema) = property(schema, name).filter(|_| stays) {
                    cut(schema, value);
                }
                stays
            });
        }
        _ => {}
    }
}

/// The schema of a list's entries.
fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(schema) => Some(schema),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

/// The schema of a field or of a map's entry.
fn property<'a>(schema: &'a JSONSchemaProps, name: &str) -> Option<&'a JSONSchemaProps> {
    let known = schema.properties.as_ref().and_then(|known| known.get(name));
    known.or(match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(schema)) => Some(schema),
        _ => None,
    })
}
