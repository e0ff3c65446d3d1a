//! The objects that Canaries name and that may lack our label: all that is remembered of the metadata watches.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    compact::Few,
    raw::{annotation, metadata, reached},
};
use crate::api::{CanaryKey, Object, ObjectRef, names};

/// What a metadata watch tells of an object, as far as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// `metadata.uid`.
    pub(super) uid: Box<str>,
    /// `metadata.resourceVersion`.
    pub(super) version: Box<str>,
    /// Whether its annotation keeps it out of config tracking.
    pub(super) opted_out: bool,
}

impl From<&Object> for Sight {
    fn from(object: &Object) -> Self {
        Sight {
            uid: metadata(object, "uid").into(),
            version: metadata(object, "resourceVersion").into(),
            opted_out: annotation(object, names::CONFIG_TRACKING)
                .is_some_and(|value| value.starts_with(names::CONFIG_TRACKING_OFF)),
        }
    }
}

/// What is known of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing: only a GET can tell.
    #[default]
    Nothing,
    /// No object has this name.
    Absent,
    /// The object was last seen like this.
    Present(Sight),
}

/// A name that somebody uses.
#[derive(Default)]
struct Entry {
    by: Few<Arc<CanaryKey>>,
    known: Known,
}

impl Entry {
    /// Who uses it.
    fn users(&self) -> Vec<CanaryKey> {
        self.by.iter().map(|user| user.as_ref().clone()).collect()
    }
}

/// Who names what; each name and each key is kept once.
#[derive(Default)]
pub(super) struct Named {
    entries: HashMap<Arc<ObjectRef>, Entry>,
    of: BTreeMap<Arc<CanaryKey>, Few<Arc<ObjectRef>>>,
}

impl Named {
    /// Sets which objects a Canary names; what is known of those that it named before stays known.
    pub(super) fn set(&mut self, canary: &CanaryKey, references: BTreeSet<ObjectRef>) {
        let (canary, before) =
            self.of.remove_entry(canary).unwrap_or_else(|| (Arc::new(canary.clone()), Few::default()));
        let names: Few<_> = references.iter().map(|reference| self.name(reference)).collect();
        for name in names.iter() {
            self.entries.entry(name.clone()).or_default().by.insert(canary.clone());
        }
        for reference in before.iter().filter(|reference| !references.contains(reference.as_ref())) {
            if let Some(entry) = self.entries.get_mut(reference) {
                entry.by.remove(&canary);
                if entry.by.is_empty() {
                    self.entries.remove(reference);
                }
            }
        }
        if !names.is_empty() {
            self.of.insert(canary, names);
        }
    }

    /// The name as it is kept, or a new one to keep.
    fn name(&self, reference: &ObjectRef) -> Arc<ObjectRef> {
        let known = self.entries.get_key_value(reference).map(|(name, _)| name.clone());
        known.unwrap_or_else(|| Arc::new(reference.clone()))
    }

    /// The Canaries that name an object.
    pub(super) fn by(&self, reference: &ObjectRef) -> Vec<CanaryKey> {
        self.entries.get(reference).map(Entry::users).unwrap_or_default()
    }

    /// What is known of a name.
    pub(super) fn known(&self, reference: &ObjectRef) -> Known {
        self.entries.get(reference).map(|entry| entry.known.clone()).unwrap_or_default()
    }

    /// The watch delivered an object; returns the Canaries to which that is news.
    pub(super) fn heard(&mut self, reference: &ObjectRef, sight: Sight) -> Vec<CanaryKey> {
        let Some(entry) = self.entries.get_mut(reference) else { return Vec::new() };
        match &entry.known {
            Known::Present(known) if known.uid == sight.uid && reached(&known.version, &sight.version) => {
                Vec::new()
            }
            _ => {
                entry.known = Known::Present(sight);
                entry.users()
            }
        }
    }

    /// The watch said that the object with this uid is gone, or, without a uid, that none has the name.
    pub(super) fn left(&mut self, reference: &ObjectRef, uid: Option<&str>) -> Vec<CanaryKey> {
        let Some(entry) = self.entries.get_mut(reference) else { return Vec::new() };
        match &entry.known {
            Known::Present(known) if uid.is_some_and(|uid| *uid != *known.uid) => Vec::new(),
            known => {
                let news = matches!(known, Known::Present(_));
                entry.known = Known::Absent;
                if news { entry.users() } else { Vec::new() }
            }
        }
    }

    /// A call of ours told of an object, or that there is none; nobody needs to be woken for it.
    pub(super) fn learn(&mut self, reference: &ObjectRef, object: Option<&Object>) {
        match object {
            Some(object) => drop(self.heard(reference, Sight::from(object))),
            None => drop(self.left(reference, None)),
        }
    }

    /// Whatever is known of this name may have ended.
    pub(super) fn doubt(&mut self, reference: &ObjectRef) {
        if let Some(entry) = self.entries.get_mut(reference) {
            entry.known = Known::Nothing;
        }
    }

    /// Nobody listens to this kind any more.
    pub(super) fn forget(&mut self, kind: &str) {
        for (_, entry) in self.entries.iter_mut().filter(|(reference, _)| reference.kind == kind) {
            entry.known = Known::Nothing;
        }
    }

    /// Names of a kind that are not among those listed.
    pub(super) fn missing_from(&self, kind: &str, listed: &HashSet<ObjectRef>) -> Vec<ObjectRef> {
        let names = self.entries.keys().map(Arc::as_ref).filter(|reference| reference.kind == kind);
        names.filter(|reference| !listed.contains(*reference)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(name: &str) -> ObjectRef {
        ObjectRef::new("apps/v1", "Deployment", "n", name)
    }

    fn sight(uid: &str, version: &str) -> Sight {
        Sight { uid: uid.into(), version: version.into(), opted_out: false }
    }

    fn naming(names: &[&str]) -> (Named, CanaryKey) {
        let (mut named, canary) = (Named::default(), CanaryKey::new("n", "c"));
        named.set(&canary, names.iter().map(|name| deployment(name)).collect());
        (named, canary)
    }

    #[test]
    fn the_birth_a_change_and_the_end_of_a_named_object_are_news_once() {
        let (mut named, canary) = naming(&["a"]);
        let all = [canary];
        assert_eq!(named.heard(&deployment("a"), sight("u", "1")), all);
        assert!(named.heard(&deployment("a"), sight("u", "1")).is_empty(), "a relist is no news");
        assert_eq!(named.heard(&deployment("a"), sight("u", "2")), all);
        assert_eq!(named.missing_from("Deployment", &HashSet::new()), [deployment("a")]);
        assert_eq!(named.left(&deployment("a"), None), all);
        assert_eq!(named.known(&deployment("a")), Known::Absent);
        assert!(named.left(&deployment("a"), None).is_empty());
    }

    #[test]
    fn the_past_is_no_news() {
        let (mut named, canary) = naming(&["a"]);
        named.heard(&deployment("a"), sight("u", "10"));
        assert!(named.heard(&deployment("a"), sight("u", "9")).is_empty());
        assert_eq!(named.heard(&deployment("a"), sight("v", "11")), [canary]);
        assert!(named.left(&deployment("a"), Some("u")).is_empty(), "another one has its name since");
        assert_eq!(named.known(&deployment("a")), Known::Present(sight("v", "11")));
    }

    #[test]
    fn nothing_is_remembered_of_objects_that_nobody_names() {
        let (mut named, canary) = naming(&["a", "kept"]);
        named.heard(&deployment("kept"), sight("u", "1"));
        assert!(named.heard(&deployment("b"), sight("u", "1")).is_empty());
        named.set(&canary, BTreeSet::from([deployment("b"), deployment("kept")]));
        assert!(named.heard(&deployment("a"), sight("u", "1")).is_empty());
        assert_eq!(named.known(&deployment("kept")), Known::Present(sight("u", "1")));
        named.set(&canary, BTreeSet::new());
        assert!(named.entries.is_empty() && named.of.is_empty());
    }

    #[test]
    fn an_object_that_two_canaries_name_is_news_to_both() {
        let (mut named, canary) = naming(&["a"]);
        let other = CanaryKey::new("n", "d");
        named.set(&other, BTreeSet::from([deployment("a")]));
        assert_eq!(named.heard(&deployment("a"), sight("u", "1")), [canary.clone(), other]);
        named.set(&canary, BTreeSet::new());
        assert_eq!(named.known(&deployment("a")), Known::Present(sight("u", "1")));
    }
}
