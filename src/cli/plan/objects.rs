//! The objects that Sluice applies, found by running the controller against a cluster in memory: so whatever it learns to
//! make is in the plan.

use jiff::SignedDuration;
use serde_json::json;

use crate::{
    analysis::Sample,
    api::{ConditionStatus, Object, ObjectRef},
    rollout::{Effect, Manager, Settings},
    simulation::{Deed, Simulation, no_faults},
    workload::configs,
};

/// How long the cluster in memory is watched: its pods start and its routes are accepted well within.
const WATCHED: SignedDuration = SignedDuration::from_mins(1);
/// Stands for the uid of a Canary that was never stored.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// What the controller makes of a Canary.
pub(super) struct Made {
    /// The objects in the order in which they are first applied, each with the fields that Sluice applies.
    pub(super) objects: Vec<Object>,
    /// What keeps the Canary from being served, as the controller says it.
    pub(super) blocked: Option<String>,
}

/// Runs the controller until the primary serves. `context` are all other objects that it may find.
pub(super) fn make(canary: &Object, target: &Object, context: &[Object], settings: &Settings) -> Made {
    let mut canary = fresh(canary);
    if canary["metadata"]["uid"].is_null() {
        canary["metadata"]["uid"] = json!(NO_UID);
    }
    let passes = Box::new(|_: &_| Ok(Sample::NoData));
    let mut simulation = Simulation::new(canary, fresh(target), settings.clone(), passes, no_faults());
    let namespace = ObjectRef::of(target).namespace;
    for reference in target.pointer("/spec/template").map(configs::references).unwrap_or_default() {
        // Content that is in no file: the copy is told without it.
        if !reference.optional {
            simulation.user(&reference.config.object(&namespace), &json!({}));
        }
    }
    for object in context {
        simulation.user(&ObjectRef::of(object), &fresh(object));
    }
    let restless = simulation.run_for(WATCHED, |_| {}).err();
    let status = simulation.status();
    let stalled = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Stalled" && condition.status == ConditionStatus::True);
    let blocked = stalled.map(|condition| condition.message.clone());
    Made { objects: applied(&simulation), blocked: blocked.or(restless.map(|restless| restless.to_string())) }
}

/// The last version of each object that was applied. Snapshots of revisions are the controller's own notes.
fn applied(simulation: &Simulation) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for (_, deed) in &simulation.world.state().deeds {
        let Deed::Effect(Effect::Apply { object, manager }) = deed else { continue };
        if *manager == Manager::Snapshot {
            continue;
        }
        match objects.iter_mut().find(|known| ObjectRef::of(known) == ObjectRef::of(object)) {
            Some(known) => *known = object.clone(),
            None => objects.push(object.clone()),
        }
    }
    objects
}

/// The object as a user writes it, without what a cluster adds.
pub(in crate::cli) fn fresh(object: &Object) -> Object {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["resourceVersion", "generation", "managedFields", "creationTimestamp", "selfLink"] {
            metadata.remove(field);
        }
    }
    object
}
