//! From the objects of a router to the writes that make them so. What is ours is applied; inside an object of somebody else only
//! the backends of the rules that lead to us are replaced, under the condition that the object is still as we read it.

use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, TestOperation, jsonptr::PointerBuf};
use serde_json::{Value, json};

use super::{Router, RoutingError, Rule, Traffic, Weight, Weights, chosen, rule::Meaning};
use crate::api::{Canary, Live, Object, ObjectRef, at, names, owned};

/// One write for a route.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Server-side apply of an object of ours. It may be there already.
    Apply(Object),
    /// A patch inside an object of somebody else, with the tests that make it void if the object has moved.
    Patch {
        /// The object.
        reference: ObjectRef,
        /// Tests first, then the changes; never empty.
        patch: Patch,
    },
    /// Deletion of an object of ours that no route needs any more.
    Delete {
        /// The object.
        reference: ObjectRef,
        /// Its uid: another object of the same name stays.
        uid: String,
    },
}

/// The writes after which the live objects are as they were rendered for this traffic, in order. An object of somebody else
/// that is as wished needs none; an own object is always named.
///
/// # Errors
/// An object of somebody else is in the way.
pub fn writes(
    router: &dyn Router,
    canary: &Canary,
    live: &Live,
    traffic: &Traffic,
    rendered: Vec<Object>,
) -> Result<Vec<Change>, RoutingError> {
    let mut changes = Vec::new();
    for object in rendered {
        let reference = ObjectRef::of(&object);
        match live.get(&reference).filter(|present| !owned::controls(canary, present)) {
            None => changes.push(Change::Apply(object)),
            Some(present) => {
                let patch = inside(router, canary, &reference, present, traffic)?;
                changes.extend(patch.map(|patch| Change::Patch { reference, patch }));
            }
        }
    }
    Ok(changes)
}

/// Renders and writes at once.
#[cfg(test)]
pub fn changes(
    router: &dyn Router,
    canary: &Canary,
    live: &Live,
    settings: &super::Settings,
    traffic: &Traffic,
) -> Result<Vec<Change>, RoutingError> {
    writes(router, canary, live, traffic, router.render(canary, live, settings, traffic)?)
}

/// The patch inside an object of somebody else; none if it is as wished.
pub(super) fn inside(
    router: &dyn Router,
    canary: &Canary,
    reference: &ObjectRef,
    present: &Object,
    traffic: &Traffic,
) -> Result<Option<Patch>, RoutingError> {
    let taken = |why: String| RoutingError::Taken { reference: reference.clone(), why };
    let owner = annotation(present, names::CANARY);
    if let Some(other) = owner.filter(|owner| *owner != canary.metadata.name.as_deref().unwrap_or_default()) {
        return Err(taken(format!(
            "it belongs to Canary {other}; name another service in spec.service.name"
        )));
    }
    let chooses = traffic.weights.canary > Weight::ZERO && !chosen(router, canary).is_empty();
    if chooses || traffic.is_beyond_weights() {
        return Err(taken(
            "it is not this Canary's, so that only weights are changed in it, and its strategy asks for more; delete it, so that Sluice makes its own, or use steps of weight alone"
                .to_owned(),
        ));
    }
    let weights = traffic.weights;
    let rules = router.rules(canary, present);
    let mut edits = Vec::new();
    let mut ours = false;
    for rule in &rules {
        match rule.meaning(canary) {
            Meaning::Foreign => continue,
            Meaning::Mixed => {
                return Err(taken(format!(
                    "its rule at {} leads to Service {} and to others; give the Service a rule of its own",
                    rule.pointer,
                    canary.apex_name()
                )));
            }
            Meaning::Split { .. } | Meaning::Apex => {
                let known = weights.canary > Weight::ZERO;
                let moved = split(router, canary, rule, present, weights, known);
                if !moved.is_empty() {
                    edits.push(tested(rule, present));
                    edits.extend(moved);
                }
            }
        }
        ours = true;
    }
    if !ours {
        return Err(taken(if rules.is_empty() {
            "it exists and is not this Canary's; delete or rename it, so that Sluice can make its own"
                .to_owned()
        } else {
            format!(
                "it is not this Canary's, and no rule of it leads to Service {0} alone; add one, or delete the object so that Sluice makes its own",
                canary.apex_name()
            )
        }));
    }
    edits.extend(marks(canary, present));
    if edits.is_empty() {
        return Ok(None);
    }
    let version = present.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    let version = TestOperation { path: pointer("/metadata/resourceVersion"), value: version };
    Ok(Some(Patch(std::iter::once(PatchOperation::Test(version)).chain(edits).collect())))
}

/// The edits by which a rule that leads to us has these weights; none for any other rule, and for one that has them. A proxy may be
/// led to backends before it learns of them, and answers with errors until then. So a rule of the apex, which means the primary
/// too, goes on by it, and primary and canary get a place without requests, unless they are `known` or there is no time to wait.
pub(super) fn split(
    router: &dyn Router,
    canary: &Canary,
    rule: &Rule,
    present: &Object,
    weights: Weights,
    known: bool,
) -> Vec<PatchOperation> {
    match rule.meaning(canary) {
        Meaning::Foreign | Meaning::Mixed => Vec::new(),
        Meaning::Split { .. } if rule.weights(canary) == Some(weights) => Vec::new(),
        Meaning::Split { primary, canary: share, apex } => {
            let places =
                [(Some(primary), weights.primary.get()), (Some(share), weights.canary.get()), (apex, 0)];
            let places = places.into_iter().filter_map(|(place, weight)| Some((place?, weight)));
            let moved = places.filter(|(place, weight)| {
                rule.backends.get(*place).and_then(|backend| backend.weight) != Some(i64::from(*weight))
            });
            let weight =
                |(place, weight)| add(pointer(&format!("{}/{place}/weight", rule.pointer)), json!(weight));
            moved.map(weight).collect()
        }
        Meaning::Apex => {
            let Some(backend) = present.pointer(&format!("{}/0", rule.pointer)) else { return Vec::new() };
            let lead = |service: &str, weight: u8| {
                let mut backend = backend.clone();
                router.lead(canary, &mut backend, service);
                backend["weight"] = weight.into();
                backend
            };
            let primary = weights.primary.get();
            let (by_primary, by_apex) = if known { (primary, 0) } else { (0, primary) };
            let value = json!([
                lead(&canary.primary_service_name(), by_primary),
                lead(&canary.canary_service_name(), weights.canary.get()),
                lead(canary.apex_name(), by_apex),
            ]);
            vec![PatchOperation::Replace(ReplaceOperation { path: pointer(&rule.pointer), value })]
        }
    }
}

/// Whether a route that a user made leads to us by the apex alone, as before a Canary was there: it was just written anew.
pub fn placeless(router: &dyn Router, canary: &Canary, live: &Live) -> bool {
    let needed = router.needs(canary).into_iter();
    let mut users = needed.filter_map(|of| live.get(&of)).filter(|object| !owned::controls(canary, object));
    let by_apex = |rule: &Rule| rule.meaning(canary) == Meaning::Apex;
    users.any(|object| router.rules(canary, object).iter().any(by_apex))
}

/// The rule is still the one that we read.
pub(super) fn tested(rule: &Rule, present: &Object) -> PatchOperation {
    let value = present.pointer(&rule.pointer).cloned().unwrap_or_default();
    PatchOperation::Test(TestOperation { path: pointer(&rule.pointer), value })
}

/// Label and annotation by which the watch finds the object; drift in it wakes the Canary.
fn marks(canary: &Canary, present: &Object) -> Vec<PatchOperation> {
    let name = canary.metadata.name.as_deref().unwrap_or_default();
    let marks = [("labels", names::MANAGED, names::MANAGED_VALUE), ("annotations", names::CANARY, name)];
    let mut operations = Vec::new();
    for (field, key, value) in marks {
        let Some(map) = present["metadata"].get(field).filter(|map| map.is_object()) else {
            operations.push(add(PointerBuf::from_tokens(["metadata", field]), json!({ key: value })));
            continue;
        };
        if map.get(key).and_then(Value::as_str) != Some(value) {
            operations.push(add(PointerBuf::from_tokens(["metadata", field, key]), value.into()));
        }
    }
    operations
}

pub(super) fn annotation<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    at(object, &["metadata", "annotations", key])?.as_str()
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

/// A pointer to a place of a list: names of fields and numbers.
pub(super) fn pointer(path: &str) -> PointerBuf {
    PointerBuf::from_tokens(path.split('/').skip(1))
}
