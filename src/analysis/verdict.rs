//! Measured values, and what was made of them.

/// What a metric server answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// One number, in the unit of the query. It may be infinite.
    Value(f64),
    /// Nothing: an empty result, or not a number (0 requests divided by 0).
    NoData,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The value is within its bounds.
    Passed,
    /// The value is outside its bounds.
    Failed,
    /// There was nothing to measure: told apart because no traffic is no fault of the revision.
    NoData,
    /// The check could not be planned, or its server did not answer.
    Unanswered,
}

/// The end of one check, for status and events.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How it ended; everything but [`Outcome::Passed`] counts as a failed check.
    pub outcome: Outcome,
    /// One sentence: the metric, what is wrong, the way out.
    pub message: String,
    /// The value in percent, milliseconds or the query's own unit; absent when there is none or it is not finite.
    pub value: Option<f64>,
}

impl Verdict {
    /// Whether the check counts as passed.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Passed
    }

    /// The verdict on a check that got no answer; `reason` is the error with its way out.
    pub fn unanswered(metric: &str, reason: &dyn std::fmt::Display) -> Self {
        Self {
            outcome: Outcome::Unanswered,
            message: format!("{metric} could not be measured: {reason}"),
            value: None,
        }
    }
}
