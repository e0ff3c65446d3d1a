//! Measured values, what was made of them, and several of them together.

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

impl Outcome {
    /// Whether nothing could be judged, which says nothing about the revision.
    pub fn is_inconclusive(self) -> bool {
        matches!(self, Self::NoData | Self::Unanswered)
    }
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

/// The verdict on all checks of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whether every check passed; true when there was none.
    pub passed: bool,
    /// The sentences of those that did not, in order.
    pub failures: Vec<String>,
}

impl Summary {
    /// Folds the verdicts of one step into one.
    pub fn of<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let failures: Vec<_> = verdicts
            .into_iter()
            .filter(|verdict| !verdict.passed())
            .map(|verdict| verdict.message.clone())
            .collect();
        Self { passed: failures.is_empty(), failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_check_that_did_not_pass_fails_the_step_and_each_is_told() {
        let passed = Verdict { outcome: Outcome::Passed, message: "fine".into(), value: Some(1.0) };
        let failed = Verdict { outcome: Outcome::Failed, message: "slow".into(), value: Some(2.0) };
        let unanswered = Verdict::unanswered("errors", &"the server is away");
        assert_eq!(Summary::of([]), Summary { passed: true, failures: vec![] });
        assert!(Summary::of([&passed]).passed);
        assert_eq!(
            Summary::of([&passed, &failed, &unanswered]).failures,
            ["slow", "errors could not be measured: the server is away"]
        );
    }
}
