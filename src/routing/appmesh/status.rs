//! Whether the mesh took all objects as they are now.

use serde_json::Value;

use crate::{
    api::{Live, ObjectRef},
    routing::Acceptance,
};

/// What is awaited of the first object that is not active yet.
pub(super) fn acceptance(objects: &[ObjectRef], live: &Live) -> Acceptance {
    let awaited = objects.iter().find_map(|reference| {
        let Some(object) = live.get(reference) else { return Some(format!("{reference} is being made")) };
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        if number("/status/observedGeneration") < number("/metadata/generation") {
            return Some(format!("App Mesh has not looked at the last change of {reference} yet"));
        }
        let wanted = format!("{}Active", reference.kind);
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let text = |condition: &Value, field: &str| {
            condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let found = conditions.into_iter().flatten().find(|condition| text(condition, "type") == wanted);
        match found {
            Some(active) if text(active, "status") == "True" => None,
            Some(other) => {
                let (reason, message) = (text(other, "reason"), text(other, "message"));
                Some(format!("{reference} is not active in the mesh ({reason}): {message}"))
            }
            None => Some(format!("{reference} is not active in the mesh yet")),
        }
    });
    awaited.map_or(Acceptance::Accepted, Acceptance::Pending)
}
