//! What can be wrong with a route.

use std::fmt;

use crate::api::{Malformed, ObjectRef, Provider};

/// Why a route could not be rendered or read.
#[derive(Debug, thiserror::Error)]
pub enum RoutingError {
    /// Rendering what the provider has no words for; every such field is named.
    #[error("provider {provider} cannot route this: {}", Problems(.problems))]
    Inexpressible {
        /// The provider.
        provider: Provider,
        /// One for each field.
        problems: Vec<Problem>,
    },
    /// Writing where an object of somebody else stands that does not lead to us.
    #[error("{reference} cannot be the route: {why}")]
    Taken {
        /// The object.
        reference: ObjectRef,
        /// What is in the way, and the way out.
        why: String,
    },
    /// Rendering what rests on an object that does not exist.
    #[error("{reference} of {path} does not exist: create it, or correct {path}")]
    Missing {
        /// The object.
        reference: ObjectRef,
        /// The field that names it.
        path: &'static str,
    },
    /// Reading a live object.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A field of a Canary that cannot be turned into a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, from `spec` on.
    pub path: String,
    /// Rule and way out.
    pub message: String,
}

impl Problem {
    /// A problem of its two parts.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { path: path.into(), message: message.into() }
    }
}

/// Adds what was not told yet: a problem of all parts of a route is one.
pub(super) fn tell_once(problems: &mut Vec<Problem>, more: Vec<Problem>) {
    for problem in more {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

struct Problems<'a>(&'a [Problem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if index > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}
