//! Route objects of a Canary that its present router has no need of, for another provider or another name was chosen: they lead
//! as wished until the new route is in force. Then what we made is deleted, and what a user made leads to the apex again, step by step.

use json_patch::{
    Patch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation, jsonptr::PointerBuf,
};
use serde_json::json;

use super::{Change, ROUTERS, Router, Traffic, Weights, chosen, reverted, rule::Meaning, shared};
use crate::api::{Canary, Live, Object, ObjectRef, names, owned};

/// The objects that carry this Canary's mark and that the present router does not need, each with the router of its kind; what
/// leads to others comes before them.
pub fn former<'a>(
    present: &dyn Router,
    canary: &Canary,
    live: &'a Live,
) -> Vec<(&'static dyn Router, &'a ObjectRef, &'a Object)> {
    let needed = present.needs(canary);
    let mut former = marked(canary, live);
    former.retain(|(_, reference, _)| !needed.contains(*reference));
    former
}

/// The objects that carry this Canary's mark, in the same order.
fn marked<'a>(canary: &Canary, live: &'a Live) -> Vec<(&'static dyn Router, &'a ObjectRef, &'a Object)> {
    let name = canary.metadata.name.as_deref().unwrap_or_default();
    let namespace = canary.namespace_name();
    let is_routed = |kind: &str| ROUTERS.iter().flat_map(|router| router.kinds()).any(|of| of.kind == kind);
    let ours = live.iter().filter(|(reference, object)| {
        is_routed(&reference.kind)
            && reference.namespace == namespace
            && shared::annotation(object, names::CANARY) == Some(name)
    });
    let ours: Vec<_> = ours.collect();
    let mut marked = Vec::new();
    for router in ROUTERS.iter().copied() {
        for kind in router.kinds().iter().rev() {
            let of_kind = ours.iter().filter(|(reference, _)| {
                reference.kind == kind.kind && reference.api_version == kind.api_version
            });
            marked.extend(of_kind.map(|(reference, object)| (router, *reference, *object)));
        }
    }
    marked
}

/// The writes by which no rule of an object with this Canary's mark gives the canary anything. Nothing else is changed in them,
/// whatever the Canary asks for.
pub fn withdrawn(canary: &Canary, live: &Live) -> Vec<Change> {
    let patch = |(router, reference, object): (&dyn Router, &ObjectRef, &Object)| {
        let mut operations = Vec::new();
        for rule in router.rules(canary, object) {
            let Meaning::Split { .. } = rule.meaning(canary) else { continue };
            let moved = shared::split(router, canary, &rule, object, Weights::TO_PRIMARY, true);
            if !moved.is_empty() {
                operations.push(shared::tested(&rule, object));
                operations.extend(moved);
            }
        }
        let patch = Patch(operations);
        (!patch.is_empty()).then(|| Change::Patch { reference: reference.clone(), patch })
    };
    marked(canary, live).into_iter().filter_map(patch).collect()
}

/// The writes that keep the former objects in step while the new route is not in force. One that cannot be is left as it is.
pub fn in_step(present: &dyn Router, canary: &Canary, live: &Live, weights: Weights) -> Vec<Change> {
    // The share is one of the requests that are chosen, and a former route may know nothing of them.
    let weights = if chosen(present, canary).is_empty() { weights } else { Weights::TO_PRIMARY };
    let patch = |(router, reference, object): (&dyn Router, &ObjectRef, &Object)| {
        let patch = shared::inside(router, canary, reference, object, &Traffic::from(weights)).ok()??;
        Some(Change::Patch { reference: reference.clone(), patch })
    };
    former(present, canary, live).into_iter().filter_map(patch).collect()
}

/// The next writes by which former objects of users give all to the apex, as at the end of a Canary: each has to be known to
/// proxies before the next. None where they do, and [`farewell`] may follow.
pub fn returned(present: &dyn Router, canary: &Canary, live: &Live) -> Vec<Change> {
    let mut users = former(present, canary, live);
    users.retain(|(_, _, object)| !owned::controls(canary, object));
    reverted::returned(canary, users)
}

/// The writes by which the former objects go, once those of users give all to the apex ([`returned`]).
pub fn farewell(present: &dyn Router, canary: &Canary, live: &Live) -> Vec<Change> {
    let mut changes = Vec::new();
    for (router, reference, object) in former(present, canary, live) {
        let reference = reference.clone();
        if !owned::controls(canary, object) {
            changes.push(Change::Patch { reference, patch: given_back(router, canary, object) });
        } else if let Some(uid) = object.pointer("/metadata/uid").and_then(|uid| uid.as_str()) {
            changes.push(Change::Delete { reference, uid: uid.to_owned() });
        }
    }
    changes
}

/// The writes by which all objects of users are theirs again at once: for a Canary that goes while nobody serves any more.
pub fn abandoned(canary: &Canary, live: &Live) -> Vec<Change> {
    let users = marked(canary, live).into_iter().filter(|(_, _, object)| !owned::controls(canary, object));
    let back = |(router, reference, object): (&'static dyn Router, &ObjectRef, &Object)| Change::Patch {
        reference: reference.clone(),
        patch: given_back(router, canary, object),
    };
    users.map(back).collect()
}

/// The patch by which an object of a user leads to the apex again, which means the primary, and carries no mark of ours.
fn given_back(router: &dyn Router, canary: &Canary, object: &Object) -> Patch {
    let version = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    let path = shared::pointer("/metadata/resourceVersion");
    let mut operations = vec![PatchOperation::Test(TestOperation { path, value: version })];
    for rule in router.rules(canary, object) {
        let Meaning::Split { primary, .. } = rule.meaning(canary) else { continue };
        let Some(mut backend) = object.pointer(&format!("{}/{primary}", rule.pointer)).cloned() else {
            continue;
        };
        router.lead(canary, &mut backend, canary.apex_name());
        backend["weight"] = 100.into();
        let path = shared::pointer(&rule.pointer);
        operations.push(PatchOperation::Replace(ReplaceOperation { path, value: json!([backend]) }));
    }
    for (field, key) in [("labels", names::MANAGED), ("annotations", names::CANARY)] {
        if object["metadata"][field].get(key).is_some() {
            let path = PointerBuf::from_tokens(["metadata", field, key]);
            operations.push(PatchOperation::Remove(RemoveOperation { path }));
        }
    }
    Patch(operations)
}
