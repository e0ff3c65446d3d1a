//! The state machine: one function from what is seen to what is done.

use jiff::Timestamp;

use super::{
    Decision, Observation, Reason, Settings,
    affinity::turn,
    analyse::progress,
    clock,
    converge::converge,
    draft::Draft,
    farewell,
    gates::post_rollout,
    hooks, outlook,
    promote::{finalise, promote},
    protect::protect,
    rest::{idle, initialise},
    scene::{REFUSED, Scene},
    words,
};
use crate::api::Phase;

/// Decides what is done about a Canary now. The phase and the other intents in the status move first, then everything
/// that does not agree with them is put right; so it does not matter at which point an earlier attempt ended.
pub fn decide(observation: &Observation, settings: &Settings, now: Timestamp) -> Decision {
    let canary = observation.canary.as_ref();
    let mut draft = Draft::new(canary, now);
    clock::bound(&mut draft.status, canary, settings, now);
    if canary.metadata.deletion_timestamp.is_some() {
        farewell::leave(observation, settings, now, &mut draft);
        return draft.finish(observation);
    }
    hooks::hear(canary, &observation.answers, &mut draft);
    if canary.spec.suspend {
        // What is awaited gets its whole time once the Canary goes on.
        draft.status.deadline_at = None;
        draft.say(words::SUSPENDED);
        draft.then(outlook::SUSPENDED);
        return draft.finish(observation);
    }
    if let Some(unread) = observation.unread.as_ref().filter(|unread| unread.holds()) {
        // What was not read is no change, and no reason to do anything but to keep users from what fails.
        if !unread.hides_all()
            && let Ok(scene) = Scene::see(observation, settings, now)
        {
            protect(&scene, &mut draft);
        }
        if draft.speaks() {
            draft.then(outlook::UNREAD);
        }
        return draft.finish(observation);
    }
    if !observation.problems.is_empty() {
        if let Ok(scene) = Scene::see(observation, settings, now) {
            protect(&scene, &mut draft);
        }
        draft.block(REFUSED, observation.problems.join(" "));
        draft.then(outlook::refused(canary, &draft.status));
        return draft.finish(observation);
    }
    match Scene::see(observation, settings, now) {
        Err(blocker) => {
            draft.block(blocker.reason, blocker.message);
            draft.then(outlook::UNREADABLE);
        }
        Ok(scene) => {
            unmatched(&scene, &mut draft);
            advance(&scene, &mut draft);
            draft.status.matched = draft.status.canary_weight > 0 && scene.chooses();
            turn(&scene, &mut draft);
            post_rollout(&scene, &mut draft);
            // Only what was judged: a revision that comes while another one is promoted still has its turn.
            if let Some(target) = &scene.target
                && draft.status.last_applied_spec.as_deref() == Some(target.snapshot.revision.as_str())
            {
                draft.status.target = Some(target.observed.clone());
            }
            // Before the target rests: nobody may delete what serves without waiting for us.
            farewell::hold(canary, &mut draft);
            converge(&scene, &mut draft);
            draft.then(outlook::next(&scene, &draft));
        }
    }
    draft.finish(observation)
}

/// What chose the canary's requests is gone in mid-run: nobody said how many of all requests it may have, so it gets none.
fn unmatched(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    if draft.status.matched && !scene.chooses() {
        draft.status.canary_weight = 0;
        draft.status.matched = false;
        draft.event(
            Reason::TrafficReturned,
            "Nothing chooses requests any more (spec.analysis.match): all traffic goes to the primary.",
        );
    }
}

fn advance(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    match draft.status.phase {
        Phase::Unset | Phase::Initializing => initialise(scene, draft),
        Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting => idle(scene, draft),
        Phase::Progressing | Phase::WaitingPromotion => progress(scene, draft),
        Phase::Promoting => promote(scene, draft),
        Phase::Finalising => finalise(scene, draft),
        Phase::Terminating | Phase::Terminated => {}
    }
}
