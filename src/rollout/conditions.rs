//! The conditions of a Canary, derived from its phase and from what blocks it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{CanaryStatus, Condition, ConditionStatus, Phase};

/// What keeps a Canary from going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocker {
    /// One word in CamelCase.
    pub(super) reason: &'static str,
    /// One sentence that names the object and the way out.
    pub(super) message: String,
}

/// The revision runs in the primary; as the peer has it.
const PROMOTED: &str = "Promoted";
/// The Canary is where its spec wants it.
const READY: &str = "Ready";
/// A revision is on its way.
const PROGRESSING: &str = "Progressing";
/// Somebody has to do something.
pub(super) const STALLED: &str = "Stalled";
/// The reason while a new revision waits for its turn.
pub(super) const QUEUED: &str = "Queued";

/// Sets all conditions; times move only where a status or reason changed. A revision that waits for its turn is told of whatever
/// else was decided: the phase is still that of the last run.
pub(super) fn update(
    status: &mut CanaryStatus,
    blocker: Option<&Blocker>,
    queued: Option<&str>,
    now: Timestamp,
) {
    let phase = status.phase;
    let reason = match phase {
        _ if queued.is_some() => QUEUED,
        Phase::Unset => "Pending",
        phase => phase.as_str(),
    };
    let sentence = match (queued, status.last_decision.clone().unwrap_or_default()) {
        (Some(queued), told) if !told.starts_with(queued) => queued.to_owned(),
        (_, told) => told,
    };
    let moving = queued.is_some()
        || matches!(
            phase,
            Phase::Initializing
                | Phase::Waiting
                | Phase::Progressing
                | Phase::WaitingPromotion
                | Phase::Promoting
                | Phase::Finalising
                | Phase::Terminating
        );
    let promoted = match phase {
        Phase::Initialized | Phase::Succeeded => ConditionStatus::True,
        Phase::Failed => ConditionStatus::False,
        _ => ConditionStatus::Unknown,
    };
    let ready = match blocker {
        Some(_) => ConditionStatus::False,
        None if queued.is_some() => ConditionStatus::Unknown,
        None => promoted,
    };
    // The peer's condition, with the peer's word for a revision that has not begun.
    match queued {
        Some(queued) => set(status, PROMOTED, ConditionStatus::Unknown, Phase::Waiting.as_str(), queued, now),
        None => set(status, PROMOTED, promoted, reason, phase_message(phase), now),
    }
    match blocker {
        Some(blocker) => {
            set(status, READY, ready, blocker.reason, &blocker.message, now);
            set(status, STALLED, ConditionStatus::True, blocker.reason, &blocker.message, now);
        }
        None => {
            set(status, READY, ready, reason, &sentence, now);
            set(status, STALLED, ConditionStatus::False, "NothingBlocks", "", now);
        }
    }
    let progressing = if moving { ConditionStatus::True } else { ConditionStatus::False };
    set(status, PROGRESSING, progressing, reason, &sentence, now);
}

fn set(
    status: &mut CanaryStatus,
    type_: &str,
    value: ConditionStatus,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let before = status.conditions.iter_mut().find(|condition| condition.type_ == type_);
    let same = |c: &Condition| c.status == value && c.reason == reason && c.message == message;
    if before.as_deref().is_some_and(same) {
        return;
    }
    let after = Condition {
        type_: type_.to_owned(),
        status: value,
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_update_time: Some(Time(now)),
        last_transition_time: match &before {
            Some(before) if before.status == value => before.last_transition_time.clone(),
            _ => Some(Time(now)),
        },
    };
    match before {
        Some(condition) => *condition = after,
        None => status.conditions.push(after),
    }
}

/// What a phase means, for the Promoted condition and for a decision that has nothing to say.
pub(super) fn phase_message(phase: Phase) -> &'static str {
    match phase {
        Phase::Unset => "Not looked at yet.",
        Phase::Initializing => "The primary, its services and its route are being made.",
        Phase::Initialized => "The primary serves; the target idles until a new revision comes.",
        Phase::Waiting => "A new revision waits for approval, or for pods with older configs to go.",
        Phase::Progressing => "A new revision is under analysis.",
        Phase::WaitingPromotion => "The analysis passed; the promotion waits for approval.",
        Phase::Promoting => "The analysis passed; the primary is being replaced.",
        Phase::Finalising => "Traffic is back on the primary; the target is about to be scaled down.",
        Phase::Succeeded => "The primary runs the revision.",
        Phase::Failed => "The revision was taken back.",
        Phase::Terminating => "The Canary is being deleted.",
        Phase::Terminated => "The Canary is deleted.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn status(phase: Phase, sentence: &str) -> CanaryStatus {
        CanaryStatus { phase, last_decision: Some(sentence.to_owned()), ..CanaryStatus::default() }
    }

    fn value(status: &CanaryStatus, of: &str) -> ConditionStatus {
        status.conditions.iter().find(|condition| condition.type_ == of).unwrap().status
    }

    #[rstest]
    #[case(Phase::Unset, ConditionStatus::Unknown, ConditionStatus::False)]
    #[case(Phase::Initializing, ConditionStatus::Unknown, ConditionStatus::True)]
    #[case(Phase::Initialized, ConditionStatus::True, ConditionStatus::False)]
    #[case(Phase::Progressing, ConditionStatus::Unknown, ConditionStatus::True)]
    #[case(Phase::Promoting, ConditionStatus::Unknown, ConditionStatus::True)]
    #[case(Phase::Finalising, ConditionStatus::Unknown, ConditionStatus::True)]
    #[case(Phase::Succeeded, ConditionStatus::True, ConditionStatus::False)]
    #[case(Phase::Failed, ConditionStatus::False, ConditionStatus::False)]
    fn each_phase_has_its_conditions(
        #[case] phase: Phase,
        #[case] promoted: ConditionStatus,
        #[case] progressing: ConditionStatus,
    ) {
        let mut status = status(phase, "So it is.");
        update(&mut status, None, None, at(1));
        assert_eq!(value(&status, PROMOTED), promoted);
        assert_eq!(value(&status, READY), promoted);
        assert_eq!(value(&status, PROGRESSING), progressing);
        assert_eq!(value(&status, STALLED), ConditionStatus::False);
        assert!(status.conditions.iter().all(|condition| !condition.reason.is_empty()));
    }

    #[test]
    fn w_api_7_each_phase_has_words_of_its_own_and_the_way_out_is_told_as_such() {
        let promoted = |phase: Phase| {
            let mut status = status(phase, "So it is.");
            update(&mut status, None, None, at(1));
            let promoted = status.conditions.iter().find(|condition| condition.type_ == PROMOTED).unwrap();
            (promoted.reason.clone(), promoted.message.clone())
        };
        let leaving = ("Terminating".to_owned(), "The Canary is being deleted.".to_owned());
        assert_eq!(promoted(Phase::Terminating), leaving);
        let words: BTreeSet<String> = Phase::ALL.iter().map(|phase| promoted(*phase).1).collect();
        assert_eq!(words.len(), Phase::ALL.len(), "two phases say the same: {words:?}");
    }

    #[test]
    fn what_blocks_is_stalled_and_not_ready() {
        let mut status = status(Phase::Succeeded, "It is away.");
        let blocker =
            Blocker { reason: "TargetMissing", message: "Deployment shop does not exist.".to_owned() };
        update(&mut status, Some(&blocker), None, at(1));
        assert_eq!(value(&status, PROMOTED), ConditionStatus::True, "the primary runs on");
        assert_eq!(value(&status, READY), ConditionStatus::False);
        let stalled = status.conditions.iter().find(|condition| condition.type_ == STALLED).unwrap();
        assert_eq!(stalled.status, ConditionStatus::True);
        assert_eq!((stalled.reason.as_str(), &stalled.message), (blocker.reason, &blocker.message));
    }

    #[test]
    fn nothing_new_changes_nothing_not_even_a_time() {
        let mut status = status(Phase::Progressing, "It goes on.");
        update(&mut status, None, None, at(1));
        let before = status.clone();
        update(&mut status, None, None, at(9));
        assert_eq!(status, before);
    }

    #[test]
    fn a_new_sentence_is_an_update_and_no_transition() {
        let mut status = status(Phase::Progressing, "It goes on.");
        update(&mut status, None, None, at(1));
        status.last_decision = Some("It goes further.".to_owned());
        update(&mut status, None, None, at(9));
        let ready = status.conditions.iter().find(|condition| condition.type_ == READY).unwrap();
        assert_eq!(ready.last_transition_time, Some(Time(at(1))));
        assert_eq!(ready.last_update_time, Some(Time(at(9))));
        let promoted = status.conditions.iter().find(|condition| condition.type_ == PROMOTED).unwrap();
        assert_eq!(promoted.last_update_time, Some(Time(at(1))), "it says the same");
    }
}
