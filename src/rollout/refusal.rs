//! Writes that the API server refuses as they are. The Canary is told; nothing is decided otherwise because of it.

use super::{conditions::STALLED, text::whole};
use crate::api::{CanaryStatus, ConditionStatus};

/// Why a write will be refused again, as a reason of the condition `Stalled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The API server, or a policy behind it, does not want it as it is.
    WriteRefused,
    /// The API server knows no such kind.
    KindNotServed,
}

impl Cause {
    const ALL: [Cause; 2] = [Cause::WriteRefused, Cause::KindNotServed];

    fn as_str(self) -> &'static str {
        match self {
            Cause::WriteRefused => "WriteRefused",
            Cause::KindNotServed => "KindNotServed",
        }
    }
}

/// A write that the API server refuses, and refuses again as long as nobody mends what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, in one word.
    pub cause: Cause,
    /// What was to be written.
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
    /// None was refused.
    Passed,
    /// The first one that was refused.
    Refused(Refusal),
}

impl Writes {
    /// What is known after one more look. Words that differ in nothing but numbers (times, versions, ids of requests) stay
    /// as they were told: each new word is a write of the status.
    pub fn then(self, refused: Option<Refusal>) -> Writes {
        match (self, refused) {
            (_, None) => Writes::Passed,
            (Writes::Refused(told), Some(now)) if told.is_like(&now) => Writes::Refused(told),
            (_, Some(now)) => Writes::Refused(now),
        }
    }

    /// Whether a status still tells of a refused write although none is refused any more.
    pub fn outlived_by(&self, status: &CanaryStatus) -> bool {
        *self == Writes::Passed && told(status).is_some()
    }

    /// What a Canary with this status is to be told.
    pub(super) fn tell(&self, status: &CanaryStatus) -> Option<(&'static str, String)> {
        let (cause, sentence) = match self {
            Writes::Unknown => told(status)?,
            Writes::Passed => return None,
            Writes::Refused(refusal) => (refusal.cause, refusal.sentence()),
        };
        Some((cause.as_str(), sentence))
    }
}

impl Refusal {
    fn is_like(&self, other: &Refusal) -> bool {
        self.cause == other.cause && self.what == other.what && gist(&self.why) == gist(&other.why)
    }

    fn sentence(&self) -> String {
        whole(format!("{}: {}", self.what, self.why))
    }
}

/// What a status tells of a refused write.
fn told(status: &CanaryStatus) -> Option<(Cause, String)> {
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
    use super::*;

    fn refusal(why: &str) -> Refusal {
        Refusal { cause: Cause::WriteRefused, what: "applying Service n/a".to_owned(), why: why.to_owned() }
    }

    #[test]
    fn words_that_differ_in_numbers_alone_are_not_told_anew() {
        let first = Writes::Unknown.then(Some(refusal("denied at 12:03:04, request 7f3a9")));
        assert_eq!(first.clone().then(Some(refusal("denied at 12:03:09, request 1c22e"))), first);
        let other = refusal("spec.ports: Required value");
        assert_eq!(first.clone().then(Some(other.clone())), Writes::Refused(other));
        assert_eq!(first.then(None), Writes::Passed);
    }
}
