//! How a live object differs from what Sluice applies. Only fields that Sluice applies count: the others are not its own.

use serde::Serialize;
use serde_json::Value;

use crate::{
    api::{Object, ObjectRef, names},
    workload,
};

/// What applying an object does to the cluster.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "change")]
pub(super) enum Change {
    /// It does not exist yet.
    Created {
        /// `Kind namespace/name`.
        object: String,
    },
    /// It exists with other values.
    Changed {
        /// `Kind namespace/name`.
        object: String,
        /// The fields that differ.
        fields: Vec<Field>,
    },
}

/// One field that differs; a missing value is null.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Field {
    /// `spec.ports[0].port`.
    pub(super) path: String,
    /// The value in the cluster.
    pub(super) live: Value,
    /// The value that Sluice applies.
    pub(super) planned: Value,
}

/// Annotations that are digests of other fields, which are told themselves. A cluster adds defaults before it is digested.
const DIGESTS: [&str; 2] = [names::APPLIED, names::REVISION];

/// The change that applying an object makes; `None` for none.
pub(super) fn change(planned: &Object, live: Option<&Object>) -> Option<Change> {
    let object = ObjectRef::of(planned).to_string();
    let Some(live) = live else { return Some(Change::Created { object }) };
    let mut fields = Vec::new();
    collect("", planned, live, &mut fields);
    fields.retain(|field| !DIGESTS.iter().any(|digest| field.path.ends_with(digest)));
    (!fields.is_empty()).then_some(Change::Changed { object, fields })
}

fn collect(path: &str, planned: &Value, live: &Value, found: &mut Vec<Field>) {
    if workload::contains(live, planned) {
        return;
    }
    match (planned, live) {
        (Value::Object(planned), Value::Object(live)) => {
            for (key, value) in planned {
                let dot = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{dot}{key}"), value, live.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(planned), Value::Array(live)) if planned.len() == live.len() => {
            for (index, (planned, live)) in planned.iter().zip(live).enumerate() {
                collect(&format!("{path}[{index}]"), planned, live, found);
            }
        }
        _ => found.push(Field { path: path.to_owned(), live: live.clone(), planned: planned.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(ports: Value) -> Object {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cider", "namespace": "orchard"}, "spec": {"ports": ports}})
    }

    #[test]
    fn a_missing_object_is_created() {
        let object = "Service orchard/cider".to_owned();
        assert_eq!(change(&service(json!([])), None), Some(Change::Created { object }));
    }

    #[test]
    fn defaults_status_and_fields_of_others_are_no_difference() {
        let mut live = service(json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}]));
        live["status"] = json!({"loadBalancer": {}});
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl"}]);
        live["metadata"]["annotations"] = json!({"note": "mine"});
        assert_eq!(change(&service(json!([{"port": 80}])), Some(&live)), None);
    }

    #[test]
    fn each_field_that_differs_is_named_with_both_values() {
        let live = service(json!([{"port": 80, "name": "http"}]));
        let planned = service(json!([{"port": 81, "name": "http", "appProtocol": "h2c"}]));
        let Some(Change::Changed { fields, .. }) = change(&planned, Some(&live)) else { panic!("no change") };
        let told: Vec<String> = fields
            .iter()
            .map(|field| format!("{}: {} -> {}", field.path, field.live, field.planned))
            .collect();
        assert_eq!(told, ["spec.ports[0].appProtocol: null -> \"h2c\"", "spec.ports[0].port: 80 -> 81"]);
        let more = service(json!([{"port": 80}, {"port": 81}]));
        let Some(Change::Changed { fields, .. }) = change(&more, Some(&live)) else { panic!("no change") };
        assert_eq!(fields[0].path, "spec.ports");
    }
}
