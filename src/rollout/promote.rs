//! The end of a good run: the primary gets the revision, then the traffic, then the target rests.

use super::{
    Reason,
    analyse::{return_to_promoted, supersede, take_back, weight},
    clock::later,
    draft::Draft,
    gates::called_back,
    refs,
    rest::settled,
    scene::{Revised, Scene},
    words,
};
use crate::{api::Phase, routing::Weight, workload::Readiness};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// The analysis passed, or there is none.
pub(super) fn begin_promotion(scene: &Scene<'_>, draft: &mut Draft<'_>, why: &str) {
    let before = weight(draft);
    let share = scene.plan.promotion_weight(before);
    draft.enter(Phase::Promoting);
    // Without analysis no pod of the target was waited for, so none gets traffic.
    if !scene.skips_analysis() {
        draft.status.canary_weight = share.into();
    }
    let revision = draft.status.last_applied_spec.clone().unwrap_or_default();
    let told = format!("{why} {} gets revision {revision}", refs::primary_name(scene.canary));
    let meanwhile = match share > before && weight(draft) == share {
        true => format!("The canary's share is raised from {before} % to {share} % meanwhile."),
        false => words::keeps(weight(draft)),
    };
    draft.event(Reason::Promoting, words::and(told, &meanwhile));
    // The wait for the primary begins with the write that begins the promotion.
    draft.overdue(scene.deadline());
}

/// Waits for the primary and gives it its traffic back.
pub(super) fn promote(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let revision = draft.status.last_applied_spec.clone().unwrap_or_default();
    if !scene.skips_analysis()
        && let Some(back) = called_back(scene, draft, &revision)
    {
        draft.enter(Phase::Failed);
        let told = format!("The primary gets its old revision back. {}", back.why);
        draft.event(Reason::RolledBack, words::and(told, &words::leaves(weight(draft), weight(draft))));
        if weight(draft) > Weight::ZERO {
            // It was taken back, as in a run: it keeps its traffic no longer than any other.
            draft.overdue(scene.deadline());
        }
        return draft.alert(back.alert);
    }
    if !scene.can_copy(&revision) {
        // One of its configs has moved on before it was copied: what was analysed is nowhere any more.
        match scene.revised(&draft.status) {
            Revised::New(newer) => return supersede(scene, draft, &newer),
            Revised::Promoted => return return_to_promoted(scene, draft),
            Revised::Same => {}
        }
    }
    if switches(scene, draft) && !scene.primary_is_given(&revision) {
        // Nothing was replaced yet: what comes now takes the revision's place.
        match scene.revised(&draft.status) {
            Revised::New(newer) => return supersede(scene, draft, &newer),
            Revised::Promoted => return return_to_promoted(scene, draft),
            Revised::Same if !switched(scene, draft) => return,
            Revised::Same => {}
        }
    }
    if weight(draft) > Weight::ZERO
        && scene.revised(&draft.status) != Revised::Same
        && scene.primary_can_carry(Some(&revision))
    {
        // Meanwhile the target became something that nobody has analysed; its turn comes after this promotion.
        draft.status.canary_weight = 0;
        draft.event(Reason::TrafficReturned, "The target changed again: all traffic goes to the primary.");
    }
    match scene.primary_readiness(&revision) {
        Readiness::Ready => hand_back(scene, draft, revision),
        Readiness::Failed(why) => fail(draft, &why),
        Readiness::Waiting(why) => wait(scene, draft, &why),
    }
}

/// Waits for the primary until the deadline of the wait.
fn wait(scene: &Scene<'_>, draft: &mut Draft<'_>, why: &str) {
    if draft.overdue(scene.deadline()) {
        fail(draft, &format!("Not within {} s: {why}", scene.deadline().as_secs()));
    } else {
        draft.awaits(scene.deadline(), why);
    }
}

/// Whether all users are led to the canary before the primary is replaced: its pods may all go at once (`Recreate`).
fn switches(scene: &Scene<'_>, draft: &Draft<'_>) -> bool {
    scene.plan.switches() && !scene.skips_analysis() && weight(draft) > Weight::ZERO
}

/// Whether the primary may be given the revision that is being promoted.
pub(super) fn may_be_given(scene: &Scene<'_>, draft: &Draft<'_>, revision: &str) -> bool {
    let settled = draft.status.settle_until.as_ref().is_some_and(|until| until.0 <= scene.now);
    !switches(scene, draft) || settled || scene.primary_is_given(revision)
}

/// Whether all users have been led to the canary for the settle time. Acceptance speaks of the object, not of every proxy.
fn switched(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let led = match scene.canary_endpoints {
        0 => Err(format!("Service {} has no ready endpoint.", scene.canary.canary_service_name())),
        _ => scene.routed(&draft.status),
    };
    if let Err(why) = led {
        draft.status.settle_until = None;
        if draft.overdue(scene.deadline()) {
            take_back(scene, draft, &format!("Not within {} s: {why}", scene.deadline().as_secs()));
        } else {
            draft.awaits(scene.deadline(), why);
        }
        return false;
    }
    draft.status.deadline_at = None;
    draft.has_settled(scene.settle())
}

/// The primary could not run the revision: it gets back what it ran, and the traffic once it runs that.
fn fail(draft: &mut Draft<'_>, why: &str) {
    draft.enter(Phase::Failed);
    let told =
        format!("The primary did not become ready with the new revision and gets its old one back. {why}");
    draft.event(Reason::PromotionFailed, words::and(told, &words::leaves(weight(draft), weight(draft))));
}

/// Lowers the canary's share, at once or step by step, as far as the primary has pods for it.
fn hand_back(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: String) {
    let step =
        scene.analysis().and_then(|analysis| analysis.step_weight_promotion).unwrap_or(0).clamp(0, 100);
    let before = weight(draft);
    let steps = before > Weight::ZERO && step > 0;
    let due = draft.status.next_step_at.as_ref().map(|due| due.0);
    if let Some(due) = due.filter(|due| steps && *due > scene.now) {
        draft.status.deadline_at = None;
        return draft.wake_at(due);
    }
    let left = if steps { i32::from(before) - step } else { 0 };
    let left = Weight::try_from(i64::from(left)).unwrap_or(Weight::ZERO);
    let share = left.rest();
    if let Some(lack) = scene.lack(share).filter(|_| before > Weight::ZERO) {
        return wait(scene, draft, &lack.to_string());
    }
    draft.status.deadline_at = None;
    draft.status.canary_weight = left.into();
    if left > Weight::ZERO {
        let due = later(scene.now, scene.interval());
        draft.status.next_step_at = Some(MicroTime(due));
        draft.wake_at(due);
        let told = format!(
            "The primary gets {share} % of the traffic: it is ready, and the canary's share goes from {before} % to {left} %"
        );
        return draft.event(Reason::TrafficReturned, told);
    }
    draft.status.last_promoted_spec = Some(revision);
    draft.enter(Phase::Finalising);
    draft.event(Reason::TrafficReturned, "The primary runs the new revision and gets all traffic.");
    draft.overdue(scene.deadline());
}

/// Traffic is back: the target's pods go once every proxy knows.
pub(super) fn finalise(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    // A gateway that does not answer keeps the pods, not the revision: the next one has its turn.
    if settled(scene, draft) || draft.is_blocked() {
        draft.status.phase = Phase::Succeeded;
        draft.event(
            Reason::Promoted,
            format!(
                "Revision {} is promoted.",
                draft.status.last_promoted_spec.as_deref().unwrap_or_default()
            ),
        );
    }
}
