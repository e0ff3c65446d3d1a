//! What every Canary was and when, by one watch that misses no step.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use jiff::Timestamp;

use super::store::Store;

/// A Canary from one moment on.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// The same moment, to be compared with what the status says.
    pub(crate) time: Timestamp,
    pub(crate) phase: String,
    pub(crate) weight: i64,
    /// When the next step was due.
    pub(crate) due: Option<Timestamp>,
}

/// Everything that was seen, by the Canary's name.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<HashMap<String, Vec<Seen>>>>);

impl History {
    /// Watches from now on.
    pub(crate) fn of(store: &Store) -> History {
        let history = History::default();
        let (writer, mut changes) =
            (history.clone(), store.watch("flagger.app", "v1beta1", "Canary", "canaries"));
        tokio::spawn(async move {
            while let Some(object) = changes.next().await {
                let status = &object.data["status"];
                let seen = Seen {
                    at: Instant::now(),
                    time: Timestamp::now(),
                    phase: status["phase"].as_str().unwrap_or_default().to_owned(),
                    weight: status["canaryWeight"].as_i64().unwrap_or_default(),
                    due: status["nextStepAt"].as_str().and_then(|due| due.parse().ok()),
                };
                let name = object.metadata.name.unwrap_or_default();
                writer.0.lock().unwrap().entry(name).or_default().push(seen);
            }
        });
        history
    }

    /// Forgets all states but the last of each Canary, so that what follows is told apart.
    pub(crate) fn forget(&self) {
        for seen in self.0.lock().unwrap().values_mut() {
            seen.drain(..seen.len().saturating_sub(1));
        }
    }

    /// What was seen of one Canary.
    pub(crate) fn seen(&self, name: &str) -> Vec<Seen> {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    /// When a Canary entered a phase.
    pub(crate) fn entered(&self, name: &str, phase: &str) -> Option<Instant> {
        self.seen(name).iter().find(|seen| seen.phase == phase).map(|seen| seen.at)
    }

    /// Waits until so many Canaries have been in a phase since the last `forget`.
    pub(crate) async fn until(&self, count: usize, phase: &str, patience: Duration) {
        let begun = Instant::now();
        loop {
            let there = self
                .0
                .lock()
                .unwrap()
                .values()
                .filter(|seen| seen.iter().any(|seen| seen.phase == phase))
                .count();
            if there >= count {
                return;
            }
            assert!(
                begun.elapsed() < patience,
                "{there} of {count} Canaries were {phase}: {}",
                self.others(phase)
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A Canary that never was in a phase, for messages.
    fn others(&self, phase: &str) -> String {
        let all = self.0.lock().unwrap();
        let other = all.iter().find(|(_, seen)| !seen.iter().any(|seen| seen.phase == phase));
        other.map_or_else(String::new, |(name, seen)| format!("{name} was last {:?}", seen.last()))
    }

    /// How late each step of these Canaries was: from its due time until the next share, or the promotion, was seen.
    pub(crate) fn lateness(&self, names: &[String]) -> Vec<Duration> {
        let mut late = Vec::new();
        for name in names {
            for pair in self.seen(name).windows(2) {
                let [before, after] = pair else { continue };
                let stepped = after.weight > before.weight || after.phase != before.phase;
                if let Some(due) = before.due.filter(|_| before.phase == "Progressing" && stepped) {
                    late.push(Duration::try_from(after.time.duration_since(due)).unwrap_or_default());
                }
            }
        }
        late
    }
}
