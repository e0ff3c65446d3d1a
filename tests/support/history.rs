//! Everything that a Canary was, from the moment one began to look: a watch misses no step, polling would.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{api, wait};

/// A Canary as it was from one moment on.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) canary: Value,
}

impl Seen {
    /// `status.phase`; empty before the first one.
    pub(crate) fn phase(&self) -> &str {
        self.canary["status"]["phase"].as_str().unwrap_or_default()
    }

    /// `status.canaryWeight`.
    pub(crate) fn weight(&self) -> i64 {
        self.canary["status"]["canaryWeight"].as_i64().unwrap_or_default()
    }

    /// Whether the step's interval runs: its route is accepted.
    pub(crate) fn is_due(&self) -> bool {
        self.canary["status"]["nextStepAt"].is_string()
    }

    /// A number of the status, 0 if absent.
    pub(crate) fn number(&self, field: &str) -> i64 {
        self.canary["status"][field].as_i64().unwrap_or_default()
    }

    /// A condition, null if absent.
    pub(crate) fn condition(&self, kind: &str) -> &Value {
        let conditions = self.canary["status"]["conditions"].as_array();
        conditions.into_iter().flatten().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
    }

    /// Whether a condition is True.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.condition(kind)["status"] == "True"
    }

    /// The state in one line.
    pub(crate) fn line(&self) -> String {
        let status = &self.canary["status"];
        format!(
            "phase `{}`, weight {}, step {}, failed checks {}, last decision {}, conditions {}",
            self.phase(),
            self.weight(),
            self.number("stepIndex"),
            self.number("failedChecks"),
            status["lastDecision"],
            status["conditions"]
        )
    }
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    changed: Condvar,
}

/// A watch of one Canary.
#[derive(Debug)]
pub(crate) struct History {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl History {
    /// Watches a Canary from now on.
    pub(crate) fn of(namespace: &str, name: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        let collection = api::collection("canaries", namespace);
        let path = format!("{collection}?watch=1&fieldSelector=metadata.name%3D{name}");
        let task = api::runtime().spawn(async move {
            loop {
                let result = api::watch(path.clone(), |event| {
                    if event["type"] == "ADDED" || event["type"] == "MODIFIED" {
                        writer.add(event["object"].clone());
                    }
                    event["type"] != "ERROR"
                });
                // An end is nothing to mind: a new watch begins with what is there.
                drop(result.await);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        History { shared, task }
    }

    /// A mark to look from.
    pub(crate) fn mark(&self) -> usize {
        self.lock().len()
    }

    /// What was seen since a mark.
    pub(crate) fn since(&self, mark: usize) -> Vec<Seen> {
        self.lock()[mark..].to_vec()
    }

    /// The first state since the mark that fits; panics at the limit with the last state.
    #[track_caller]
    pub(crate) fn first(
        &self,
        mark: usize,
        limit: Duration,
        what: &str,
        fits: impl Fn(&Seen) -> bool,
    ) -> Seen {
        let began = Instant::now();
        let mut looked = mark;
        let mut seen = self.lock();
        loop {
            if let Some(found) = seen[looked.min(seen.len())..].iter().find(|seen| fits(seen)) {
                return found.clone();
            }
            looked = looked.max(seen.len());
            let Some(left) = limit.checked_sub(began.elapsed()) else {
                let last = seen.last().map_or_else(|| "nothing".to_owned(), Seen::line);
                drop(seen);
                panic!("waited {} s for {what}; last seen: {last}", limit.as_secs());
            };
            seen = self.shared.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The current state, or the next one, that fits.
    #[track_caller]
    pub(crate) fn wait(&self, limit: Duration, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        self.first(self.mark().saturating_sub(1), limit, what, fits)
    }

    /// Waits for the end of a run and checks that it was this one.
    #[track_caller]
    pub(crate) fn ends(&self, mark: usize, phase: &str) -> Seen {
        let seen = self.first(mark, wait::RUN, &format!("the run to end as {phase}"), |seen| {
            ["Succeeded", "Failed"].contains(&seen.phase())
        });
        assert_eq!(seen.phase(), phase, "{}", seen.line());
        seen
    }

    /// Each stay at a weight during the analysis since a mark: the weight, from when its route was accepted, until when.
    pub(crate) fn stays(&self, mark: usize) -> Vec<(i64, Instant, Instant)> {
        let seen = self.since(mark);
        let mut stays: Vec<(i64, Instant, Instant)> = Vec::new();
        for pair in seen.windows(2).filter(|pair| pair[0].phase() == "Progressing") {
            match stays.last_mut() {
                Some((weight, from, until)) if *weight == pair[0].weight() => {
                    if !pair[0].is_due() {
                        *from = pair[1].at;
                    }
                    *until = pair[1].at;
                }
                _ => stays.push((pair[0].weight(), pair[0].at, pair[1].at)),
            }
        }
        stays
    }

    /// Each weight that was seen since a mark, once for each stay at it.
    pub(crate) fn weights(&self, mark: usize) -> Vec<i64> {
        let mut weights: Vec<i64> = self.since(mark).iter().map(Seen::weight).collect();
        weights.dedup();
        weights
    }

    /// Each phase that was seen since a mark, once for each stay in it.
    pub(crate) fn phases(&self, mark: usize) -> Vec<String> {
        let mut phases: Vec<String> = self.since(mark).iter().map(|seen| seen.phase().to_owned()).collect();
        phases.dedup();
        phases
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn add(&self, canary: Value) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { at: Instant::now(), canary });
        self.changed.notify_all();
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}
