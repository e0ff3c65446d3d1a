//! Walks an object along its CRD schema and tells everything that does not fit, in words for people.
//!
//! The API server does the same later, but stops the write before the rules could speak; the gate comes first and tells both
//! at once. CEL expressions of the schema are not evaluated here: each has a rule of its own. Unknown fields are not told: the
//! API server prunes them, and kubectl names them before.

mod bounds;

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::Regex;
use serde_json::{Map, Value};

use bounds::ENTRIES;
pub(super) use bounds::bounded;

/// The patterns that were asked for; the schemas have a few dozen, and reading one takes longer than all else in a review.
static PATTERNS: LazyLock<RwLock<HashMap<String, Option<Regex>>>> = LazyLock::new(RwLock::default);

/// One place where an object does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, `spec.analysis.metrics[0].name`.
    pub path: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// The way out, without a full stop.
    pub fix: String,
}

/// All places where the value does not fit. `path` is the value's own place, empty for a whole object.
pub fn violations(schema: &JSONSchemaProps, value: &Value, path: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    walk(schema, value, path, &mut found);
    found
}

fn walk(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut Vec<Violation>) {
    if value.is_null() {
        // The API server drops a null where the field may be absent; where it may not, `required` has spoken already.
        return;
    }
    if let Some(wanted) = wrong_type(schema, value) {
        return found.push(at(path, format!("{} is not {wanted}", plain(value)), format!("Write {wanted}")));
    }
    match value {
        Value::Object(map) => object(schema, map, path, found),
        Value::Array(items) => array(schema, items, path, found),
        Value::String(text) => string(schema, text, path, found),
        Value::Number(number) => numeric(schema, number.as_f64().unwrap_or_default(), path, found),
        Value::Bool(_) | Value::Null => {}
    }
    if let Some(words) = &schema.enum_
        && !words.iter().any(|word| word.0 == *value)
    {
        let words: Vec<String> =
            words.iter().filter(|w| w.0.as_str() != Some("")).map(|w| plain(&w.0)).collect();
        let message = format!("{} is not a value of this field", plain(value));
        found.push(at(path, message, format!("Write one of {}", words.join(", "))));
    }
    choices(schema, value, path, found);
}

fn at(path: &str, message: impl Into<String>, fix: impl Into<String>) -> Violation {
    Violation { path: path.to_owned(), message: message.into(), fix: fix.into() }
}

/// The type that the value should have and has not, in words. An integral float is a whole number, as it is for the API server.
pub(super) fn wrong_type(schema: &JSONSchemaProps, value: &Value) -> Option<&'static str> {
    if schema.x_kubernetes_int_or_string == Some(true) {
        let fits = value.is_string() || is_whole(value);
        return (!fits).then_some("a whole number or text");
    }
    let (fits, wanted) = match schema.type_.as_deref()? {
        "object" => (value.is_object(), "an object"),
        "array" => (value.is_array(), "a list"),
        "string" => (value.is_string(), "text"),
        "boolean" => (value.is_boolean(), "true or false"),
        "number" => (value.is_number(), "a number"),
        "integer" => (is_whole(value), "a whole number"),
        _ => return None,
    };
    (!fits).then_some(wanted)
}

pub(super) fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn object(schema: &JSONSchemaProps, map: &Map<String, Value>, path: &str, found: &mut Vec<Violation>) {
    for name in schema.required.iter().flatten() {
        if map.get(name).is_none_or(Value::is_null) {
            found.push(at(&field(path, name), "this field is missing", "Add it"));
        }
    }
    let (count, most) = (map.len() as i64, schema.max_properties.unwrap_or(ENTRIES));
    if count > most {
        return found.push(at(path, format!("{count} entries are too many"), format!("Keep at most {most}")));
    }
    for (name, value) in map {
        match (schema.properties.as_ref().and_then(|known| known.get(name)), &schema.additional_properties) {
            (Some(schema), _) => walk(schema, value, &field(path, name), found),
            (None, Some(JSONSchemaPropsOrBool::Schema(schema))) => {
                walk(schema, value, &format!("{path}[{name}]"), found)
            }
            (None, _) => {}
        }
    }
}

pub(super) fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn array(schema: &JSONSchemaProps, items: &[Value], path: &str, found: &mut Vec<Violation>) {
    let count = items.len() as i64;
    let most = schema.max_items.unwrap_or(ENTRIES);
    if count > most {
        // Beyond the bound the entries are not read: this is what the bound is for.
        return found.push(at(path, format!("{count} entries are too many"), format!("Keep at most {most}")));
    }
    if let Some(least) = schema.min_items.filter(|least| count < *least) {
        found.push(at(path, format!("{count} entries are too few"), format!("Write at least {least}")));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            walk(schema, item, &format!("{path}[{index}]"), found);
        }
    }
}

fn string(schema: &JSONSchemaProps, text: &str, path: &str, found: &mut Vec<Violation>) {
    let length = text.chars().count() as i64;
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        let message = format!("{length} characters are too many");
        return found.push(at(path, message, format!("Write at most {most}")));
    }
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        let message =
            if text.is_empty() { "it is empty".into() } else { format!("{length} characters are too few") };
        found.push(at(path, message, format!("Write at least {least}")));
    } else if let Some(pattern) = &schema.pattern
        && !matches(pattern, text)
    {
        let message = format!("{} does not have the form of this field", plain(&text.into()));
        found.push(at(path, message, format!("Write text that matches {pattern}")));
    }
}

/// Whether the text is of a pattern; one that is no pattern fits everything.
fn matches(pattern: &str, text: &str) -> bool {
    let fits = |known: &Option<Regex>| known.as_ref().is_none_or(|regex| regex.is_match(text));
    if let Some(known) = PATTERNS.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return fits(known);
    }
    let regex = Regex::new(pattern).ok();
    let fitted = fits(&regex);
    PATTERNS.write().unwrap_or_else(PoisonError::into_inner).insert(pattern.to_owned(), regex);
    fitted
}

fn numeric(schema: &JSONSchemaProps, number: f64, path: &str, found: &mut Vec<Violation>) {
    if let Some(unit) = schema.multiple_of.filter(|unit| *unit != 0.0 && (number / unit).fract() != 0.0) {
        let (message, fix) = match unit {
            1.0 => (format!("{number} is not a whole number"), "Write a whole number".to_owned()),
            _ => (format!("{number} is not a multiple of {unit}"), format!("Write a multiple of {unit}")),
        };
        return found.push(at(path, message, fix));
    }
    let below = schema.minimum.filter(|least| match schema.exclusive_minimum {
        Some(true) => number <= *least,
        _ => number < *least,
    });
    let above = schema.maximum.filter(|most| match schema.exclusive_maximum {
        Some(true) => number >= *most,
        _ => number > *most,
    });
    if below.is_none() && above.is_none() {
        return;
    }
    let fix = match (schema.minimum, schema.maximum) {
        (Some(least), Some(most)) => format!("Write a number from {least} to {most}"),
        (Some(least), None) if schema.exclusive_minimum == Some(true) => format!("Write more than {least}"),
        (Some(least), None) => format!("Write {least} or more"),
        (_, most) => format!("Write {} or less", most.unwrap_or_default()),
    };
    found.push(at(path, format!("{number} is out of range"), fix));
}

/// `oneOf`, `anyOf`, `allOf` and `not`; alternatives that only demand fields are told as the choice that they are.
fn choices(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut Vec<Violation>) {
    for part in schema.all_of.iter().flatten() {
        walk(part, value, path, found);
    }
    let fitting = |parts: &[JSONSchemaProps]| {
        parts.iter().filter(|part| violations(part, value, path).is_empty()).count()
    };
    if let Some(parts) = &schema.one_of
        && fitting(parts) != 1
    {
        found.push(choice(parts, value, path, "exactly one"));
    }
    if let Some(parts) = &schema.any_of
        && fitting(parts) == 0
    {
        found.push(choice(parts, value, path, "at least one"));
    }
    if let Some(part) = &schema.not
        && violations(part, value, path).is_empty()
    {
        let names = part.required.iter().flatten().cloned().collect::<Vec<_>>().join(" and ");
        let message = if names.is_empty() {
            "it must not be like this".into()
        } else {
            format!("{names} cannot be set together")
        };
        found.push(at(path, message, "Remove one of them"));
    }
}

fn choice(parts: &[JSONSchemaProps], value: &Value, path: &str, how_many: &str) -> Violation {
    let demands = |part: &JSONSchemaProps| part.required.clone().unwrap_or_default();
    let common = |name: &String| parts.iter().all(|part| demands(part).contains(name));
    let mut names: Vec<String> = parts.iter().flat_map(demands).filter(|name| !common(name)).collect();
    names.dedup();
    if names.is_empty() {
        return at(path, "it fits none of the forms of this field", "Write one of its forms");
    }
    let set: Vec<&str> = names.iter().map(String::as_str).filter(|name| value.get(name).is_some()).collect();
    let message = match set.as_slice() {
        [] => format!("none of {} is set", names.join(", ")),
        set => format!("{} cannot be told apart", set.join(" and ")),
    };
    at(path, message, format!("Set {how_many} of {}", names.join(", ")))
}

/// A value as it stands in a manifest, shortened.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn schema() -> JSONSchemaProps {
        serde_json::from_value(json!({
            "type": "object", "required": ["port"],
            "properties": {
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "step": {"type": "number", "multipleOf": 1},
                "share": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
                "kind": {"type": "string", "enum": ["", "A", "B"]},
                "time": {"type": "string", "pattern": "^[0-9]+s$", "maxLength": 5, "minLength": 1},
                "list": {"type": "array", "maxItems": 2, "minItems": 1, "items": {"type": "object", "required": ["name"]}},
                "map": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}},
                "target": {"x-kubernetes-int-or-string": true},
                "flag": {"type": "boolean"},
                "how": {"type": "object", "oneOf": [{"required": ["x", "step"]}, {"required": ["x", "steps"]}]},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "not": {"type": "object", "not": {"required": ["a", "b"]}},
            },
        }))
        .unwrap()
    }

    #[rstest]
    #[case::missing(json!({}), "port: this field is missing. Add it")]
    #[case::null_is_absent(json!({"port": null}), "port: this field is missing. Add it")]
    #[case::fraction(json!({"port": 80.5}), "port: 80.5 is not a whole number. Write a whole number")]
    #[case::w_api_1_fraction_of_a_number(json!({"port": 1, "step": 2.5}), "step: 2.5 is not a whole number. Write a whole number")]
    #[case::text_for_a_number(json!({"port": "80"}), "port: \"80\" is not a whole number. Write a whole number")]
    #[case::too_small(json!({"port": 0}), "port: 0 is out of range. Write a number from 1 to 65535")]
    #[case::exclusive(json!({"port": 1, "share": 0}), "share: 0 is out of range. Write more than 0")]
    #[case::enumeration(json!({"port": 1, "kind": "C"}), "kind: \"C\" is not a value of this field. Write one of \"A\", \"B\"")]
    #[case::pattern(json!({"port": 1, "time": "1m"}), "time: \"1m\" does not have the form of this field. Write text that matches ^[0-9]+s$")]
    #[case::too_long(json!({"port": 1, "time": "123456s"}), "time: 7 characters are too many. Write at most 5")]
    #[case::empty(json!({"port": 1, "time": ""}), "time: it is empty. Write at least 1")]
    #[case::in_a_list(json!({"port": 1, "list": [{"name": "a"}, {}]}), "list[1].name: this field is missing. Add it")]
    #[case::list_too_long(json!({"port": 1, "list": [1, 2, 3]}), "list: 3 entries are too many. Keep at most 2")]
    #[case::list_too_short(json!({"port": 1, "list": []}), "list: 0 entries are too few. Write at least 1")]
    #[case::in_a_map(json!({"port": 1, "map": {"a/b": 5}}), "map[a/b]: 5 is not text. Write text")]
    #[case::map_too_long(json!({"port": 1, "map": {"a": "", "b": "", "c": ""}}), "map: 3 entries are too many. Keep at most 2")]
    #[case::int_or_string(json!({"port": 1, "target": true}), "target: true is not a whole number or text. Write a whole number or text")]
    #[case::none_of(json!({"port": 1, "how": {"x": 1}}), "how: none of step, steps is set. Set exactly one of step, steps")]
    #[case::both_of(json!({"port": 1, "how": {"x": 1, "step": 1, "steps": 1}}), "how: step and steps cannot be told apart. Set exactly one of step, steps")]
    #[case::not(json!({"port": 1, "not": {"a": 1, "b": 1}}), "not: a and b cannot be set together. Remove one of them")]
    fn one_fault_is_told_with_its_place_and_way_out(#[case] value: Value, #[case] expected: &str) {
        let found = violations(&schema(), &value, "");
        let told: Vec<String> =
            found.iter().map(|v| format!("{}: {}. {}", v.path, v.message, v.fix)).collect();
        assert_eq!(told, [expected]);
    }

    #[rstest]
    #[case::least(json!({"port": 1}))]
    #[case::integral_float(json!({"port": 80.0}))]
    #[case::null_where_absent_is_fine(json!({"port": 1, "kind": null, "list": null}))]
    #[case::unknown_fields(json!({"port": 1, "other": {"deep": []}}))]
    #[case::all(json!({"port": 1, "kind": "", "time": "5s", "list": [{"name": 1}], "map": {"a": "b"}, "target": "http",
        "flag": true, "how": {"x": 1, "steps": []}, "free": {"z": 1}, "not": {"a": 1}}))]
    fn what_fits_is_not_mentioned(#[case] value: Value) {
        assert_eq!(violations(&schema(), &value, ""), []);
    }

    #[test]
    fn what_is_beyond_the_bounds_of_lists_and_maps_is_told_and_cut_off() {
        let value = json!({"port": 1, "list": [{"name": "a"}, {"name": "b"}, 3], "map": {"a": "", "b": "", "c": ""}, "flag": true});
        let expected = json!({"port": 1, "list": [{"name": "a"}, {"name": "b"}], "map": {"a": "", "b": ""}, "flag": true});
        assert_eq!(bounded(&schema(), &value), Some(expected.clone()));
        assert_eq!(bounded(&schema(), &expected), None);
        assert_eq!(violations(&schema(), &value, "").len(), 2);
    }

    #[test]
    fn a_list_or_map_without_a_bound_has_one_here() {
        let of = |kind: &str| JSONSchemaProps { type_: Some(kind.to_owned()), ..JSONSchemaProps::default() };
        let map = (0..1_001).map(|n| (n.to_string(), Value::Null)).collect::<Map<_, _>>();
        for (schema, value) in [(of("array"), json!(vec![0; 1_001])), (of("object"), map.into())] {
            let told = violations(&schema, &value, "spec.x");
            assert_eq!((told.len(), told[0].message.as_str()), (1, "1001 entries are too many"));
            assert!(bounded(&schema, &value).is_some());
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let value = json!({"share": "x", "kind": "C", "list": [{}, {}], "flag": 1});
        assert_eq!(violations(&schema(), &value, "").len(), 6);
    }
}
