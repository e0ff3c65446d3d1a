//! The autoscaler of a Canary: the user's is claimed, the primary's follows it at once and without a run, and goes when the
//! Canary does not name it any more.

use super::{Effect, Manager, draft::Draft, refs, scene::Scene};
use crate::{
    api::{ObjectRef, owned},
    workload,
};

/// Emits the writes that make the primary's autoscaler what the user's is, and leave no other one of ours.
pub(super) fn converge(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    follow(scene, draft);
    let named = refs::autoscalers(scene.canary).map(|(_, copy)| copy);
    for (reference, object) in scene.observation.live.of_kind("HorizontalPodAutoscaler") {
        let ours = owned::controls(scene.canary, object) && Some(reference) != named.as_ref();
        if let Some(uid) = object["metadata"]["uid"].as_str().filter(|_| ours) {
            draft.effect(Effect::Delete { reference: reference.clone(), uid: uid.to_owned() });
        }
    }
}

fn follow(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let (Some(named), Some((source, copy))) =
        (&scene.canary.spec.autoscaler_ref, refs::autoscalers(scene.canary))
    else {
        return;
    };
    let live = &scene.observation.live;
    let Some(object) = live.get_shared(&source) else {
        return draft.block(
            "AutoscalerMissing",
            format!("{source} does not exist, so nothing scales the primary: create it, or mend spec.autoscalerRef."),
        );
    };
    claim(scene, draft, source);
    if scene.primary.is_none() {
        return;
    }
    let present = live.get(&copy);
    if present.is_some_and(|present| !owned::controls(scene.canary, present)) {
        return draft.block(
            "AutoscalerTaken",
            format!("{copy} exists and is not this Canary's: delete or rename it, or rename the autoscaler."),
        );
    }
    let wished = scene.observation.sketches.scaler(scene.kind, named, object);
    if !present.is_some_and(|present| workload::contains(present, &wished)) {
        draft.effect(Effect::Apply { object: wished.as_ref().clone(), manager: Manager::Scaler });
    }
}

/// Marks the user's autoscaler as ours to watch, so that a look at it costs no call and a change of it is seen.
fn claim(scene: &Scene<'_>, draft: &mut Draft<'_>, reference: ObjectRef) {
    let Some(object) = scene.observation.live.get(&reference) else { return };
    if !owned::is_claimed(scene.canary, object) {
        let mut patch = owned::claim(scene.canary);
        patch["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
        draft.effect(Effect::Merge { reference, patch, manager: Manager::Claim });
    }
}
