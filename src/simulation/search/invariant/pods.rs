//! Traffic only goes to pods that are ready.

use super::{Invariant, Moment};
use crate::simulation::search::{canary, subject::CANARY_SERVICE};

/// The canary's share is raised only while it has a ready pod: always as far as the controller saw, and really unless news
/// are late. A look that sees none takes the share away, unless somebody else has just given it and the news of that is late.
pub(super) struct Pods;

impl Invariant for Pods {
    fn name(&self) -> &'static str {
        "ready-pods"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let seen = moment.seen_endpoints(CANARY_SERVICE);
        let late = moment.now < moment.before.late_until;
        let decision = &moment.look.decision;
        let unseen =
            late && decision.effects.is_empty() && moment.share > decision.status.canary_weight.into();
        // Nothing serves any more where a Canary goes after its target, and nobody looks at it again.
        let gone = moment.memory.get(&canary()).is_none() && moment.memory.get(moment.workloads.0).is_none();
        if seen == 0 && moment.share > 0 && moment.look.done && !moment.held() && !unseen && !gone {
            return Err(format!("the canary keeps {} % without a ready pod", moment.share));
        }
        if !moment.routed() || moment.share <= moment.before.share {
            return Ok(());
        }
        let (ready, _) = moment.ready();
        if seen == 0 || (ready == 0 && !late) {
            return Err(format!("the canary gets {} % and has no ready pod", moment.share));
        }
        Ok(())
    }
}
