//! Writes that do not pass, and the words for them, which reads share. The Canary is told; nothing is decided otherwise because of it.

use jiff::{SignedDuration, Timestamp};

use super::{conditions::STALLED, text::whole};
use crate::api::{CanaryStatus, ConditionStatus};

/// Failures that are over sooner are not told: an API server or the only pod of a policy's webhook starts again in less, and a
/// word is a write of the status more. Whoever waits for a rollout is to know it long before the usual deadline of ten minutes.
const BLIP: SignedDuration = SignedDuration::from_secs(30);

/// Why a write or a read does not pass, as a reason of the condition `Stalled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The API server, or a policy behind it, does not want it as it is.
    WriteRefused,
    /// The API server knows no such kind.
    KindNotServed,
    /// The API server cannot, or did not answer: it may pass any time.
    WriteFailed,
    /// We lack the right to read it.
    ReadDenied,
    /// It could not be read, which may pass any time.
    ReadFailed,
}

impl Cause {
    const ALL: [Cause; 5] =
        [Cause::WriteRefused, Cause::KindNotServed, Cause::WriteFailed, Cause::ReadDenied, Cause::ReadFailed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Cause::WriteRefused => "WriteRefused",
            Cause::KindNotServed => "KindNotServed",
            Cause::WriteFailed => "WriteFailed",
            Cause::ReadDenied => "ReadDenied",
            Cause::ReadFailed => "ReadFailed",
        }
    }

    /// Whether it was to be read, not written.
    pub(super) fn is_read(self) -> bool {
        matches!(self, Cause::ReadDenied | Cause::ReadFailed)
    }

    /// How long it is kept to ourselves.
    pub(super) fn patience(self) -> SignedDuration {
        match self {
            Cause::WriteRefused | Cause::KindNotServed | Cause::ReadDenied => SignedDuration::ZERO,
            Cause::WriteFailed | Cause::ReadFailed => BLIP,
        }
    }
}

/// A write or a read that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why, in one word.
    pub cause: Cause,
    /// What we were doing, with the object.
    pub what: String,
    /// What was answered.
    pub why: String,
}

/// What came of the last writes for a Canary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Writes {
    /// Nothing was tried since the process began: what the status tells stands.
    #[default]
    Unknown,
    /// All passed.
    Passed,
    /// One did not.
    Failing {
        /// The first one of them.
        failure: Failure,
        /// Since when, without a break and for this cause.
        since: Timestamp,
    },
}

impl Writes {
    /// What is known after one more look, which ended at `now`. Words that differ in nothing but numbers (times, versions,
    /// ids of requests) stay as they were told: each new word is a write of the status.
    pub fn then(self, failed: Option<Failure>, now: Timestamp) -> Writes {
        match (self, failed) {
            (_, None) => Writes::Passed,
            (Writes::Failing { failure: told, since }, Some(failure)) if told.cause == failure.cause => {
                Writes::Failing { failure: if told.is_like(&failure) { told } else { failure }, since }
            }
            (_, Some(failure)) => Writes::Failing { failure, since: now },
        }
    }

    /// Whether a status still tells of a write that did not pass although all do.
    pub fn outlived_by(&self, status: &CanaryStatus) -> bool {
        *self == Writes::Passed && told(status).is_some_and(|(cause, _)| !cause.is_read())
    }

    /// What a Canary with this status is to be told. A failure that is too young to be told leaves what the status tells.
    pub(super) fn tell(&self, status: &CanaryStatus, now: Timestamp) -> Option<(&'static str, String)> {
        let (cause, sentence) = match self {
            Writes::Passed => return None,
            Writes::Failing { failure, since } if now.duration_since(*since) >= failure.cause.patience() => {
                (failure.cause, failure.sentence())
            }
            Writes::Unknown | Writes::Failing { .. } => told(status).filter(|(cause, _)| !cause.is_read())?,
        };
        Some((cause.as_str(), sentence))
    }
}

impl Failure {
    pub(super) fn is_like(&self, other: &Failure) -> bool {
        self.cause == other.cause && self.what == other.what && gist(&self.why) == gist(&other.why)
    }

    pub(super) fn sentence(&self) -> String {
        whole(format!("{}: {}", self.what, self.why))
    }
}

/// What a status tells of a write or a read that does not pass.
pub(super) fn told(status: &CanaryStatus) -> Option<(Cause, String)> {
    let stalled = status.conditions.iter().find(|condition| condition.type_ == STALLED)?;
    let cause = Cause::ALL.into_iter().find(|cause| cause.as_str() == stalled.reason)?;
    (stalled.status == ConditionStatus::True).then(|| (cause, stalled.message.clone()))
}

/// The words of a text that hold no digit.
fn gist(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.contains(|c: char| c.is_ascii_digit())).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn failure(cause: Cause, why: &str) -> Failure {
        Failure { cause, what: "applying Service n/a".to_owned(), why: why.to_owned() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// Failures of these causes, each at its second.
    fn after(failures: &[(Cause, i64)]) -> Writes {
        failures.iter().fold(Writes::Unknown, |writes, (cause, second)| {
            writes.then(Some(failure(*cause, "so it is")), at(*second))
        })
    }

    #[test]
    fn words_that_differ_in_numbers_alone_are_not_told_anew() {
        let refused = |why| Some(failure(Cause::WriteRefused, why));
        let first = Writes::Unknown.then(refused("denied at 12:03:04, request 7f3a9"), at(0));
        assert_eq!(first.clone().then(refused("denied at 12:03:09, request 1c22e"), at(5)), first);
        let other = first.clone().then(refused("spec.ports: Required value"), at(9));
        assert!(other.tell(&CanaryStatus::default(), at(9)).unwrap().1.contains("Required"), "{other:?}");
        assert_eq!(first.then(None, at(9)), Writes::Passed);
    }

    #[rstest]
    #[case::refused_at_once(&[(Cause::WriteRefused, 0)], 0, Some("WriteRefused"))]
    #[case::a_blip(&[(Cause::WriteFailed, 0)], 29, None)]
    #[case::for_a_while(&[(Cause::WriteFailed, 0), (Cause::WriteFailed, 15)], 30, Some("WriteFailed"))]
    #[case::after_a_refusal(&[(Cause::WriteRefused, 0), (Cause::WriteFailed, 25)], 30, None)]
    #[case::the_clock_went_back(&[(Cause::WriteFailed, 60)], 0, None)]
    fn a_failure_is_told_once_it_is_no_blip(
        #[case] failures: &[(Cause, i64)],
        #[case] now: i64,
        #[case] told: Option<&str>,
    ) {
        let told_now = after(failures).tell(&CanaryStatus::default(), at(now));
        assert_eq!(told_now.map(|(reason, _)| reason), told);
    }

    #[test]
    fn a_failure_that_is_young_because_the_process_is_leaves_what_was_told() {
        let status: CanaryStatus = serde_json::from_value(json!({"conditions": [
            {"type": "Stalled", "status": "True", "reason": "WriteFailed", "message": "As it was."},
        ]}))
        .unwrap();
        let young = after(&[(Cause::WriteFailed, 0)]);
        assert_eq!(young.tell(&status, at(1)), Some(("WriteFailed", "As it was.".to_owned())));
    }
}
