//! Questions to the outside, asked outside the reconcile slots.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analysis::{Check, Sample};

/// Names one question so that it is asked once and its answer counts once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId {
    /// The revision under analysis.
    pub revision: String,
    /// The due time that the question belongs to: each attempt of each step has its own.
    pub due: Timestamp,
    /// The check's id among those of its Canary.
    pub name: String,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its identity.
    pub id: AskId,
    /// What to ask.
    pub check: Check,
}

/// What came back, or why nothing did, as a sentence.
pub type Answer = Result<Sample, String>;

/// Answers that have come back so far.
pub type Answers = BTreeMap<AskId, Answer>;

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.revision, self.due, self.name)
    }
}
