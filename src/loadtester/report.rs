//! What came of a load, in numbers and in one line.

use std::{collections::BTreeMap, fmt, time::Duration};

use hdrhistogram::Histogram;

/// What a load was answered.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// How long it has run.
    pub(super) time: Duration,
    /// Answers by status.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(super) unanswered: u64,
    /// Why the first of these had none.
    pub(super) first_failure: Option<String>,
    /// Milliseconds from a request to the end of its answer: half, 95 and 99 of a hundred were faster.
    pub(super) percentiles: [f64; 3],
}

impl Report {
    /// Puts the numbers together; `latency` is in microseconds.
    pub(super) fn new(
        time: Duration,
        statuses: BTreeMap<u16, u64>,
        unanswered: u64,
        first_failure: Option<String>,
        latency: &Histogram<u32>,
    ) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a minute is far below 2^52 microseconds")]
        let percentiles = [0.5, 0.95, 0.99].map(|part| latency.value_at_quantile(part) as f64 / 1000.0);
        Report { time, statuses, unanswered, first_failure, percentiles }
    }

    /// Requests that were answered, whatever the status.
    pub(super) fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Whether requests were sent and none of them was answered: whatever was to be loaded was not.
    pub(super) fn reached_nobody(&self) -> bool {
        self.unanswered > 0 && self.answered() == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.answered() + self.unanswered;
        write!(f, "{sent} requests in {:.1} s", self.time.as_secs_f64())?;
        for (index, (status, count)) in self.statuses.iter().enumerate() {
            let before = if index == 0 { ": " } else { ", " };
            write!(f, "{before}{count} times {status}")?;
        }
        if let Some(why) = &self.first_failure {
            write!(f, "; {} without an answer, the first because {why}", self.unanswered)?;
        }
        if self.answered() > 0 {
            let [p50, p95, p99] = self.percentiles;
            write!(f, "; p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms")?;
        }
        Ok(())
    }
}
