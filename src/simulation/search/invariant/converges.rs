//! Every revision ends, and then nothing is left to do.

use super::{End, Invariant, words};
use crate::{
    api::Phase,
    rollout::Inconclusive,
    simulation::search::{case::Quality, subject::NAME},
};

/// After the last disturbance a run ends within its longest time: the revision is promoted and runs in the primary, or was taken
/// back; the primary has all traffic, the target rests, and nobody will look again. Undisturbed, a good revision is promoted and
/// a bad one taken back.
pub(super) struct Converges;

impl Invariant for Converges {
    fn name(&self) -> &'static str {
        "converges"
    }

    fn end(&self, end: &End<'_>) -> Result<(), String> {
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
            Phase::Failed if asked == serving => {
                return Err(format!("the primary runs {serving:?}, which was taken back; {}", told()));
            }
            Phase::Succeeded | Phase::Initialized | Phase::Failed => {}
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
        if end.wakes {
            return Err(format!("somebody will look although nothing happens; {}", told()));
        }
        Ok(())
    }
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
