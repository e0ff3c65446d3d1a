//! How a watch is doing: for readiness (its first list is complete) and for liveness (it has been failing for long).

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, warn};

/// A watch that goes on failing fails at least this often: pauses between attempts end at half a minute, and an attempt
/// that hangs is given up by the client.
const STREAK: Duration = Duration::from_secs(120);

/// A watch by what it watches, `HTTPRoute` or `ConfigMap metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByKind {
    kind: &'static str,
}

/// How often the watches failed.
pub type Failures = Family<ByKind, Counter>;

/// The state of one watch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    /// Whether the first list is complete.
    pub synced: bool,
    streak: Option<(Instant, Instant)>,
}

impl Health {
    /// Since when the watch has been failing, if it is.
    pub fn failing_since(&self, now: Instant) -> Option<Instant> {
        self.streak.filter(|(_, last)| now.duration_since(*last) < STREAK).map(|(first, _)| first)
    }

    fn fail(&mut self, now: Instant) {
        let first = self.failing_since(now).unwrap_or(now);
        self.streak = Some((first, now));
    }
}

/// The watch's own end.
pub(super) struct Pulse {
    name: &'static str,
    health: watch::Sender<Health>,
    failures: Failures,
}

impl Pulse {
    pub(super) fn new(name: &'static str, failures: Failures) -> (Pulse, watch::Receiver<Health>) {
        let (health, receiver) = watch::channel(Health::default());
        (Pulse { name, health, failures }, receiver)
    }

    /// A list is complete.
    pub(super) fn synced(&self) {
        self.health.send_modify(|health| *health = Health { synced: true, streak: None });
    }

    /// An attempt failed; it is made again.
    pub(super) fn failed(&self, error: &dyn std::error::Error) {
        let now = Instant::now();
        self.failures.get_or_create(&ByKind { kind: self.name }).inc();
        if self.health.borrow().failing_since(now).is_none() {
            warn!(kind = self.name, %error, "watching failed; it is tried again");
        } else {
            debug!(kind = self.name, %error, "watching still fails");
        }
        self.health.send_modify(|health| health.fail(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_ops_2_each_failure_of_a_watch_is_counted_by_what_it_watches() {
        let failures = Failures::default();
        let (routes, _routes) = Pulse::new("HTTPRoute", failures.clone());
        let (_services, _health) = Pulse::new("Service", failures.clone());
        (0..3).for_each(|_| routes.failed(&std::io::Error::other("forbidden")));
        let count = |kind| failures.get_or_create(&ByKind { kind }).get();
        assert_eq!((count("HTTPRoute"), count("Service")), (3, 0));
    }

    #[test]
    fn a_streak_of_failures_counts_from_its_first_and_ends_by_silence() {
        let (mut health, start) = (Health::default(), Instant::now());
        assert_eq!(health.failing_since(start), None);
        health.fail(start);
        health.fail(start + Duration::from_secs(60));
        assert_eq!(health.failing_since(start + Duration::from_secs(100)), Some(start));
        let later = start + Duration::from_secs(400);
        assert_eq!(health.failing_since(later), None);
        health.fail(later);
        assert_eq!(health.failing_since(later), Some(later));
    }
}
