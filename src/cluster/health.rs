//! How a watch is doing: for readiness (its first list is complete) and for liveness (it has been failing for long).

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, warn};

use super::error::{refusal, shortened};
use crate::sentence;

/// A watch that goes on failing fails at least this often: pauses between attempts end at half a minute, and an attempt
/// that hangs is given up by the client.
const STREAK: Duration = Duration::from_secs(120);

/// How often it is told that a watch goes on failing.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// A watch by what it watches, `HTTPRoute` or `ConfigMap metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByKind {
    kind: &'static str,
}

/// How often the watches failed.
pub type Failures = Family<ByKind, Counter>;

/// Why an attempt to watch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// The status code of the API server's refusal, if it answered.
    pub code: Option<u16>,
    /// What the API server said, or why it could not be asked.
    pub words: String,
}

impl Lapse {
    fn of(error: &(dyn std::error::Error + 'static)) -> Lapse {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        match causes.find_map(|cause| cause.downcast_ref::<kube::Error>()) {
            Some(kube::Error::Api(status)) => Lapse { code: Some(status.code), words: refusal(status) },
            _ => Lapse { code: None, words: shortened(sentence::of(error)) },
        }
    }

    /// What somebody can do about it.
    pub fn way_out(&self) -> &'static str {
        match self.code {
            Some(403) => {
                "let Sluice's service account list and watch them (`helm upgrade` brings the chart's role back)"
            }
            Some(404) => {
                "install their CustomResourceDefinition (`sluice crds --apply` does it for those of flagger.app)"
            }
            _ => "it is tried again; look at the API server, and at the network between",
        }
    }
}

/// The state of one watch.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Whether the first list is complete.
    pub synced: bool,
    /// Why the last attempt failed, if it did.
    pub lapse: Option<Lapse>,
    streak: Option<Streak>,
}

/// Failures without a break.
#[derive(Clone, Copy, Debug)]
struct Streak {
    first: Instant,
    last: Instant,
    told: Instant,
}

impl Health {
    /// Since when the watch has been failing, if it is.
    pub fn failing_since(&self, now: Instant) -> Option<Instant> {
        self.failing(now).map(|streak| streak.first)
    }

    fn failing(&self, now: Instant) -> Option<Streak> {
        self.streak.filter(|streak| now.duration_since(streak.last) < STREAK)
    }

    /// Whether this failure is to be told.
    fn fail(&mut self, now: Instant, lapse: Lapse) -> bool {
        self.lapse = Some(lapse);
        let before = self.failing(now);
        let tells = before.is_none_or(|streak| now.duration_since(streak.told) >= TOLD_AGAIN);
        let (first, told) = before.map_or((now, now), |streak| (streak.first, streak.told));
        self.streak = Some(Streak { first, last: now, told: if tells { now } else { told } });
        tells
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
        self.health.send_modify(|health| *health = Health { synced: true, ..Health::default() });
    }

    /// Nobody is to wait for a list of this kind: there will be none.
    pub(super) fn passed_over(&self) {
        self.health.send_modify(|health| (health.synced, health.streak) = (true, None));
    }

    /// An attempt failed; it is made again. That is told at once, and once a minute while it goes on.
    pub(super) fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.failures.get_or_create(&ByKind { kind: self.name }).inc();
        let lapse = Lapse::of(error);
        let (why, way_out) = (lapse.words.clone(), lapse.way_out());
        let mut tells = false;
        self.health.send_modify(|health| tells = health.fail(Instant::now(), lapse));
        if tells {
            warn!(kind = self.name, why, way_out, "watching failed; it is tried again");
        } else {
            debug!(kind = self.name, why, "watching still fails");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ClusterError;

    fn lapse() -> Lapse {
        Lapse { code: None, words: "silence".to_owned() }
    }

    fn refused(code: u16) -> kube::Error {
        let message = "canaries.flagger.app is forbidden.".to_owned();
        kube::Error::Api(Box::new(kube::core::Status { code, message, ..kube::core::Status::default() }))
    }

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
        health.fail(start, lapse());
        health.fail(start + Duration::from_secs(60), lapse());
        assert_eq!(health.failing_since(start + Duration::from_secs(100)), Some(start));
        let later = start + Duration::from_secs(400);
        assert_eq!(health.failing_since(later), None);
        health.fail(later, lapse());
        assert_eq!(health.failing_since(later), Some(later));
    }

    #[test]
    fn a_watch_that_goes_on_failing_is_told_once_a_minute() {
        let (mut health, start) = (Health::default(), Instant::now());
        let mut told = (0..200).step_by(20).filter(|second| {
            let now = start + Duration::from_secs(*second);
            health.fail(now, lapse())
        });
        assert_eq!(told.by_ref().collect::<Vec<_>>(), [0, 60, 120, 180]);
    }

    #[test]
    fn a_failure_is_known_by_the_api_servers_words_and_its_way_out() {
        let watch = kube::runtime::watcher::Error::InitialListFailed(refused(403));
        let denied = Lapse::of(&watch);
        assert_eq!((denied.code, denied.words.as_str()), (Some(403), "canaries.flagger.app is forbidden"));
        assert!(denied.way_out().starts_with("let Sluice's service account list"), "{}", denied.way_out());
        let discovery = ClusterError::Call { what: "asking".to_owned(), source: refused(404) };
        assert!(Lapse::of(&discovery).way_out().contains("`sluice crds --apply`"));
        let away = Lapse::of(&std::io::Error::other("connection refused"));
        assert_eq!((away.code, away.words.as_str()), (None, "connection refused"));
    }
}
