//! The projections: what the watches delivered, by kind and, where a reader needs all of a family, by group.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    compact::Few,
    kept::Kept,
    kinds::{AUTOSCALER, CONTROLLER_REVISION, ENDPOINT_SLICE, Kind},
    raw::{annotation, label},
};
use crate::api::{CanaryKey, Object, ObjectRef, names};

/// Label of an EndpointSlice: the Service that it belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// How long a member that left the watch stays in doubt when nobody asks for its group.
const DOUBT: Duration = Duration::from_secs(600);

/// A family of objects that is read whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    /// The EndpointSlices of a Service: namespace and name.
    Slices(String, String),
    /// The ControllerRevisions of a Canary.
    Snapshots(CanaryKey),
    /// The objects of a Canary's routes, whatever router they are of.
    Routes(CanaryKey),
    /// The autoscalers that carry a Canary's mark.
    Autoscalers(CanaryKey),
}

impl Group {
    /// The group of an object, if its kind has groups.
    pub(super) fn of(reference: &ObjectRef, object: &Object) -> Option<Group> {
        match reference.kind.as_str() {
            ENDPOINT_SLICE => {
                let service = label(object, SERVICE_NAME)?;
                Some(Group::Slices(reference.namespace.clone(), service.to_owned()))
            }
            CONTROLLER_REVISION => {
                let owner = annotation(object, names::CANARY).or_else(|| owner_reference(object))?;
                Some(Group::Snapshots(CanaryKey::new(&reference.namespace, owner)))
            }
            AUTOSCALER => {
                let owner = annotation(object, names::CANARY)?;
                Some(Group::Autoscalers(CanaryKey::new(&reference.namespace, owner)))
            }
            _ if Kind::is_routed(reference) => {
                Some(Group::Routes(CanaryKey::new(&reference.namespace, annotation(object, names::CANARY)?)))
            }
            _ => None,
        }
    }
}

/// The Canary among an object's owner references.
fn owner_reference(object: &Object) -> Option<&str> {
    object["metadata"]["ownerReferences"]
        .as_array()?
        .iter()
        .find(|owner| owner["kind"] == "Canary")
        .and_then(|owner| owner["name"].as_str())
}

/// What the watches delivered.
#[derive(Default)]
pub(super) struct Store {
    /// A name is kept once, here; groups refer to it.
    kinds: HashMap<String, HashMap<Arc<ObjectRef>, Kept>>,
    synced: HashSet<Kind>,
    groups: HashMap<Arc<Group>, Few<Arc<ObjectRef>>>,
    doubts: BTreeMap<ObjectRef, (Group, Instant)>,
}

impl Store {
    /// The object as last delivered.
    pub(super) fn get(&self, reference: &ObjectRef) -> Option<&Kept> {
        self.kinds.get(&reference.kind)?.get(reference)
    }

    /// All objects of a kind, in no order.
    pub(super) fn of_kind(&self, kind: &Kind) -> impl Iterator<Item = (&ObjectRef, &Kept)> {
        let objects = self.kinds.get(kind.name).into_iter().flatten();
        objects
            .map(|(reference, kept)| (reference.as_ref(), kept))
            .filter(|(reference, _)| kind.is_of(reference))
    }

    /// Keeps an object; returns what stood in its place.
    pub(super) fn put(&mut self, reference: &ObjectRef, object: Arc<Object>) -> Option<Kept> {
        let group = Group::of(reference, &object).map(|group| self.group(group));
        let kept = Kept::of(&object, group.clone());
        let objects = self.kinds.entry(reference.kind.clone()).or_default();
        let name = objects.get_key_value(reference).map(|(name, _)| name.clone());
        let name = name.unwrap_or_else(|| Arc::new(reference.clone()));
        let old = objects.insert(name.clone(), kept);
        let old_group = old.as_ref().and_then(Kept::group);
        if let Some(stale) = old_group.filter(|stale| Some(*stale) != group.as_ref()) {
            discard(&mut self.groups, stale, reference);
        }
        if let Some(group) = group {
            self.doubts.remove(reference);
            self.groups.entry(group).or_default().insert(name);
        }
        old
    }

    /// The group as it is kept, or a new one to keep.
    fn group(&self, group: Group) -> Arc<Group> {
        let known = self.groups.get_key_value(&group).map(|(known, _)| known.clone());
        known.unwrap_or_else(|| Arc::new(group))
    }

    /// Drops an object that left its watch; returns what it was.
    pub(super) fn take(&mut self, reference: &ObjectRef) -> Option<Kept> {
        let old = self.kinds.get_mut(&reference.kind)?.remove(reference)?;
        if let Some(group) = old.group() {
            discard(&mut self.groups, group, reference);
        }
        Some(old)
    }

    /// Remembers that a member left the watch, but may exist without our label.
    pub(super) fn doubt(&mut self, group: Group, reference: ObjectRef, now: Instant) {
        self.doubts.retain(|_, (_, since)| now.duration_since(*since) < DOUBT);
        self.doubts.insert(reference, (group, now));
    }

    /// Ends the doubt about a member: it does not exist.
    pub(super) fn believe(&mut self, reference: &ObjectRef) {
        self.doubts.remove(reference);
    }

    /// The members of a group, those in doubt included.
    pub(super) fn members(&self, group: &Group) -> BTreeSet<ObjectRef> {
        let known = self.groups.get(group).into_iter().flat_map(Few::iter).map(Arc::as_ref);
        let doubted = self.doubts.iter().filter(|(_, (of, _))| of == group).map(|(reference, _)| reference);
        known.chain(doubted).cloned().collect()
    }

    /// Whether the first list of a kind is complete.
    pub(super) fn is_synced(&self, kind: &Kind) -> bool {
        self.synced.contains(kind)
    }

    /// The first list of a kind is complete.
    pub(super) fn sync(&mut self, kind: &Kind) {
        self.synced.insert(*kind);
    }

    /// Nobody watches the kind any more.
    pub(super) fn drop_kind(&mut self, kind: &Kind) {
        self.synced.remove(kind);
        let references: Vec<_> = self.of_kind(kind).map(|(reference, _)| reference.clone()).collect();
        for reference in references {
            self.take(&reference);
        }
        self.doubts.retain(|reference, _| !kind.is_of(reference));
    }
}

fn discard(groups: &mut HashMap<Arc<Group>, Few<Arc<ObjectRef>>>, group: &Group, reference: &ObjectRef) {
    if let Some(members) = groups.get_mut(group) {
        members.remove(reference);
        if members.is_empty() {
            groups.remove(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slice(name: &str, service: &str) -> (ObjectRef, Arc<Object>) {
        let object = json!({"metadata": {"name": name, "labels": {SERVICE_NAME: service}}});
        (ObjectRef::new("discovery.k8s.io/v1", ENDPOINT_SLICE, "n", name), Arc::new(object))
    }

    fn group(service: &str) -> Group {
        Group::Slices("n".to_owned(), service.to_owned())
    }

    #[test]
    fn a_slice_that_changes_its_service_changes_its_group() {
        let mut store = Store::default();
        let (reference, object) = slice("s", "a");
        store.put(&reference, object);
        store.put(&reference, slice("s", "b").1);
        assert!(store.members(&group("a")).is_empty());
        assert_eq!(store.members(&group("b")), BTreeSet::from([reference]));
    }

    #[test]
    fn a_member_in_doubt_stays_a_member_until_it_is_known_to_be_gone() {
        let mut store = Store::default();
        let (reference, object) = slice("s", "a");
        store.put(&reference, object);
        store.take(&reference);
        store.doubt(group("a"), reference.clone(), Instant::now());
        assert_eq!(store.members(&group("a")), BTreeSet::from([reference.clone()]));
        store.believe(&reference);
        assert!(store.members(&group("a")).is_empty());
    }

    #[test]
    fn kinds_of_one_name_and_two_groups_do_not_meet() {
        let services = Kind::named("Service").unwrap();
        let other = Kind { api_version: "serving.knative.dev/v1", ..*services };
        let mut store = Store::default();
        for kind in [services, &other] {
            store.put(&kind.reference("n", "a"), Arc::new(json!({"metadata": {"name": "a"}})));
        }
        store.sync(&other);
        assert!(!store.is_synced(services) && store.is_synced(&other));
        assert_eq!(store.of_kind(services).count(), 1);
        store.drop_kind(&other);
        assert_eq!((store.of_kind(services).count(), store.of_kind(&other).count()), (1, 0));
    }

    #[test]
    fn a_snapshot_belongs_to_the_canary_of_its_annotation_or_owner_reference() {
        let reference = ObjectRef::new("apps/v1", CONTROLLER_REVISION, "n", "r");
        let expected = Some(Group::Snapshots(CanaryKey::new("n", "podinfo")));
        let annotated = json!({"metadata": {"annotations": {"sluice.dev/canary": "podinfo"}}});
        let owned = json!({"metadata": {"ownerReferences": [{"kind": "Canary", "name": "podinfo"}]}});
        assert_eq!(Group::of(&reference, &annotated), expected);
        assert_eq!(Group::of(&reference, &owned), expected);
        assert_eq!(Group::of(&reference, &json!({})), None);
    }

    #[test]
    fn the_objects_of_a_canarys_routes_are_one_group_over_all_routers() {
        let marked = json!({"metadata": {"annotations": {"sluice.dev/canary": "podinfo"}}});
        for kind in crate::routing::kinds() {
            let reference = ObjectRef::new(kind.api_version, kind.kind, "n", "r");
            assert_eq!(Group::of(&reference, &marked), Some(Group::Routes(CanaryKey::new("n", "podinfo"))));
            assert_eq!(Group::of(&reference, &json!({})), None);
        }
        assert_eq!(Group::of(&ObjectRef::new("v1", "Service", "n", "r"), &marked), None);
    }
}
