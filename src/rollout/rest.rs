//! Before and between runs: the first primary, and waiting for a new revision.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::{
    Reason,
    analyse::{primary_takes_back, start, take_back},
    clock::later,
    draft::Draft,
    gates::{called_back, may_start, nothing_waits},
    hooks, refs,
    scene::{Revised, Scene},
};
use crate::{
    api::Phase,
    routing::{self, Weight},
    workload::{Readiness, RevisionId},
};

/// From nothing to a primary that serves. The target keeps serving until then, whatever happens to the primary.
pub(super) fn initialise(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    if draft.status.phase == Phase::Unset {
        draft.status.phase = Phase::Initializing;
        draft.event(
            Reason::Initializing,
            format!("Making {} and its Services.", refs::primary_name(scene.canary)),
        );
    }
    let Some(target) = &scene.target else {
        let target = refs::target(scene.canary);
        return draft
            .block("TargetMissing", format!("{target} does not exist: create it, or mend spec.targetRef."));
    };
    if draft.status.last_promoted_spec.is_none() {
        // The primary serves nobody yet: it follows the target, so that no change is lost and a broken first version
        // can be mended.
        let revision = target.snapshot.revision.to_string();
        if draft.status.last_applied_spec.as_ref() != Some(&revision) {
            draft.status.deadline_at = None;
        }
        match scene.primary_readiness(&revision) {
            Readiness::Ready => {
                draft.status.last_promoted_spec = Some(revision.clone());
                draft.status.deadline_at = None;
                let primary = refs::primary_name(scene.canary);
                draft.say(format!("{primary} is ready; Services and route lead to it"));
            }
            Readiness::Waiting(why) | Readiness::Failed(why) => {
                if draft.overdue(scene.deadline()) {
                    draft.block(
                        "PrimaryNotReady",
                        format!("{why} The target goes on serving; mend its pod template."),
                    );
                } else {
                    draft.awaits(scene.deadline(), why);
                }
            }
        }
        draft.status.last_applied_spec = Some(revision);
    } else if settled(scene, draft) {
        draft.status.phase = Phase::Initialized;
        draft.event(
            Reason::Initialized,
            format!("{} serves; {} idles at zero.", refs::primary_name(scene.canary), target_name(scene)),
        );
    }
}

/// Between runs: a new revision starts one; what the last run left behind is finished.
pub(super) fn idle(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    match scene.revised(&draft.status) {
        Revised::New(revision) if failed_with_the_peer(draft) => {
            draft.status.last_applied_spec = Some(revision.to_string());
            draft.say(format!(
                "{} asks for a revision that failed with Flagger; the next one is analysed.",
                target_name(scene)
            ));
        }
        Revised::New(revision) if draft.status.phase == Phase::Waiting => {
            if let Some(back) = called_back(scene, draft, revision.as_str()) {
                draft.status.last_applied_spec = Some(revision.to_string());
                take_back(scene, draft, &back.why);
                return draft.alert(back.alert);
            }
            if begins(scene, draft, &revision) {
                return start(scene, draft, &revision);
            }
        }
        Revised::New(revision) => {
            if begins(scene, draft, &revision) {
                return start(scene, draft, &revision);
            }
        }
        Revised::Promoted => stand_by_promoted(scene, draft),
        Revised::Same => nothing_waits(draft),
    }
    if draft.status.canary_weight > 0 {
        if let Some(awaited) = awaited(scene, draft) {
            // Its pods, its endpoints and a new revision wake us: nothing else is to be done.
            return draft.block("PrimaryNotReady", format!("Traffic stays where it is until {awaited}."));
        }
        draft.status.canary_weight = 0;
        draft.status.settle_until = None;
        draft.status.deadline_at = None;
        draft.event(Reason::TrafficReturned, "All traffic goes to the primary.");
    }
    settled(scene, draft);
}

/// What has to be before the primary takes its traffic back; none if it does so now.
fn awaited(scene: &Scene<'_>, draft: &mut Draft<'_>) -> Option<String> {
    if !primary_takes_back(scene, draft) {
        return Some(format!("{} is ready to take it back", refs::primary_name(scene.canary)));
    }
    let lack = scene.lack(Weight::FULL)?;
    let until = scene.pods_awaited_until(draft).filter(|until| *until > scene.now)?;
    draft.wake_at(until);
    Some(lack.awaited())
}

/// Whether the last run was the peer's and failed. Its ids of revisions cannot be read; it keeps that of the target up to date
/// as long as nothing new is to be analysed, so what the target asks for now is what failed.
fn failed_with_the_peer(draft: &Draft<'_>) -> bool {
    let status = &draft.status;
    let foreign = status.last_applied_spec.as_deref().is_some_and(|id| !RevisionId::is_ours(id));
    status.phase == Phase::Failed && status.target.is_none() && foreign
}

/// Whether a run of a new revision begins now.
fn begins(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) -> bool {
    may_start(scene, draft, revision)
        && is_read_by_new_pods(scene, draft, revision)
        && has_its_turn(scene, draft, revision)
}

/// Whether only pods that are yet to start will run a revision, as far as its configs differ from what pods may have read; if not,
/// the target rests first.
fn is_read_by_new_pods(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) -> bool {
    if scene.skips_analysis() || !scene.has_stale_pods(&draft.status) {
        return true;
    }
    // What has settled so far counts.
    draft.status.phase = Phase::Waiting;
    draft.say(format!(
        "Revision {revision} waits until the pods of {} that read older configs are gone.",
        target_name(scene)
    ));
    false
}

/// Whether a rollout may start beside those that go on; if not, people are told, and whoever keeps the queue wakes us.
fn has_its_turn(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) -> bool {
    if let Some(full) = &scene.observation.full {
        draft.queue(revision.as_str(), full);
    }
    scene.observation.full.is_none()
}

/// The target asks for what the primary runs: nothing is to be analysed.
pub(super) fn stand_by_promoted(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let Some(target) = &scene.target else { return };
    hooks::forget(draft);
    let revision = target.snapshot.revision.to_string();
    // The primary's hash moved under the same content (a newer Kubernetes, or a primary of the peer): adopt it.
    draft.status.last_promoted_spec = Some(revision.clone());
    draft.status.last_applied_spec = Some(revision);
    if draft.status.phase != Phase::Initialized {
        draft.enter(Phase::Succeeded);
        draft.say(format!("{} asks for what the primary runs.", target_name(scene)));
    }
}

/// Whether the route has stood at zero for the settle time, so that pods may go. Acceptance speaks of the object, not
/// of every proxy.
pub(super) fn settled(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    // Somebody gave the canary a share behind our back, or another route takes over: it settles anew.
    let share = scene.route.as_ref().is_some_and(|route| route.weights.canary > Weight::ZERO);
    let live = &scene.observation.live;
    let changes = || !routing::former(scene.router, scene.canary, live).is_empty();
    if share || scene.routed(&draft.status).is_err() && changes() {
        draft.status.settle_until = None;
    }
    match &draft.status.settle_until {
        Some(until) if until.0 <= scene.now => return true,
        Some(until) => draft.wake_at(until.0),
        None => match scene.routed(&draft.status) {
            Ok(()) => {
                let until = later(scene.now, scene.settle());
                draft.status.deadline_at = None;
                draft.status.settle_until = Some(MicroTime(until));
                draft.wake_at(until);
            }
            Err(why) => {
                if draft.overdue(scene.deadline()) {
                    draft.block("RouteNotAccepted", why);
                } else if matches!(draft.status.phase, Phase::Initializing | Phase::Finalising) {
                    // At rest, the end of the last run stays the last word.
                    draft.awaits(scene.deadline(), why);
                }
            }
        },
    }
    false
}

fn target_name(scene: &Scene<'_>) -> String {
    refs::target(scene.canary).to_string()
}
