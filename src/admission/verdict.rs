//! What the gate thinks of a request.

use json_patch::Patch;

use super::problem::{Problem, Severity};
use crate::api::ObjectRef;

/// Allow or refuse, what to tell, what to change, and what to look at again before a refusal stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// All that was found, the worst first.
    pub problems: Vec<Problem>,
    /// Sentences for the writer beside the problems, the more important first.
    pub notices: Vec<String>,
    /// The change to make in the same write; empty for none.
    pub patch: Patch,
    /// Sentences for the writer about what the patch does.
    pub changes: Vec<String>,
    /// Objects whose word a refusal rests on, or of which there may be more to say, and that were not read from the API server for
    /// this request: read them, add them to the look-ups and judge again. Empty when the verdict is final.
    pub confirm: Vec<ObjectRef>,
}

impl Verdict {
    /// Allowed, nothing to say, nothing to change.
    pub fn allow() -> Self {
        Self::default()
    }

    /// The problems that refuse.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }

    /// The problems that only warn.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Warning)
    }

    /// Whether nothing refuses.
    pub fn is_allowed(&self) -> bool {
        self.errors().next().is_none()
    }
}
