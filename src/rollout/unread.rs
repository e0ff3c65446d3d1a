//! Reads that do not pass. What could not be seen is no change; the Canary is told once that lasts.

use jiff::Timestamp;

use super::failure::{Failure, told};
use crate::api::CanaryStatus;

/// What is missing because it could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Something without which all else goes on.
    Little,
    /// A config that was never seen: what it belongs to has no name.
    Revision,
    /// Everything that a decision rests on.
    All,
}

/// A read that does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What is missing.
    pub lost: Lost,
    /// What was to be read, and why it was not.
    pub failure: Failure,
    /// Since when reads have failed, without a break.
    pub since: Timestamp,
}

impl Unread {
    /// What is known after one more look, at `now`, whose reads failed. Words that differ in nothing but numbers stay as they were
    /// told: each new word is a write of the status.
    pub fn then(before: Option<&Unread>, lost: Lost, failure: Failure, now: Timestamp) -> Unread {
        match before {
            Some(before) if before.failure.is_like(&failure) => Unread { lost, ..before.clone() },
            Some(Unread { since, .. }) => Unread { lost, failure, since: *since },
            None => Unread { lost, failure, since: now },
        }
    }

    /// Whether nothing can be decided but what keeps users from harm.
    pub fn holds(&self) -> bool {
        self.lost != Lost::Little
    }

    /// Whether nothing was seen.
    pub fn hides_all(&self) -> bool {
        self.lost == Lost::All
    }

    /// What a Canary with this status is to be told, as a reason and a sentence. What is too young to be told leaves what the status tells.
    pub(super) fn tell(&self, status: &CanaryStatus, now: Timestamp) -> Option<(&'static str, String)> {
        let (cause, sentence) = if now.duration_since(self.since) >= self.failure.cause.patience() {
            (self.failure.cause, self.failure.sentence())
        } else {
            told(status).filter(|(cause, _)| cause.is_read())?
        };
        Some((cause.as_str(), sentence))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::Canary,
        rollout::{Cause, Decision, Observation, Settings, decide},
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn failure(cause: Cause, why: &str) -> Failure {
        Failure { cause, what: "reading Service shop/app".to_owned(), why: why.to_owned() }
    }

    /// A Canary in mid-run that waits for its route.
    fn canary() -> Canary {
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "app", "namespace": "shop", "generation": 3},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "service": {"port": 80}, "analysis": {"interval": "10s", "threshold": 1, "stepWeight": 10}},
            "status": {"phase": "Progressing", "canaryWeight": 30, "observedGeneration": 2,
                "lastDecision": "So it is.", "lastPromotedSpec": "a", "lastAppliedSpec": "b",
                "conditions": [{"type": "Stalled", "status": "True", "reason": "RouteNotAccepted", "message": "As it was."}]},
        }))
        .unwrap()
    }

    fn decided(canary: &Canary, unread: Option<Unread>, now: Timestamp) -> Decision {
        let observation = Observation {
            canary: Arc::new(canary.clone()),
            live: Default::default(),
            configs: Default::default(),
            answers: Default::default(),
            problems: Vec::new(),
            unread,
            full: None,
            writes: Default::default(),
            sketches: Default::default(),
        };
        decide(&observation, &Settings::default(), now)
    }

    fn stalled(decision: &Decision) -> Value {
        let mut conditions = decision.status.conditions.iter();
        let stalled = conditions.find(|condition| condition.type_ == "Stalled").unwrap();
        json!([stalled.reason, stalled.message])
    }

    #[test]
    fn a_read_that_fails_for_long_is_told_by_one_write_when_that_begins() {
        let mut canary = canary();
        let mut unread = None;
        let mut writes = Vec::new();
        for second in [0, 1, 3, 7, 15, 31, 63, 123] {
            let failure = failure(Cause::ReadFailed, &format!("request {second}a answered with 500"));
            unread = Some(Unread::then(unread.as_ref(), Lost::All, failure, at(second)));
            let decision = decided(&canary, unread.clone(), at(second));
            assert!(decision.effects.is_empty() && decision.asks.is_empty());
            assert_eq!(
                (decision.status.canary_weight, decision.status.phase),
                (30, canary.status.as_ref().unwrap().phase)
            );
            if canary.status.as_ref() != Some(&decision.status) {
                writes.push((second, stalled(&decision), decision.events.len()));
                canary.status = Some(decision.status);
            }
        }
        let told = json!(["ReadFailed", "Reading Service shop/app: request 0a answered with 500."]);
        assert_eq!(writes, [(31, told, 1)]);
    }

    #[test]
    fn what_was_told_of_a_read_outlasts_a_restart_and_ends_with_it() {
        let mut canary = canary();
        let old = Unread { lost: Lost::All, failure: failure(Cause::ReadFailed, "x"), since: at(0) };
        canary.status = Some(decided(&canary, Some(old), at(60)).status);
        let young = Unread { lost: Lost::All, failure: failure(Cause::ReadFailed, "y"), since: at(70) };
        let decision = decided(&canary, Some(young), at(70));
        assert_eq!(Some(&decision.status), canary.status.as_ref());
        assert_ne!(stalled(&decided(&canary, None, at(71)))[0], "ReadFailed");
    }

    #[rstest]
    #[case::denied(Cause::ReadDenied, 0, true)]
    #[case::a_blip(Cause::ReadFailed, 29, false)]
    #[case::for_a_while(Cause::ReadFailed, 30, true)]
    fn only_a_denied_read_is_told_at_once(#[case] cause: Cause, #[case] now: i64, #[case] told: bool) {
        let unread = Unread { lost: Lost::All, failure: failure(cause, "so it is"), since: at(0) };
        assert_eq!(unread.tell(&CanaryStatus::default(), at(now)).is_some(), told);
    }

    #[test]
    fn a_target_that_could_not_be_read_is_not_taken_for_gone_and_whoever_deletes_is_told_the_way_out() {
        let mut canary = canary();
        canary.metadata.deletion_timestamp =
            Some(serde_json::from_value(json!("1970-01-01T00:00:00Z")).unwrap());
        canary.metadata.finalizers = Some(vec!["finalizer.flagger.app".to_owned()]);
        let unread =
            Unread { lost: Lost::All, failure: failure(Cause::ReadDenied, "forbidden"), since: at(0) };
        let decision = decided(&canary, Some(unread), at(1));
        assert!(decision.effects.is_empty(), "{:?}", decision.effects);
        let told = stalled(&decision);
        assert_eq!(told[0], "ReadDenied");
        assert!(told[1].as_str().unwrap().ends_with("from its metadata.finalizers."), "{told}");
    }

    #[test]
    fn a_canary_about_which_nothing_was_ever_decided_says_what_it_waits_for() {
        let mut canary = canary();
        canary.status = None;
        let unread = Unread { lost: Lost::All, failure: failure(Cause::ReadFailed, "no"), since: at(0) };
        let told = decided(&canary, Some(unread), at(60)).status.last_decision.unwrap();
        assert!(
            told.starts_with("Reading Service shop/app: no. Next: it goes on once that can be read"),
            "{told}"
        );
    }
}
