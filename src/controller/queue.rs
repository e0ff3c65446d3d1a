//! Which Canary is looked at when: each at most once at a time, a bounded number at once, no Canary without a reason.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{api::CanaryKey, rollout::Cause};

/// Pauses after errors double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// Pause before a decision that turned out stale is made again; it doubles as well, for a watch may be far behind.
const STALE_PAUSE: Duration = Duration::from_millis(50);
/// So often the shortest pause doubles until it is the longest.
const DOUBLINGS: u32 = 11;
/// That many stale decisions in a row are told.
const STALE_TOLD: u32 = 8;

/// When a Canary wants to be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// When something happens.
    Never,
    /// After this time, or when something happens.
    After(Duration),
    /// Very soon: what was seen when this was to be written is out of date.
    Stale(String),
    /// It failed: after a pause that grows.
    Failed,
    /// A write does not pass, for this cause: after a pause that grows, or after this time.
    Held(Cause, Option<Duration>),
}

/// The order of work.
#[derive(Debug, Default)]
struct Plan {
    order: BTreeSet<(Instant, CanaryKey)>,
    due: HashMap<CanaryKey, Instant>,
    running: HashSet<CanaryKey>,
    woken: HashSet<CanaryKey>,
    /// How often in a row, and before when no event wakes it.
    failures: HashMap<CanaryKey, (u32, Instant)>,
}

impl Plan {
    /// Looks at the Canary at that time, or at an earlier one that is planned already.
    fn at(&mut self, key: CanaryKey, at: Instant) {
        match self.due.get(&key) {
            Some(earlier) if *earlier <= at => return,
            Some(later) => {
                self.order.remove(&(*later, key.clone()));
            }
            None => {}
        }
        self.due.insert(key.clone(), at);
        self.order.insert((at, key));
    }

    /// Something happened to the Canary.
    fn wake(&mut self, key: CanaryKey, now: Instant) {
        if self.running.contains(&key) {
            self.woken.insert(key);
        } else {
            // What failed keeps the first pause, so that an event storm does not defeat it.
            let earliest = self.failures.get(&key).map_or(now, |(_, earliest)| now.max(*earliest));
            self.at(key, earliest);
        }
    }

    fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The Canary that is due, marked as running.
    fn take(&mut self, now: Instant) -> Option<CanaryKey> {
        self.next().filter(|at| *at <= now)?;
        let (_, key) = self.order.pop_first()?;
        self.due.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }

    /// A look ended.
    fn done(&mut self, key: CanaryKey, again: Again, now: Instant) {
        self.running.remove(&key);
        match again {
            Again::Never | Again::After(_) => {
                self.failures.remove(&key);
                if let Again::After(pause) = again {
                    self.at(key.clone(), now + pause);
                }
            }
            Again::Stale(what) => {
                if self.pause(&key, STALE_PAUSE, now) == STALE_TOLD {
                    let why = "what it rests on is out of date again and again; it is tried less and less";
                    tracing::warn!(canary = %key, what, why, "a write does not succeed");
                }
            }
            Again::Failed => {
                self.pause(&key, FIRST_PAUSE, now);
            }
            Again::Held(_, due) => {
                self.pause(&key, FIRST_PAUSE, now);
                if let Some(due) = due {
                    self.at(key.clone(), now + due.max(FIRST_PAUSE));
                }
            }
        }
        if self.woken.remove(&key) {
            self.wake(key, now);
        }
    }

    /// Looks again after a pause; returns how often in a row that has been so.
    fn pause(&mut self, key: &CanaryKey, first: Duration, now: Instant) -> u32 {
        let (failures, earliest) = self.failures.entry(key.clone()).or_insert((0, now));
        let pause = (first * 2u32.pow((*failures).min(DOUBLINGS))).min(LAST_PAUSE);
        *failures += 1;
        *earliest = now + first;
        let failures = *failures;
        self.at(key.clone(), now + pause);
        failures
    }
}

/// Looks at Canaries until `stop`, then waits for the looks that are under way.
pub(super) async fn work<F: Future<Output = Again> + Send + 'static>(
    mut events: mpsc::UnboundedReceiver<CanaryKey>,
    concurrency: usize,
    stop: &CancellationToken,
    look: impl Fn(CanaryKey) -> F,
) {
    let mut plan = Plan::default();
    let mut looks: JoinSet<Again> = JoinSet::new();
    let mut keys: HashMap<Id, CanaryKey> = HashMap::new();
    while !stop.is_cancelled() {
        while looks.len() < concurrency.max(1) {
            let Some(key) = plan.take(Instant::now()) else { break };
            keys.insert(looks.spawn(look(key.clone())).id(), key);
        }
        let full = looks.len() >= concurrency.max(1);
        let next = plan.next().unwrap_or_else(|| Instant::now() + LAST_PAUSE);
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = looks.join_next_with_id() => {
                let (id, again) = ended.unwrap_or_else(|error| {
                    // A look contains its own panics; one that is lost all the same must not be the Canary's last.
                    tracing::error!(%error, "a look was lost; it is repeated");
                    (error.id(), Again::Failed)
                });
                if let Some(key) = keys.remove(&id) {
                    plan.done(key, again, Instant::now());
                }
            }
            event = events.recv() => match event {
                Some(key) => plan.wake(key, Instant::now()),
                None => break,
            },
            () = sleep_until(next), if !full => {}
        }
    }
    while looks.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn key(name: &str) -> CanaryKey {
        CanaryKey::new("shop", name)
    }

    type Seen = Arc<Mutex<Vec<(CanaryKey, u64)>>>;

    async fn run(
        events: &[&str],
        last: u64,
        again: impl Fn(usize) -> Again + Send + Sync + 'static,
    ) -> Vec<u64> {
        let (sender, receiver) = mpsc::unbounded_channel();
        events.iter().for_each(|name| sender.send(key(name)).unwrap());
        let (seen, stop, begin) = (Seen::default(), CancellationToken::new(), Instant::now());
        let (record, again) = (seen.clone(), Arc::new(again));
        let ending = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(last)).await;
            ending.cancel();
        });
        work(receiver, 4, &stop, move |key| {
            let (record, again) = (record.clone(), again.clone());
            async move {
                let count = {
                    let mut record = record.lock().unwrap();
                    record.push((key, begin.elapsed().as_secs()));
                    record.len()
                };
                tokio::time::sleep(Duration::from_millis(100)).await;
                again(count)
            }
        })
        .await;
        drop(sender);
        let seen = seen.lock().unwrap();
        seen.iter().map(|(_, at)| *at).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_canary_is_not_looked_at_again() {
        assert_eq!(run(&["a"], 3600, |_| Again::Never).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn several_events_during_a_look_lead_to_one_more() {
        assert_eq!(run(&["a", "a", "a"], 10, |_| Again::Never).await.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_due_time_is_kept() {
        let looks =
            run(
                &["a"],
                35,
                |count| if count < 3 { Again::After(Duration::from_secs(10)) } else { Again::Never },
            );
        assert_eq!(looks.await, [0, 10, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_after_failures_grow() {
        assert_eq!(run(&["a"], 20, |_| Again::Failed).await, [0, 1, 3, 7, 15]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_does_not_pass_is_tried_again_less_and_less_and_holds_no_due_time_up() {
        assert_eq!(run(&["a"], 20, |_| Again::Held(Cause::WriteFailed, None)).await, [0, 1, 3, 7, 15]);
        let due = Some(Duration::from_secs(5));
        assert_eq!(
            run(&["a"], 20, move |_| Again::Held(Cause::WriteRefused, due)).await,
            [0, 1, 3, 7, 12, 17]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_lost_is_not_the_last() {
        let looks = run(&["a"], 3, |count| if count == 1 { panic!("lost") } else { Again::Never });
        assert_eq!(looks.await, [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_stale_is_looked_at_less_and_less() {
        let looks = run(&["a"], 3600, |_| Again::Stale("writing".to_owned())).await;
        let first = looks.iter().filter(|at| **at < 10).count();
        assert!((4..20).contains(&first), "{first} looks");
        assert!(looks.len() < 80, "{} looks in an hour", looks.len());
    }

    #[test]
    fn an_event_storm_does_not_defeat_the_pause_after_a_failure() {
        let (mut plan, begin) = (Plan::default(), Instant::now());
        let ms = Duration::from_millis;
        plan.wake(key("a"), begin);
        for _ in 0..4 {
            let key = plan.take(plan.next().unwrap()).unwrap();
            plan.done(key, Again::Failed, begin);
        }
        assert_eq!(plan.next(), Some(begin + ms(8000)));
        plan.wake(key("a"), begin + ms(10));
        assert_eq!(plan.next(), Some(begin + ms(1000)), "sooner than planned, but not at once");
        plan.wake(key("b"), begin + ms(20));
        assert_eq!(plan.next(), Some(begin + ms(20)), "others do not wait");
    }

    #[tokio::test(start_paused = true)]
    async fn w_ops_6_no_more_looks_than_allowed_go_on_at_once_and_every_canary_has_its_turn() {
        let (sender, receiver) = mpsc::unbounded_channel();
        (0..20).for_each(|number| sender.send(key(&number.to_string())).unwrap());
        let (stop, begin, seen) = (CancellationToken::new(), Instant::now(), Seen::default());
        let (record, ending) = (seen.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            ending.cancel();
        });
        work(receiver, 4, &stop, move |key| {
            record.lock().unwrap().push((key, begin.elapsed().as_secs()));
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Again::Never
            }
        })
        .await;
        drop(sender);
        let seen = seen.lock().unwrap();
        let looked: HashSet<&CanaryKey> = seen.iter().map(|(key, _)| key).collect();
        assert_eq!((seen.len(), looked.len()), (20, 20));
        let begun: Vec<u64> = seen.iter().map(|(_, second)| *second).collect();
        assert_eq!(begun, (0..20).map(|number| number / 4).collect::<Vec<_>>(), "four in each second");
    }

    #[tokio::test(start_paused = true)]
    async fn different_canaries_are_looked_at_side_by_side() {
        assert_eq!(run(&["a", "b", "c"], 10, |_| Again::Never).await, [0, 0, 0]);
    }
}
