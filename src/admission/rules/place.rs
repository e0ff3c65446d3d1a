//! Places in the JSON of an object, for rules that speak before it is read as its type.

use serde_json::Value;

/// Calls `found` for every value at a path such as `spec.analysis.webhooks.*.url`, in which `*` is every entry of a list or map,
/// with the path as people write it: `spec.analysis.webhooks[0].url`.
pub(super) fn visit(object: &Value, path: &str, found: &mut impl FnMut(String, &Value)) {
    let steps: Vec<&str> = path.split('.').collect();
    walk(object, &steps, String::new(), found);
}

fn walk(value: &Value, steps: &[&str], path: String, found: &mut impl FnMut(String, &Value)) {
    match (steps.split_first(), value) {
        (None, _) => found(path, value),
        (Some((&"*", rest)), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, rest, format!("{path}[{index}]"), found);
            }
        }
        (Some((&"*", rest)), Value::Object(map)) => {
            for (name, item) in map {
                walk(item, rest, format!("{path}[{name}]"), found);
            }
        }
        (Some((step, rest)), Value::Object(map)) => {
            if let Some(inner) = map.get(*step) {
                let dot = if path.is_empty() { "" } else { "." };
                walk(inner, rest, format!("{path}{dot}{step}"), found);
            }
        }
        _ => {}
    }
}
