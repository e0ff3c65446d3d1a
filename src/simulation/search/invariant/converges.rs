//! Every revision ends, and then nothing is left to do.

use super::{End, Invariant, words};
use crate::{
    api::{ObjectRef, Phase},
    rollout::Inconclusive,
    simulation::search::{
        case::Quality,
        subject::{NAME, NAMESPACE},
    },
};

/// After the last disturbance a run ends within its longest time: the revision is promoted and runs in the primary, or was taken
/// back; the primary has all traffic and the target rests. Undisturbed, a good revision is promoted and
/// a bad one taken back.
pub(super) struct Converges;

impl Invariant for Converges {
    fn name(&self) -> &'static str {
        "converges"
    }

    fn end(&self, end: &End<'_>) -> Result<(), String> {
        if end.leaves() {
            return Ok(());
        }
        let (status, subject) = (&end.course.status, &end.case.subject);
        let told = || format!("{}: {}", words(status), status.last_decision.as_deref().unwrap_or_default());
        let (asked, serving) =
            (subject.served(end.memory, NAME), subject.served(end.memory, &subject.primary().name));
        match status.phase {
            Phase::Succeeded | Phase::Initialized if asked != serving => {
                return Err(format!(
                    "the primary runs {serving:?}, the target asks for {asked:?}; {}",
                    told()
                ));
            }
            // What the promotion put aside was deleted by somebody: there is nothing to go back to.
            Phase::Failed if asked == serving && !is_kept(end, status.last_promoted_spec.as_deref()) => {}
            Phase::Failed if asked == serving => {
                return Err(format!("the primary runs {serving:?}, which was taken back; {}", told()));
            }
            Phase::Succeeded | Phase::Initialized | Phase::Failed => {}
            // A Canary that was made again has no other revision to begin with.
            Phase::Initializing if subject.is_broken(end.memory) => return Ok(()),
            _ => return Err(format!("the run does not end; {}", told())),
        }
        if let Some(due) = due(end).filter(|due| *due != status.phase) {
            return Err(format!("nothing disturbed it, and it had to end {}; {}", due.as_str(), told()));
        }
        if end.course.share > 0 {
            return Err(format!("the canary keeps {} %; {}", end.course.share, told()));
        }
        if !subject.rests(end.memory) {
            return Err(format!("the target does not rest; {}", told()));
        }
        Ok(())
    }
}

/// Whether the snapshot of a revision is there.
fn is_kept(end: &End<'_>, revision: Option<&str>) -> bool {
    let name = format!("{NAME}-{}", revision.unwrap_or_default());
    end.memory.get(&ObjectRef::new("apps/v1", "ControllerRevision", NAMESPACE, name)).is_some()
}

/// How a rollout has to end that nothing disturbs.
fn due(end: &End<'_>) -> Option<Phase> {
    let (case, subject) = (end.case, &end.case.subject);
    if !case.happenings.is_empty() || !case.desk.is_harmless() {
        return None;
    }
    let unmeasured = subject.skips || subject.analysis["metrics"].as_array().is_none_or(Vec::is_empty);
    match case.quality {
        Quality::Good => Some(Phase::Succeeded),
        Quality::Bad if !unmeasured && subject.inconclusive == Inconclusive::Fail => Some(Phase::Failed),
        Quality::Bad | Quality::Mixed => None,
    }
}
