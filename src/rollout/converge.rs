//! What must be written so that the cluster agrees with the status. Called after every decision, also after none: each
//! write is left out where it would change nothing, so an idle Canary costs no call and a crash costs no step.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};

use super::{
    Effect, Manager, Reason, clock::later, configs, draft::Draft, observation::serves, promote::may_be_given,
    refs, scaler, scene::Scene,
};
use crate::{
    api::{CanaryStatus, Phase, names, owned},
    routing::{self, Change, Traffic, Weight},
    workload::{self, Scaling},
};

/// Emits all writes, each after what it needs. What takes requests from the canary needs nothing and comes before all.
pub(super) fn converge(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    claim(scene, draft);
    snapshots(scene, draft);
    services_and_route(scene, draft);
    primary(scene, draft);
    scaler::converge(scene, draft);
    configs::tidy(scene, draft);
    target_pods(scene, draft);
}

/// Marks the target as ours, so that watches and the gate see it.
fn claim(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let Some(target) = &scene.target else { return };
    // The count of an autoscaler is nobody's wish.
    let replicas = target.replicas.filter(|replicas| *replicas > 0 && !scene.is_autoscaled());
    let replicas = replicas.map(|replicas| replicas.to_string());
    let remembers = |wished: &str| owned::has(target.object, "annotations", names::REPLICAS, wished);
    if owned::is_claimed(scene.canary, target.object) && replicas.as_deref().is_none_or(remembers) {
        return;
    }
    let mut claim = owned::claim(scene.canary);
    if let Some(replicas) = replicas {
        claim["metadata"]["annotations"][names::REPLICAS] = replicas.into();
    }
    merge(scene, draft, claim);
}

fn merge(scene: &Scene<'_>, draft: &mut Draft<'_>, mut patch: Value) {
    let Some(target) = &scene.target else { return };
    patch["metadata"]["resourceVersion"] = target.object["metadata"]["resourceVersion"].clone();
    draft.effect(Effect::Merge { reference: refs::target(scene.canary), patch, manager: Manager::Claim });
}

/// Keeps the promoted and the present revision, drops all others.
fn snapshots(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let kept = [draft.status.last_applied_spec.clone(), draft.status.last_promoted_spec.clone()];
    // At rest both are one.
    for revision in kept.iter().flatten().collect::<BTreeSet<_>>() {
        if let Some(snapshot) = scene.snapshot(revision).filter(|_| !scene.is_stored(revision)) {
            let object = snapshot.to_object(scene.canary);
            draft.effect(Effect::Apply { object, manager: Manager::Snapshot });
        }
    }
    for (reference, snapshot) in &scene.snapshots {
        let needed = kept.iter().flatten().any(|revision| revision == snapshot.revision.as_str());
        let object = scene.observation.live.get(reference).filter(|_| !needed);
        if let Some(uid) = object.and_then(|object| object["metadata"]["uid"].as_str()) {
            draft.effect(Effect::Delete { reference: reference.as_ref().clone(), uid: uid.to_owned() });
        }
    }
}

/// The Services and the route. Those that lead to the primary come only once it was ready.
fn services_and_route(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let live = &scene.observation.live;
    // As it was before this decision: only then were apex and route looked at.
    let serves = serves(scene.canary);
    if let Some(target) = &scene.target {
        match scene.observation.sketches.services(&target.bare, &target.selector, live) {
            Ok(services) => {
                let [canary, primary, apex] = services.as_ref();
                let others = std::iter::once(primary).chain(serves.then_some(apex));
                // A Canary that got another target gets another primary: clients follow once it has a pod.
                let others = others.filter(|service| !service.moves || scene.primary_is_up());
                for service in std::iter::once(canary).chain(others) {
                    if !service.stands {
                        let object = service.object.clone();
                        draft.effect(Effect::Apply { object, manager: Manager::Services });
                    }
                }
            }
            Err(error) => draft.block("ServiceNotPossible", error.to_string()),
        }
    }
    if !serves {
        return;
    }
    let traffic = if relearns(scene, draft) { Traffic::AT_REST } else { scene.traffic(&draft.status) };
    match scene.route_changes(&traffic) {
        Ok(changes) if takes_back(scene, draft, &traffic) => {
            changes.iter().for_each(|change| draft.lower(effect(change.clone())));
        }
        Ok(changes) => changes.iter().for_each(|change| carry_out(draft, change.clone())),
        Err(error) => {
            draft.block("RouteNotPossible", error.to_string());
            // What is in the way is somebody else's: no watch tells of its end.
            draft.wake_at(later(scene.now, scene.interval()));
        }
    }
    let gone = draft.rests() && scene.routed(&draft.status).is_ok();
    if gone {
        let mut former = routing::returned(scene.router, scene.canary, live);
        if former.is_empty() {
            former = routing::farewell(scene.router, scene.canary, live);
        } else {
            // Every proxy is to know of this before the next step.
            draft.status.settle_until = None;
        }
        return former.into_iter().for_each(|change| carry_out(draft, change));
    }
    for change in routing::in_step(scene.router, scene.canary, live, traffic.weights) {
        match traffic.weights.canary {
            Weight::ZERO => draft.lower(effect(change)),
            _ => carry_out(draft, change),
        }
    }
}

/// Whether a user's route, written anew in a run, leads by the apex alone, or has done so until just now. A proxy that has heard of that
/// has forgotten primary and canary; they get their places again, and the shares of the step once all proxies have had the settle
/// time to learn of them. Meanwhile the apex, which means the primary, has all requests. Where the primary cannot carry them, or is
/// being replaced, there is no time to wait, and places and shares come in one write.
fn relearns(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let runs = matches!(draft.status.phase, Phase::Progressing | Phase::WaitingPromotion);
    if !runs || !scene.primary_can_carry(draft.status.last_promoted_spec.as_deref()) {
        return false;
    }
    let waits = |status: &CanaryStatus| status.settle_until.clone().filter(|until| until.0 > scene.now);
    let placeless = routing::placeless(scene.router, scene.canary, &scene.observation.live);
    if placeless && waits(&draft.status).is_none() {
        draft.status.settle_until = Some(MicroTime(later(scene.now, scene.settle())));
    }
    let waits = waits(&draft.status);
    waits.iter().for_each(|until| draft.wake_at(until.0));
    waits.is_some()
}

/// Whether the route as it stands gives the canary more than it is to have, or copies that a run has left behind.
fn takes_back(scene: &Scene<'_>, draft: &Draft<'_>, traffic: &Traffic) -> bool {
    let Some(route) = &scene.route else { return false };
    let (has, wanted) = (route.weights.canary, traffic.weights.canary);
    let ended = draft.status.phase == Phase::Failed && draft.status.settle_until.is_none();
    has > wanted || ended && wanted == Weight::ZERO && traffic.mirror.is_none()
}

pub(super) fn carry_out(draft: &mut Draft<'_>, change: Change) {
    draft.effect(effect(change));
}

pub(super) fn effect(change: Change) -> Effect {
    match change {
        Change::Apply(object) => Effect::Apply { object, manager: Manager::Route },
        Change::Patch { reference, patch } => Effect::Patch { reference, patch, manager: Manager::Route },
        Change::Delete { reference, uid } => Effect::Delete { reference, uid },
    }
}

/// The primary as the phase wants it: the promoted revision, or the one that is being promoted.
fn primary(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let status = &draft.status;
    let promoting = matches!(status.phase, Phase::Promoting | Phase::Finalising);
    let revision = match &status.last_promoted_spec {
        Some(promoted) if !promoting => Some(promoted),
        _ => status.last_applied_spec.as_ref(),
    };
    let Some(revision) = revision.cloned() else { return };
    if draft.status.phase == Phase::Promoting && !may_be_given(scene, draft, &revision) {
        return;
    }
    let stand = configs::copies(scene, draft, &revision);
    if !stand && (promoting || draft.status.last_promoted_spec.is_none()) {
        // Its new pods would find what the old ones have, or nothing.
        return;
    }
    let wished = promoting && !scene.is_autoscaled();
    let replicas = if wished { scene.wished_replicas() } else { scene.primary_replicas() };
    let Some(object) = scene.render_primary(&revision, replicas) else { return };
    let live = scene.primary;
    let by_hand = live.and_then(|live| workload::break_glass(live));
    if by_hand.is_some() && draft.status.phase == Phase::Promoting {
        // This is the promotion until which the change by hand was to stay. Next time the primary gets the revision.
        return mend_glass(scene, draft);
    }
    if live.is_some_and(|live| scene.observation.sketches.contains(live, &object)) {
        return more_pods(scene, draft);
    }
    if let Some(reason) = by_hand.filter(|_| draft.status.last_promoted_spec.is_some()) {
        if matches!(draft.status.phase, Phase::Initialized | Phase::Succeeded | Phase::Failed) {
            let name = refs::primary_name(scene.canary);
            let told = format!("{name} was changed by hand and stays so until the next promotion: {reason}");
            draft.event_once(Reason::BreakGlass, told);
        }
        return;
    }
    let mut object = object.as_ref().clone();
    if let Some(live) = live.filter(|_| scene.is_autoscaled()) {
        // Our apply has to name the count, or the API server takes 1; the autoscaler may have moved it since we looked.
        object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    }
    // In the same phase as before, nothing of ours has asked for a change: somebody else changed or deleted it.
    let unasked = live.is_none_or(|live| owned::was_applied(live))
        && draft.phase_before() == draft.status.phase
        && !matches!(draft.status.phase, Phase::Initializing | Phase::Promoting);
    if unasked {
        let name = refs::primary_name(scene.canary);
        // A policy may undo what we apply each time: told once for each state that we found.
        let found = match live {
            Some(live) => format!("was changed (generation {})", live["metadata"]["generation"]),
            None => "was deleted".to_owned(),
        };
        draft.event_once(
            Reason::PrimaryRestored,
            format!("{name} {found} and is put back to revision {revision}."),
        );
    }
    draft.effect(Effect::Apply { object, manager: Manager::Primary });
}

/// Takes away the annotations by which a change by hand was left alone.
fn mend_glass(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let Some(primary) = scene.primary else { return };
    let version = &primary["metadata"]["resourceVersion"];
    let gone = json!({names::BREAK_GLASS: null, names::BREAK_GLASS_BY: null});
    let patch = json!({"metadata": {"resourceVersion": version, "annotations": gone}});
    draft.effect(Effect::Merge { reference: refs::primary(scene.canary), patch, manager: Manager::Claim });
}

/// While the primary is about to take traffic back: as many pods as serve now, if its autoscaler has not made them yet.
fn more_pods(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    if !scene.is_autoscaled() {
        return;
    }
    let promoting = draft.status.phase == Phase::Promoting && draft.status.canary_weight > 0;
    let Some(lack) = scene.lack(Weight::FULL).filter(|lack| scene.primary_replicas() < lack.needs()) else {
        return;
    };
    if promoting || scene.pods_awaited_until(draft).is_some_and(|until| until > scene.now) {
        draft.effect(Effect::Scale { reference: refs::primary(scene.canary), replicas: lack.needs() });
    }
}

/// Pods for a run, none without one.
fn target_pods(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let Some(target) = &scene.target else { return };
    match draft.status.phase {
        Phase::Progressing | Phase::WaitingPromotion if target.idle && !scene.skips_analysis() => {
            let wished = workload::wished(target.object).filter(|_| !scene.is_autoscaled());
            let started = if scene.is_autoscaled() { scene.fewest() } else { scene.primary_replicas() };
            let replicas = wished.unwrap_or(started).max(1);
            scale(scene, draft, replicas);
        }
        Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting if !target.idle => {
            if !draft.rests() {
                return;
            }
            if draft.phase_before() == draft.status.phase && draft.target_moved() {
                let reference = refs::target(scene.canary);
                let sentence = match target.replicas {
                    Some(held) => format!(
                        "{reference} was scaled to {held} while idle; the next promotion takes {held} to the primary."
                    ),
                    None => format!("{reference} was made to run while idle; its pods go again."),
                };
                draft.event(Reason::ReplicasHeld, sentence);
            }
            scale(scene, draft, 0);
        }
        _ => {}
    }
}

pub(super) fn scale(scene: &Scene<'_>, draft: &mut Draft<'_>, replicas: i32) {
    match scene.kind.scaled(replicas) {
        Scaling::Replicas(replicas) => {
            draft.effect(Effect::Scale { reference: refs::target(scene.canary), replicas });
        }
        Scaling::Patch(patch) => merge(scene, draft, patch),
    }
}
