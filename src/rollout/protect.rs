//! What is done for users while nothing else may be done about a Canary: what breaks a rule of the gate was stored without it, and
//! pods go on failing. So it is while nobody can read what the target asks for.

use super::{Reason, affinity::turn, clock::later, converge::carry_out, draft::Draft, refs, scene::Scene};
use crate::{
    api::{CanaryStatus, Phase},
    routing::{self, Weight},
};

/// Takes the canary's share away if none of its pods is ready, or if the phase has outlasted its deadline and the primary can
/// carry all traffic. Only weights are written: the rest of what the Canary asks for is refused.
pub(super) fn protect(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    if scene.primary.is_none() {
        return;
    }
    if draft.status.canary_weight > 0
        && let Some(why) = harm(scene, draft)
    {
        draft.status.canary_weight = 0;
        turn(scene, draft);
        draft.event(Reason::TrafficReturned, format!("{why}: all traffic goes to the primary."));
    }
    let leads = scene.route.as_ref().is_some_and(|route| route.weights.canary > Weight::ZERO);
    if draft.status.canary_weight == 0 && leads {
        // Whatever goes on later waits its whole time after this.
        draft.status.next_step_at = None;
        draft.status.settle_until = None;
        routing::withdrawn(scene.canary, &scene.observation.live)
            .into_iter()
            .for_each(|change| carry_out(draft, change));
    }
}

/// What speaks against the canary's share.
fn harm(scene: &Scene<'_>, draft: &mut Draft<'_>) -> Option<String> {
    if scene.canary_endpoints == 0 {
        return Some(format!("Service {} has no ready endpoint", scene.canary.canary_service_name()));
    }
    let promoted = draft.status.last_promoted_spec.as_deref();
    let unread = scene.observation.unread.as_ref().filter(|unread| unread.holds());
    if unread.is_some() && scene.is_other(&draft.status) && scene.primary_can_carry(promoted) {
        return Some(format!("{} became what cannot be read", refs::target(scene.canary)));
    }
    let since = unread.map(|unread| later(unread.since, scene.deadline()));
    let deadline =
        draft.status.deadline_at.as_ref().map(|deadline| deadline.0).into_iter().chain(since).min()?;
    if deadline > scene.now {
        draft.wake_at(deadline);
        return None;
    }
    let primary = refs::primary_name(scene.canary);
    scene
        .primary_can_carry(promoted)
        .then(|| format!("What was awaited did not come in time and {primary} serves"))
}

impl Scene<'_> {
    /// Whether the target is not the one any more that is under analysis.
    fn is_other(&self, status: &CanaryStatus) -> bool {
        let analysed = matches!(status.phase, Phase::Progressing | Phase::WaitingPromotion);
        let now = self.target.as_ref().map(|target| (&target.observed.uid, target.observed.generation));
        let then = status.target.as_ref().map(|target| (&target.uid, target.generation));
        analysed && now.is_some() && now != then
    }
}
