//! The gate in front of what users write: it adjusts targets as the real one does, and its rules are asked of what is stored.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::{
    admission::{Call, Catalog, Endpoint, Gate, Lookups, Mode, Operation, Request, standing},
    api::{Canary, Object, ObjectRef},
    rollout::Settings,
    simulation::{Memory, Rules},
};

/// Adjusts a target that a user has just written over `before`, as far as the gate's word counts.
pub(super) fn adjust(
    memory: &mut Memory,
    target: &ObjectRef,
    before: &Arc<Object>,
    mode: Mode,
    settings: &Settings,
) {
    let Some(after) = memory.objects().get(target).filter(|after| !Arc::ptr_eq(after, before)) else {
        return;
    };
    let mut catalog = Catalog::default();
    let canary = memory.get(&super::canary()).and_then(|canary| Canary::deserialize(canary).ok());
    canary.iter().for_each(|canary| catalog.apply(canary));
    let request = Request {
        uid: "1".to_owned(),
        kind: target.kind.clone(),
        group: "apps".to_owned(),
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        operation: Operation::Update,
        user: "gardener".to_owned(),
        object: Some(after.as_ref().clone()),
        old_object: Some(before.as_ref().clone()),
        ..Request::default()
    };
    let call = Call { endpoint: Endpoint::TargetMutate, mode, request };
    let verdict = Gate::new(settings.clone(), "sluice").judge(&call, &catalog, &Lookups::default());
    // What the gate cannot adjust passes as it is.
    let _ = memory.patch(target, &verdict.patch);
}

/// The standing rules, asked once for each Canary and generation: that costs more than a look.
pub(super) fn rules(settings: Settings) -> Rules {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    Box::new(move |stored, _| {
        let metadata = &stored["metadata"];
        let key = format!("{} {}", metadata["uid"], metadata["generation"]);
        let told = || {
            let Ok(canary) = Canary::deserialize(stored) else { return Vec::new() };
            let mut catalog = Catalog::default();
            catalog.apply(&canary);
            let problems = standing::problems(stored, &canary, &catalog, &settings, &Lookups::default());
            problems.iter().map(ToString::to_string).collect()
        };
        known.entry(key).or_insert_with(told).clone()
    })
}
