//! Questions to the outside, asked outside the reconcile slots.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Call, Reply};
use crate::{
    analysis::{Check, Sample},
    api::HookAnswer,
};

/// Names one question so that it is asked once and its answer counts once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId {
    /// The revision that it is about.
    pub revision: String,
    /// The due time that the question belongs to: each attempt of each step has its own.
    pub due: Timestamp,
    /// The name of the check or hook among those of its Canary.
    pub name: String,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its identity.
    pub id: AskId,
    /// What is asked.
    pub question: Question,
}

/// What may be asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// A value, of a metric server.
    Metric(Box<Check>),
    /// Agreement, or just attention, of a hook.
    Hook(Box<Call>),
}

/// A value, or why there is none, as a sentence.
pub type Measured = Result<Sample, String>;

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// From a metric server.
    Measured(Measured),
    /// From a hook.
    Said(Reply),
    /// From a hook that was told of an event, whom nobody awaits: its entry in the status.
    Heard(Box<HookAnswer>),
}

/// Answers that have come back so far.
pub type Answers = BTreeMap<AskId, Answer>;

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.revision, self.due, self.name)
    }
}

impl FromStr for AskId {
    type Err = ();

    /// Reads what [`Display`](fmt::Display) writes; neither a revision nor a time has a slash.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '/');
        let mut part = || parts.next().ok_or(());
        let (revision, due, name) = (part()?.to_owned(), part()?, part()?.to_owned());
        Ok(AskId { revision, due: due.parse().map_err(|_| ())?, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let due = Timestamp::from_second(1_700_000_000).unwrap();
        let id = AskId { revision: "ab12".to_owned(), due, name: "rollout/a/b".to_owned() };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("ab12/never/x".parse::<AskId>(), Err(()));
        assert_eq!("ab12".parse::<AskId>(), Err(()));
    }
}
