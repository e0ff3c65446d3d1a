//! Counts the answers of a load while it runs.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::{CreationError, Histogram};
use tokio::time::Instant;

use super::report::Report;

/// Microseconds that are told apart; what takes longer counts as this.
const LONGEST: u64 = 120_000_000;

/// The counts of one load.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    statuses: BTreeMap<u16, u64>,
    unanswered: u64,
    first_failure: Option<String>,
    latency: Histogram<u32>,
    ended: Option<Duration>,
}

impl Tally {
    /// Nothing is counted yet; the load begins now.
    pub(super) fn begin() -> Result<Self, CreationError> {
        // Two digits are as much as a line for people shows.
        let latency = Histogram::new_with_bounds(1, LONGEST, 2)?;
        let counts =
            Counts { statuses: BTreeMap::new(), unanswered: 0, first_failure: None, latency, ended: None };
        Ok(Tally { began: Instant::now(), counts: Mutex::new(counts) })
    }

    /// Counts an answer and the time until its end.
    pub(super) fn answered(&self, status: u16, took: Duration) {
        let mut counts = self.counts();
        *counts.statuses.entry(status).or_default() += 1;
        counts.latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a request without an answer.
    pub(super) fn failed(&self, why: String) {
        let mut counts = self.counts();
        counts.unanswered += 1;
        counts.first_failure.get_or_insert(why);
    }

    /// The load is over.
    pub(super) fn end(&self) {
        let mut counts = self.counts();
        counts.ended = Some(self.began.elapsed());
    }

    /// What was counted so far.
    pub(super) fn report(&self) -> Report {
        let counts = self.counts();
        Report::new(
            counts.ended.unwrap_or_else(|| self.began.elapsed()),
            counts.statuses.clone(),
            counts.unanswered,
            counts.first_failure.clone(),
            &counts.latency,
        )
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
