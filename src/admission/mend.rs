//! Stand-ins for what cannot be read, so that the rules speak about the rest of an object in the same answer.
//!
//! A stand-in breaks no rule: what is said about its place afterwards is said about nothing, and is to be dropped.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value, json};

use super::schema::{field, is_whole, wrong_type};

/// Stand-ins that no schema could know: rules give a provider that is not served the benefit of the doubt, a Deployment has
/// everything that a target can have, and a run needs a step.
const BETTER: [(&str, &str); 3] = [
    ("spec.provider", r#""linkerd""#),
    ("spec.targetRef.kind", r#""Deployment""#),
    ("spec.analysis.stepWeights", "[1]"),
];
/// Text that is a name and neither an address nor a duration.
const TEXT: &str = "unknown";

/// Puts a stand-in in the place of everything that does not have its field's type and of what is missing. Returns the places,
/// `spec.analysis.metrics[0].name`.
pub(super) fn mend(schema: &JSONSchemaProps, object: &mut Value) -> Vec<String> {
    let mut places = Vec::new();
    walk(schema, object, "", &mut places);
    places
}

fn walk(schema: &JSONSchemaProps, value: &mut Value, path: &str, places: &mut Vec<String>) {
    if value.is_null() {
        // As if it were absent; where it may not be, it has its stand-in already.
        return;
    }
    if !is_readable(schema, value) {
        *value = stand_in(schema, value, path);
        places.push(path.to_owned());
    }
    match value {
        Value::Object(map) => {
            let properties = schema.properties.as_ref();
            for name in schema.required.iter().flatten() {
                let inner = properties.and_then(|properties| properties.get(name));
                if let Some(inner) = inner.filter(|_| map.get(name).is_none_or(Value::is_null)) {
                    let path = field(path, name);
                    map.insert(name.clone(), stand_in(inner, &Value::Null, &path));
                    places.push(path);
                }
            }
            for (name, value) in map {
                match (properties.and_then(|known| known.get(name)), &schema.additional_properties) {
                    (Some(schema), _) => walk(schema, value, &field(path, name), places),
                    (None, Some(JSONSchemaPropsOrBool::Schema(schema))) => {
                        walk(schema, value, &format!("{path}[{name}]"), places)
                    }
                    (None, _) => {}
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                for (index, item) in items.iter_mut().enumerate() {
                    walk(schema, item, &format!("{path}[{index}]"), places);
                }
            }
        }
        _ => {}
    }
}

/// Whether the value can be read as what the schema says, be it sensible or not.
fn is_readable(schema: &JSONSchemaProps, value: &Value) -> bool {
    let among = |words: &Vec<_>| words.iter().any(|word: &JSON| word.0 == *value);
    wrong_type(schema, value).is_none()
        && schema.enum_.as_ref().is_none_or(among)
        && (!is_count(schema) || is_whole(value) && value.as_f64().is_some_and(fits))
}

/// Whether the field holds a whole number.
fn is_count(schema: &JSONSchemaProps) -> bool {
    schema.type_.as_deref() == Some("integer") || schema.multiple_of == Some(1.0)
}

fn fits(number: f64) -> bool {
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number)
}

fn stand_in(schema: &JSONSchemaProps, value: &Value, path: &str) -> Value {
    if let Some((_, better)) = BETTER.iter().find(|(place, _)| *place == path) {
        return serde_json::from_str(better).unwrap_or_default();
    }
    let words = schema.enum_.iter().flatten();
    if let Some(word) = words.map(|word| &word.0).find(|word| word.as_str() != Some("")) {
        return word.clone();
    }
    match schema.type_.as_deref() {
        Some("object") => Map::new().into(),
        Some("array") => json!([]),
        Some("string") => TEXT.into(),
        Some("boolean") => false.into(),
        _ => {
            // A fraction is nearly what was meant; of anything else one is the number that means least.
            let wished = value.as_f64().filter(|number| fits(*number)).unwrap_or(1.0).ceil();
            wished.max(schema.minimum.unwrap_or(f64::MIN)).min(schema.maximum.unwrap_or(f64::MAX)).into()
        }
    }
}
