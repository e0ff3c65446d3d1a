//! The form of a value: what the schema of the CRD says, told before the API server says it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Check, Findings, Manner, Rule};
use crate::admission::mend;
use crate::admission::problem::Severity;
use crate::admission::schema::{bounded, violations};
use crate::api::crd;

pub(super) static MALFORMED: Rule = Rule {
    id: "SL001",
    severity: Severity::Error,
    title: "Every value has the form that its field demands",
    manner: Manner::Yields,
    check: Check::Json(check),
    cel: &[],
    wrong: "
spec:
  service:
    port: 80.5
",
    right: "
spec:
  service:
    port: 80
",
};

/// The schema of each kind, made once.
static SCHEMAS: LazyLock<BTreeMap<String, JSONSchemaProps>> = LazyLock::new(|| {
    let of = |definition: CustomResourceDefinition| {
        let version = definition.spec.versions.into_iter().next()?;
        Some((definition.spec.names.kind, version.schema?.open_api_v3_schema?))
    };
    crd::crds().into_iter().filter_map(of).collect()
});

/// The schema of one of our kinds.
pub(super) fn schema(kind: &str) -> Option<&'static JSONSchemaProps> {
    SCHEMAS.get(kind)
}

fn check(kind: &str, object: &Value, findings: &mut Findings) {
    for violation in schema(kind).into_iter().flat_map(|schema| violations(schema, object, "")) {
        // The status is ours and not what a user writes.
        if !violation.path.starts_with("status") {
            findings.report(violation.path, violation.message, violation.fix);
        }
    }
}

/// An object that could be read, if need be with stand-ins.
pub(in crate::admission) struct Readable<T> {
    /// The object.
    pub(in crate::admission) object: T,
    /// Where stand-ins are: what rules say there is not so.
    pub(in crate::admission) places: Vec<String>,
}

/// Reads an object of one of our kinds, as far as lists and maps keep their bounds; what cannot be read has stand-ins. None where
/// that does not help either.
pub(in crate::admission) fn read<T: DeserializeOwned>(kind: &str, object: &Value) -> Option<Readable<T>> {
    let schema = schema(kind)?;
    let within = bounded(schema, object);
    let object = within.as_ref().unwrap_or(object);
    if let Ok(object) = T::deserialize(object) {
        return Some(Readable { object, places: Vec::new() });
    }
    let mut object = object.clone();
    let places = mend::mend(schema, &mut object);
    Some(Readable { object: T::deserialize(object).ok()?, places })
}
