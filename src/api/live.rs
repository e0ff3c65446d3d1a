//! The objects of the cluster as one reconcile sees them: a plain map, filled by the edges, read by the pure rooms.

use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ObjectRef;

/// An object as JSON, with `apiVersion`, `kind` and `metadata`.
pub type Object = Value;

/// The value at a path of fields. A JSON pointer would look for escapes at each step, which costs more than the step.
pub fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, field| value.get(field))
}

/// A consistent look at the objects that one Canary needs: what is not in here does not exist. Clones share the map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live(Arc<BTreeMap<Arc<ObjectRef>, Arc<Object>>>);

/// An object of the cluster that does not have the shape its kind promises.
#[derive(Debug, thiserror::Error)]
#[error("reading {reference}: {source}")]
pub struct Malformed {
    /// The object that could not be read.
    pub reference: ObjectRef,
    /// What is wrong with it.
    #[source]
    pub source: serde_json::Error,
}

impl Live {
    /// Adds or replaces an object.
    pub fn insert(&mut self, reference: ObjectRef, object: Arc<Object>) {
        Arc::make_mut(&mut self.0).insert(Arc::new(reference), object);
    }

    /// Adds or replaces the objects of another look.
    pub fn extend(&mut self, other: Live) {
        Arc::make_mut(&mut self.0).extend(Arc::unwrap_or_clone(other.0));
    }

    /// The object as JSON, if it exists.
    pub fn get(&self, reference: &ObjectRef) -> Option<&Object> {
        self.0.get(reference).map(Arc::as_ref)
    }

    /// The object to be shared, if it exists.
    pub fn get_shared(&self, reference: &ObjectRef) -> Option<&Arc<Object>> {
        self.0.get(reference)
    }

    /// Of these objects those that exist.
    pub fn only(&self, references: impl IntoIterator<Item = impl Borrow<ObjectRef>>) -> Live {
        let known = references.into_iter().filter_map(|of| self.0.get_key_value(of.borrow()));
        known.map(|(of, object)| (of.clone(), object.clone())).collect()
    }

    /// Whether each of these objects is the same in both, or in neither.
    pub fn agrees(&self, other: &Live, references: &[ObjectRef]) -> bool {
        references.iter().all(|of| self.0.get(of) == other.0.get(of))
    }

    /// The objects of which something is true, and the others.
    pub fn partition(self, mut is: impl FnMut(&ObjectRef) -> bool) -> (Live, Live) {
        let (these, others) = Arc::unwrap_or_clone(self.0).into_iter().partition(|(of, _)| is(of));
        (Live(Arc::new(these)), Live(Arc::new(others)))
    }

    /// The object as the type of its kind, if it exists.
    pub fn typed<T: DeserializeOwned>(&self, reference: &ObjectRef) -> Result<Option<T>, Malformed> {
        self.get(reference)
            .map(|object| {
                T::deserialize(object).map_err(|source| Malformed { reference: reference.clone(), source })
            })
            .transpose()
    }

    /// All objects, in order of their references.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectRef, &Object)> {
        self.0.iter().map(|(reference, object)| (reference.as_ref(), object.as_ref()))
    }

    /// All objects, to be shared.
    pub fn shared(&self) -> impl Iterator<Item = (&Arc<ObjectRef>, &Arc<Object>)> {
        self.0.iter()
    }

    /// All objects of a kind (`EndpointSlice`), in order of their names.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&ObjectRef, &Object)> {
        self.iter().filter(move |(reference, _)| reference.kind == kind)
    }
}

impl<R: Into<Arc<ObjectRef>>> FromIterator<(R, Arc<Object>)> for Live {
    fn from_iter<I: IntoIterator<Item = (R, Arc<Object>)>>(objects: I) -> Self {
        Live(Arc::new(objects.into_iter().map(|(reference, object)| (reference.into(), object)).collect()))
    }
}
