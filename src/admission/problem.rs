//! One thing that is wrong with an object, said so that a person can mend it without asking anybody.

use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The object is refused.
    Error,
    /// The object is accepted and its writer is told.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Id of the rule, `SL101`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The field, `spec.service.name`.
    pub path: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// The way out, without a full stop.
    pub fix: String,
}

/// The most characters of each text of a problem that a rule reports: more than a sentence needs, and an object may hold
/// megabytes that a sentence repeats.
const LONGEST: usize = 600;

/// The text as it may be repeated to a person; the rest is cut off where it shows.
pub(super) fn short(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    match text.char_indices().nth(LONGEST - 1) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Problem {
    /// Whether this is the same complaint about the same field; the words may differ.
    pub fn same_as(&self, other: &Problem) -> bool {
        self.rule == other.rule && self.path == other.path
    }

    /// The problem without its path, for places that print the path themselves (the causes of a refusal).
    pub fn cause(&self) -> String {
        format!("{} {}. {}.", self.rule, self.message, self.fix)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}. {}.", self.rule, self.path, self.message, self.fix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_where_it_shows_and_between_characters() {
        assert_eq!(short("é".repeat(599)), "é".repeat(599));
        let cut = short("é".repeat(1_000_000));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (600, true));
    }

    #[test]
    fn a_problem_names_rule_field_fault_and_way_out() {
        let problem = Problem {
            rule: "SL101",
            severity: Severity::Error,
            path: "spec.service.name".into(),
            message: "the name cannot change from a to b".into(),
            fix: "Write a again".into(),
        };
        assert_eq!(
            problem.to_string(),
            "SL101 spec.service.name: the name cannot change from a to b. Write a again."
        );
        assert_eq!(problem.cause(), "SL101 the name cannot change from a to b. Write a again.");
    }
}
