//! Events, told to hooks and chat rooms in the background: in order for each hook and for the rooms of each Canary, so that a slow
//! listener holds no other one up and no rollout.

mod events;
mod line;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{alerts::Alerts, asks::Asks, metrics::Metrics};
use crate::{
    api::{Canary, CanaryKey},
    cluster::Told,
    hooks::Hooks,
    rollout::{Alert, Call},
};
use events::{Events, Listener};
use line::Lines;

/// How long whoever is told something at the end of the process may take to hear it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Waits until everybody has heard what was decided before the end, though not for ever.
pub(super) async fn last_words(telling: JoinHandle<()>) {
    if tokio::time::timeout(LAST_WORDS, telling).await.is_err() {
        tracing::warn!(
            "somebody was not told everything before the end: an event hook, a chat room or the API server takes too long"
        );
    }
}

/// Tells hooks and chat rooms of events.
pub(super) struct Teller {
    events: Arc<Events>,
    alerts: Arc<Alerts>,
    metrics: Metrics,
    rooms: Lines<CanaryKey, (Canary, Alert)>,
    hooks: Lines<Listener, (Listener, Call)>,
}

impl Teller {
    /// Tells `hooks` of Canaries, and for those that have none the one at `url`. Answers are told to `asks`.
    pub(super) fn new(
        hooks: Arc<Hooks>,
        url: Option<String>,
        asks: Arc<Asks>,
        alerts: Alerts,
        metrics: Metrics,
    ) -> Self {
        let events = Arc::new(Events::new(hooks, url, asks, metrics.clone()));
        let alerts = Arc::new(alerts);
        let (alerting, calling) = (alerts.clone(), events.clone());
        let rooms = Lines::new(move |(canary, alert)| {
            let alerts = alerting.clone();
            Box::pin(async move { alerts.tell(&canary, &alert).await })
        });
        let hooks = Lines::new(move |(listener, call)| {
            let events = calling.clone();
            Box::pin(async move { events.tell(listener, call).await })
        });
        Teller { events, alerts, metrics, rooms, hooks }
    }

    /// Hands on what is told, until nobody tells anything any more and everybody has heard everything.
    pub(super) async fn run(mut self, mut told: mpsc::UnboundedReceiver<Told>) {
        while let Some(told) = told.recv().await {
            self.metrics.said(&told.canary, told.event.reason, &self.alerts.settings);
            self.hand(told, Timestamp::now());
        }
        tokio::join!(self.rooms.empty(), self.hooks.empty());
    }

    fn hand(&mut self, told: Told, now: Timestamp) {
        for (listener, call) in self.events.calls(&told, now) {
            if !self.hooks.push(listener.clone(), (listener, call)) {
                self.metrics.told("event", "dropped");
            }
        }
        let alert = self.alerts.of(&told);
        if alert.is_some_and(|alert| !self.rooms.push(CanaryKey::from(&told.canary), (told.canary, alert))) {
            self.metrics.told("alert", "dropped");
        }
    }
}

#[cfg(test)]
mod tests;
