//! Copies of configs: what the primary's pods refer to.
//!
//! A copy holds `data`, `binaryData` and, of a Secret, the type. `immutable` stays behind: an immutable copy could never get
//! the content of the next promotion. Several Canaries may share a copy; each is among its owners, so that it goes with the
//! last of them.

use serde_json::{Map, Value, json};

use super::ConfigRef;
use crate::{
    api::{Canary, GROUP, Object, owned},
    workload::metadata,
};

/// Fields of content.
const CONTENT: [&str; 2] = ["data", "binaryData"];

/// The copy of a config's content under another name, for server-side apply where there is none yet.
pub fn copy(canary: &Canary, source: &Object, name: &ConfigRef, include_label_prefix: &[String]) -> Object {
    let labels: Map<String, Value> = metadata::labels(source)
        .into_iter()
        .filter(|(key, _)| metadata::included(key, include_label_prefix))
        .map(|(key, value)| (key, value.into()))
        .collect();
    let object = json!({
        "apiVersion": "v1",
        "kind": name.kind.as_str(),
        "metadata": {"name": name.name, "namespace": canary.namespace_name(), "labels": labels},
        "type": source.get("type"),
        "data": source.get("data"),
        "binaryData": source.get("binaryData"),
    });
    owned::seal(canary, object, true)
}

/// The merge patch that makes a live copy what [`copy`] gives, and keeps its other owners; none where the API server would
/// refuse it, because the live one is immutable or a Secret of another type: it has to be made anew.
pub fn update(live: &Object, copy: &Object) -> Option<Object> {
    if live["immutable"] == true || copy.get("type").is_some_and(|of| live.get("type") != Some(of)) {
        return None;
    }
    let mut patch = copy.clone();
    for field in CONTENT {
        let kept = live.get(field).and_then(Value::as_object).into_iter().flatten();
        let mut content = copy.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, _) in kept {
            content.entry(key.clone()).or_insert(Value::Null);
        }
        patch[field] = content.into();
    }
    let own = copy["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let is_own = |owner: &Value| own.iter().any(|own| own["uid"] == owner["uid"]);
    let others: Vec<Value> = live["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|owner| !is_own(owner))
        .cloned()
        .collect();
    // An object has one controller; whoever is it stays it.
    let controlled = others.iter().any(|owner| owner["controller"] == true);
    let own = own.into_iter().map(|mut owner| {
        owner["controller"] = json!(!controlled);
        owner
    });
    patch["metadata"]["ownerReferences"] = own.chain(others.iter().cloned()).collect();
    patch["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    Some(patch)
}

/// Whose copy an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// No Canary's: a user made it.
    Nobody,
    /// This Canary's alone.
    Own,
    /// Another Canary's, or shared.
    Others,
}

/// Whose copy an object is.
pub fn owners(canary: &Canary, object: &Object) -> Owners {
    let owners: Vec<&Value> =
        object["metadata"]["ownerReferences"].as_array().into_iter().flatten().collect();
    let canaries = |owner: &&Value| {
        owner["kind"] == "Canary"
            && owner["apiVersion"].as_str().is_some_and(|of| of.split('/').next() == Some(GROUP))
    };
    let own = |owner: &&Value| owner["uid"].as_str() == canary.metadata.uid.as_deref();
    match owners.iter().filter(|owner| canaries(owner)).count() {
        0 => Owners::Nobody,
        1 if owners.len() == 1 && owners.iter().all(own) => Owners::Own,
        _ => Owners::Others,
    }
}
