//! Fields that the API does not have. The API server drops them before the gate sees the object, so that only files show them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use super::{Check, Findings, Manner, Rule, form};
use crate::admission::{problem::Severity, schema::field};

pub(super) static UNKNOWN: Rule = Rule {
    id: "SL007",
    severity: Severity::Warning,
    title: "Every field is one that the API has; others are dropped, or refused by kubectl",
    manner: Manner::Plain,
    check: Check::Json(check),
    cel: &[],
    wrong: "
spec:
  analysis:
    treshold: 3
",
    right: "
spec:
  analysis:
    threshold: 3
",
};

/// What every object has beside the fields that users write; a status may be that of another version.
const COMMON: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];
/// How much alike two names are, from 0 to 1, before one is taken for the other.
const ALIKE: f64 = 0.8;

fn check(kind: &str, object: &Value, findings: &mut Findings) {
    if let Some(schema) = form::schema(kind) {
        walk(schema, object, "", findings);
    }
}

fn walk(schema: &JSONSchemaProps, value: &Value, path: &str, findings: &mut Findings) {
    match value {
        Value::Object(map) if schema.x_kubernetes_preserve_unknown_fields != Some(true) => {
            let known = schema.properties.as_ref();
            let written = |name: &str| !path.is_empty() || !COMMON.contains(&name);
            for (name, value) in map.iter().filter(|(name, _)| written(name)) {
                match (known.and_then(|known| known.get(name)), &schema.additional_properties) {
                    (Some(schema), _) => walk(schema, value, &field(path, name), findings),
                    (None, Some(JSONSchemaPropsOrBool::Schema(schema))) => {
                        walk(schema, value, &format!("{path}[{name}]"), findings);
                    }
                    (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
                    (None, _) => {
                        let names = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
                        tell(path, name, names, findings);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    walk(schema, item, &format!("{path}[{index}]"), findings);
                }
            }
        }
        _ => {}
    }
}

fn tell<'a>(path: &str, name: &str, known: impl Iterator<Item = &'a str>, findings: &mut Findings) {
    let alike = known
        .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let fix = match alike {
        Some((_, meant)) => format!("Write {meant}, if that is meant, or remove it"),
        None => "Remove it, or move it to where it belongs".to_owned(),
    };
    findings.report(field(path, name), "there is no such field, so that it has no effect", fix);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::rules::example;

    /// The unknown fields of a plain Canary with a change, and what to do about each.
    fn told(change: &Value) -> Vec<String> {
        let mut canary = example::plain("Canary");
        json_patch::merge(&mut canary, change);
        let mut findings = Findings::default();
        findings.check_json("Canary", &canary);
        let unknown = findings.problems.into_iter().filter(|problem| problem.rule == UNKNOWN.id);
        unknown.map(|problem| format!("{}: {}", problem.path, problem.fix)).collect()
    }

    #[test]
    fn unknown_fields_are_named_with_the_one_that_is_meant() {
        let change = json!({
            "spec": {
                "xyz": {"interval": "1m"},
                "TargetRef": {},
                "analysis": {"stepweight": 5, "metrics": [{"name": "request-duration", "thresholdrange": {"max": 1}}]},
            },
        });
        assert_eq!(
            told(&change),
            [
                "spec.TargetRef: Write targetRef, if that is meant, or remove it",
                "spec.analysis.metrics[0].thresholdrange: Write thresholdRange, if that is meant, or remove it",
                "spec.analysis.stepweight: Write stepWeight, if that is meant, or remove it",
                "spec.xyz: Remove it, or move it to where it belongs",
            ]
        );
    }

    #[test]
    fn maps_and_what_every_object_has_are_no_unknown_fields() {
        let change = json!({
            "metadata": {"anything": 1},
            "spec": {"analysis": {"webhooks": [{"name": "a", "url": "http://a", "metadata": {"any": "key"}}]}},
        });
        assert_eq!(told(&change), [""; 0]);
    }
}
