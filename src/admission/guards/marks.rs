//! Our labels and annotations on objects that others write: what they become is computed from the old object, whatever the new one
//! says, for a replace drops them and an undo brings old ones back.

use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation, jsonptr::PointerBuf};
use serde_json::{Map, Value};

use crate::api::names::PREFIX;

/// The labels or annotations of an object.
pub(super) fn marks<'a>(object: &'a Value, of: &str) -> Option<&'a Map<String, Value>> {
    object.get("metadata")?.get(of)?.as_object()
}

/// An annotation that is text.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    marks(object, "annotations")?.get(key)?.as_str()
}

/// Those labels or annotations of an object that are ours.
pub(super) fn ours(object: &Value, of: &str) -> Map<String, Value> {
    let ours = marks(object, of).into_iter().flatten().filter(|(key, _)| key.starts_with(PREFIX));
    ours.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Makes our keys of the new object's labels or annotations the wished ones, and leaves all others alone.
pub(super) fn restore(new: &Value, of: &str, wished: &Map<String, Value>, patch: &mut Vec<PatchOperation>) {
    let Some(present) = marks(new, of) else {
        if !wished.is_empty() {
            patch.push(set(&["metadata", of], wished.clone().into(), None));
        }
        return;
    };
    for (key, value) in wished {
        if present.get(key) != Some(value) {
            patch.push(set(&["metadata", of, key], value.clone(), present.get(key)));
        }
    }
    for key in present.keys().filter(|key| key.starts_with(PREFIX) && !wished.contains_key(*key)) {
        patch.push(remove(&["metadata", of, key]));
    }
}

/// Puts a value at a path of keys, where `present` stands now.
pub(super) fn set(path: &[&str], value: Value, present: Option<&Value>) -> PatchOperation {
    let path = pointer(path);
    match present {
        Some(_) => PatchOperation::Replace(ReplaceOperation { path, value }),
        None => PatchOperation::Add(AddOperation { path, value }),
    }
}

/// Takes away what stands at a path of keys.
pub(super) fn remove(path: &[&str]) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path: pointer(path) })
}

fn pointer(path: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(path.iter().copied())
}
