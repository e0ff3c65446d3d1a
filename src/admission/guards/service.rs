//! The Services of a Canary that others write: the selector and our ports stay, for clients and routes come by them. Further ports,
//! type, addresses and the rest are the writer's.

use json_patch::{AddOperation, Patch, PatchOperation, jsonptr::PointerBuf};
use serde_json::{Value, json};

use super::marks::{annotation, ours, remove, restore, set};
use super::write::Write;
use crate::admission::verdict::Verdict;
use crate::api::names::PORTS;
use crate::workload::PortKey;

/// What of a port of ours is ours; its node port is the user's.
const FIELDS: [&str; 5] = ["name", "port", "protocol", "targetPort", "appProtocol"];

/// Judges the write to one of the three Services.
pub(super) fn review(write: &Write<'_>) -> Verdict {
    let mut patch = Vec::new();
    let mut kept = Vec::new();
    let (old, new) = (write.old.pointer("/spec/selector"), write.new.pointer("/spec/selector"));
    if let Some(selector) = old.filter(|_| old != new && write.new["spec"].is_object()) {
        patch.push(set(&["spec", "selector"], selector.clone(), new));
        kept.push("its selector".to_owned());
    }
    let ports = ports(write, &mut patch);
    if !ports.is_empty() {
        kept.push(format!("port {}", ports.join(", ")));
    }
    let mut verdict = Verdict::allow();
    if !kept.is_empty() {
        let (name, canary) = (&write.request.name, &write.canary.name);
        verdict.changes.push(format!(
            "Service {name} keeps {}, by which clients reach what Canary {canary} releases",
            kept.join(" and ")
        ));
    }
    restore(write.new, "labels", &ours(write.old, "labels"), &mut patch);
    restore(write.new, "annotations", &ours(write.old, "annotations"), &mut patch);
    verdict.patch = Patch(patch);
    verdict
}

/// Puts our ports back as the old object has them; returns those that were changed.
fn ports(write: &Write<'_>, patch: &mut Vec<PatchOperation>) -> Vec<String> {
    let list = |object: &Value| object.pointer("/spec/ports").and_then(Value::as_array).cloned();
    let (Some(old), Some(new)) = (list(write.old), list(write.new)) else { return Vec::new() };
    let mut changed = Vec::new();
    for key in PortKey::all(annotation(write.old, PORTS).unwrap_or_default()) {
        let Some(port) = old.iter().find(|port| PortKey::of(port).as_ref() == Some(&key)) else { continue };
        // A port that was given another number is still ours by its name.
        let place = new.iter().position(|other| PortKey::of(other).as_ref() == Some(&key));
        let place = place.or_else(|| {
            new.iter().position(|other| !other["name"].is_null() && other["name"] == port["name"])
        });
        let before = patch.len();
        match place {
            Some(place) => patch.extend(fields(place, port, &new[place])),
            None => {
                let mut port = port.clone();
                if let Some(port) = port.as_object_mut() {
                    port.retain(|field, _| FIELDS.contains(&field.as_str()));
                }
                let path = PointerBuf::from_tokens(["spec", "ports", "-"]);
                patch.push(PatchOperation::Add(AddOperation { path, value: port }));
            }
        }
        if patch.len() > before {
            changed.push(key.to_string());
        }
    }
    changed
}

/// The edits by which a port has the wished fields.
fn fields(place: usize, wished: &Value, present: &Value) -> Vec<PatchOperation> {
    let place = place.to_string();
    let edit = |field: &&str| {
        let path = ["spec", "ports", &place, field];
        match (wished.get(field), present.get(field)) {
            (wished, present) if wished == present => None,
            (None, Some(_)) => Some(remove(&path)),
            (wished, present) => Some(set(&path, wished.cloned().unwrap_or(json!(null)), present)),
        }
    };
    FIELDS.iter().filter_map(edit).collect()
}
