//! A memory of an API server: objects with uid, resourceVersion and generation, and the writes that we use. It merges
//! as the real one does for the kinds that we write: maps by key, lists whole.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::api::{Object, ObjectRef};

/// When whatever is deleted was: nobody reads the time.
const DELETED_AT: &str = "1970-01-01T00:10:00Z";

/// Objects by reference.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    objects: BTreeMap<Arc<ObjectRef>, Arc<Object>>,
    /// What each field manager applied last.
    applied: BTreeMap<&'static str, BTreeMap<Arc<ObjectRef>, Arc<Value>>>,
    version: u64,
    /// Owners that are gone and of which nobody has heard yet, by uid.
    gone: Vec<String>,
    /// A mutating policy that every write passes through.
    pub policy: Option<fn(&mut Object)>,
}

/// A write against a version that is no longer there.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict;

impl Memory {
    /// The object, if it exists.
    pub fn get(&self, reference: &ObjectRef) -> Option<&Object> {
        self.objects.get(reference).map(Arc::as_ref)
    }

    /// All objects as they are.
    pub fn objects(&self) -> &BTreeMap<Arc<ObjectRef>, Arc<Object>> {
        &self.objects
    }

    /// References of all objects of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<Arc<ObjectRef>> {
        self.objects.keys().filter(|reference| reference.kind == kind).cloned().collect()
    }

    /// Moves with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Creates the object or merges the fields into it, as an apply or a merge patch does. Fields that are null go.
    /// Changes nothing and keeps the version if everything is there already.
    pub fn merge(&mut self, reference: &ObjectRef, fields: &Value) -> Result<(), Conflict> {
        self.merge_both(reference, fields, None)
    }

    fn merge_both(
        &mut self,
        reference: &ObjectRef,
        fields: &Value,
        gone: Option<&Value>,
    ) -> Result<(), Conflict> {
        let before = self.objects.get(reference);
        let expected = fields["metadata"]["resourceVersion"].as_str();
        if expected.is_some()
            && expected != before.and_then(|object| object["metadata"]["resourceVersion"].as_str())
        {
            return Err(Conflict);
        }
        let mut after = before.map_or_else(|| self.blank(reference), |object| object.as_ref().clone());
        json_patch::merge(&mut after, fields);
        gone.into_iter().for_each(|gone| json_patch::merge(&mut after, gone));
        self.store(reference, after);
        Ok(())
    }

    /// Server-side apply: as [`merge`](Self::merge), and what this manager applied before and does not any more goes.
    pub fn apply(
        &mut self,
        reference: &ObjectRef,
        manager: &'static str,
        fields: &Value,
    ) -> Result<(), Conflict> {
        let before = self.applied.get(manager).and_then(|objects| objects.get(reference));
        let gone =
            before.and_then(|before| gone(before, fields)).filter(|_| self.objects.contains_key(reference));
        self.merge_both(reference, fields, gone.as_ref())?;
        let applied = self.applied.entry(manager).or_default();
        applied.insert(Arc::new(reference.clone()), Arc::new(fields.clone()));
        Ok(())
    }

    /// JSON Patch of an existing object; a test that fails, or a place that is not there, is a conflict.
    pub fn patch(&mut self, reference: &ObjectRef, patch: &json_patch::Patch) -> Result<(), Conflict> {
        let mut after = self.get(reference).ok_or(Conflict)?.clone();
        json_patch::patch(&mut after, patch).map_err(|_| Conflict)?;
        self.store(reference, after);
        Ok(())
    }

    /// Replaces one top-level part of an existing object, `status` for example.
    pub fn replace_part(&mut self, reference: &ObjectRef, part: &str, value: Value) -> Result<(), Conflict> {
        let before = self.objects.get(reference).ok_or(Conflict)?;
        if before.get(part) == Some(&value) {
            return Ok(());
        }
        let mut after = before.as_ref().clone();
        after[part] = value;
        self.store(reference, after);
        Ok(())
    }

    /// Deletes the object with this uid; one that is gone is no conflict, another one is.
    pub fn delete_uid(&mut self, reference: &ObjectRef, uid: &str) -> Result<(), Conflict> {
        let present = self.get(reference).and_then(|object| object["metadata"]["uid"].as_str());
        if present.is_some_and(|present| present != uid) {
            return Err(Conflict);
        }
        self.delete(reference);
        Ok(())
    }

    /// Deletes the object if it exists. One that a finalizer holds is only marked, and goes when that does.
    pub fn delete(&mut self, reference: &ObjectRef) {
        let Some(object) = self.objects.get(reference) else { return };
        let metadata = &object["metadata"];
        if !is_free(metadata) {
            if metadata["deletionTimestamp"].is_null() {
                let mut after = object.as_ref().clone();
                after["metadata"]["deletionTimestamp"] = json!(DELETED_AT);
                self.store(reference, after);
            }
            return;
        }
        self.remove(reference);
    }

    fn remove(&mut self, reference: &ObjectRef) {
        let Some(object) = self.objects.remove(reference) else { return };
        self.version += 1;
        // Nobody else owns anything here.
        if reference.kind == "Canary" {
            self.gone.extend(object["metadata"]["uid"].as_str().map(str::to_owned));
        }
    }

    /// The owners that went since this was last asked, by uid.
    pub(super) fn take_gone(&mut self) -> Vec<String> {
        std::mem::take(&mut self.gone)
    }

    fn blank(&self, reference: &ObjectRef) -> Value {
        json!({
            "apiVersion": reference.api_version,
            "kind": reference.kind,
            "metadata": {
                "name": reference.name,
                "namespace": reference.namespace,
                "uid": format!("uid-{}", self.version + 1),
                "generation": 0,
            },
        })
    }

    fn store(&mut self, reference: &ObjectRef, mut after: Value) {
        if let Some(policy) = self.policy {
            policy(&mut after);
        }
        let before = self.objects.get(reference).map(Arc::as_ref);
        if before == Some(&after) {
            return;
        }
        let metadata = &after["metadata"];
        if before.is_some() && !metadata["deletionTimestamp"].is_null() && is_free(metadata) {
            return self.remove(reference);
        }
        let spec_moved = before.is_none_or(|before| before["spec"] != after["spec"]);
        let generation = after["metadata"]["generation"].as_i64().unwrap_or(0);
        self.version += 1;
        after["metadata"]["generation"] = json!(generation + i64::from(spec_moved));
        after["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let after = Arc::new(after);
        match self.objects.get_mut(reference) {
            Some(object) => *object = after,
            None => drop(self.objects.insert(Arc::new(reference.clone()), after)),
        }
    }
}

/// Whether no finalizer holds an object.
fn is_free(metadata: &Value) -> bool {
    metadata["finalizers"].as_array().is_none_or(Vec::is_empty)
}

/// A null for each field of `before` that `after` lacks; none if it lacks none.
fn gone(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return None };
    let nulls = before.iter().filter_map(|(key, value)| match after.get(key) {
        Some(present) => Some((key.clone(), gone(value, present)?)),
        None => Some((key.clone(), Value::Null)),
    });
    let nulls: serde_json::Map<_, _> = nulls.collect();
    (!nulls.is_empty()).then(|| nulls.into())
}
