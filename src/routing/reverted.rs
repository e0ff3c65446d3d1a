//! The routes of a Canary that is about to be gone: everything in them that led to primary or canary leads to the apex.

use json_patch::{Patch, PatchOperation, ReplaceOperation, TestOperation};
use serde_json::json;

use super::{Change, ROUTERS, Router, Rule, former, rule::Meaning, shared};
use crate::api::{Canary, Live, Object, ObjectRef, owned};

/// The objects that lead requests to the apex then; what has no list of backends goes with the Canary that made it.
pub fn led<'a>(router: &dyn Router, canary: &Canary, live: &'a Live) -> Vec<&'a ObjectRef> {
    let found = found(router, canary, live).into_iter();
    let lead = found.filter(|(router, _, object)| !router.rules(canary, object).is_empty());
    lead.map(|(_, reference, _)| reference).collect()
}

/// The writes by which they lead to the apex; none where they do.
pub fn reverted(router: &dyn Router, canary: &Canary, live: &Live) -> Vec<Change> {
    let patch = |(router, reference, object): (&dyn Router, &ObjectRef, &Object)| {
        let patch = to_apex(router, canary, object)?;
        Some(Change::Patch { reference: reference.clone(), patch })
    };
    found(router, canary, live).into_iter().filter_map(patch).collect()
}

/// The route objects of a Canary, each with the router of its kind: those that its router needs, and those of a former one.
fn found<'a>(
    router: &dyn Router,
    canary: &Canary,
    live: &'a Live,
) -> Vec<(&'static dyn Router, &'a ObjectRef, &'a Object)> {
    let needed = router.needs(canary);
    let present = live.iter().filter(|(reference, _)| needed.contains(reference));
    let present = present.filter_map(|(reference, object)| {
        let of =
            ROUTERS.iter().find(|router| router.kinds().iter().any(|kind| kind.kind == reference.kind))?;
        Some((*of, reference, object))
    });
    present.chain(former(router, canary, live)).collect()
}

fn to_apex(router: &dyn Router, canary: &Canary, object: &Object) -> Option<Patch> {
    let ours = owned::controls(canary, object);
    let replace = |rule: &Rule| {
        let place = primary(rule, canary, ours)?;
        let mut backend = object.pointer(&format!("{}/{place}", rule.pointer))?.clone();
        router.lead(canary, &mut backend, canary.apex_name());
        backend["weight"] = 100.into();
        let path = shared::pointer(&rule.pointer);
        Some(PatchOperation::Replace(ReplaceOperation { path, value: json!([backend]) }))
    };
    let rules = router.rules(canary, object);
    let edits: Vec<PatchOperation> = rules.iter().filter_map(replace).collect();
    if edits.is_empty() {
        return None;
    }
    let path = shared::pointer("/metadata/resourceVersion");
    let value = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    let test = PatchOperation::Test(TestOperation { path, value });
    Some(Patch(std::iter::once(test).chain(edits).collect()))
}

/// The place of the backend that becomes the apex, in a rule that is about us. In an object of ours that is every rule, also
/// one that leads to the primary alone, as an A/B run has it.
fn primary(rule: &Rule, canary: &Canary, ours: bool) -> Option<usize> {
    match rule.meaning(canary) {
        Meaning::Split { primary, .. } => Some(primary),
        Meaning::Foreign if ours => {
            let (primary, share) = (canary.primary_service_name(), canary.canary_service_name());
            let is_ours = |service: &Option<String>| {
                service.as_ref().is_some_and(|service| *service == primary || *service == share)
            };
            let all =
                !rule.backends.is_empty() && rule.backends.iter().all(|backend| is_ours(&backend.service));
            all.then_some(0)
        }
        Meaning::Foreign | Meaning::Mixed | Meaning::Apex => None,
    }
}
