//! What is analysed is what is promoted.

use super::{Invariant, Moment};
use crate::{
    api::{ObjectRef, Phase},
    simulation::search::subject::{NAME, NAMESPACE},
};

/// While the canary has traffic, its revision is kept: the target may change at any time.
pub(super) struct Kept;

impl Invariant for Kept {
    fn name(&self) -> &'static str {
        "kept-revision"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if !moment.routed() || moment.share <= moment.before.share {
            return Ok(());
        }
        let stored = moment.statuses().last().map_or(moment.before.status.as_ref(), |(_, _, after)| after);
        // Whose Canary goes is analysed no more.
        let analysed = stored.phase != Phase::Terminating;
        let Some(revision) = stored.last_applied_spec.as_ref().filter(|_| analysed) else { return Ok(()) };
        let kept = ObjectRef::new("apps/v1", "ControllerRevision", NAMESPACE, format!("{NAME}-{revision}"));
        match moment.memory.get(&kept) {
            Some(_) => Ok(()),
            None => Err(format!("the canary gets {} % and {kept} does not exist", moment.share)),
        }
    }
}
