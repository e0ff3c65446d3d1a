//! Events, told to hooks and chat rooms in the background: in order for each Canary, so that a slow listener holds no other one up and no
//! rollout.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{alerts::Alerts, metrics::Metrics};
use crate::{
    api::{CanaryKey, HookOutcome},
    cluster::Told,
    hooks::Hooks,
    rollout::{Call, HookHosts, Reply, event_calls, global_event_call},
};

/// Events of one Canary that may wait; more are dropped and counted.
const BACKLOG: usize = 64;
/// How long the task of a Canary waits for its next event.
const IDLE: Duration = Duration::from_secs(60);

/// Tells hooks and chat rooms of events.
pub(super) struct Teller {
    listeners: Arc<Listeners>,
    queues: HashMap<CanaryKey, mpsc::Sender<(Told, Timestamp)>>,
}

/// Who listens.
struct Listeners {
    hooks: Arc<Hooks>,
    global: Option<Global>,
    alerts: Alerts,
    metrics: Metrics,
}

/// The operator's own event webhook: its host is allowed, whatever hooks of Canaries may call.
struct Global {
    url: String,
    hooks: Hooks,
    failing: AtomicBool,
}

impl Teller {
    /// Tells `hooks` of Canaries, and for those that have none the one at `url`.
    pub(super) fn new(hooks: Arc<Hooks>, url: Option<String>, alerts: Alerts, metrics: Metrics) -> Self {
        let global = url.map(|url| Global {
            hooks: Hooks::new(HookHosts::of_url(&url)),
            url,
            failing: AtomicBool::new(false),
        });
        Teller { listeners: Arc::new(Listeners { hooks, global, alerts, metrics }), queues: HashMap::new() }
    }

    /// Hands on what is told, until nobody tells anything any more.
    pub(super) async fn run(mut self, mut told: mpsc::UnboundedReceiver<Told>) {
        while let Some(told) = told.recv().await {
            self.queues.retain(|_, queue| !queue.is_closed());
            let Listeners { metrics, alerts, .. } = self.listeners.as_ref();
            metrics.said(&told.canary, told.event.reason, &alerts.settings);
            self.hand((told, Timestamp::now()));
        }
    }

    fn hand(&mut self, told: (Told, Timestamp)) {
        let key = CanaryKey::from(&told.0.canary);
        let queue = self.queues.entry(key.clone()).or_insert_with(|| self.listeners.clone().queue());
        match queue.try_send(told) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.listeners.metrics.told("event", "dropped"),
            // Its task just went to rest.
            Err(TrySendError::Closed(told)) => {
                let queue = self.listeners.clone().queue();
                let _ = queue.try_send(told);
                self.queues.insert(key, queue);
            }
        }
    }
}

impl Listeners {
    fn queue(self: Arc<Self>) -> mpsc::Sender<(Told, Timestamp)> {
        let (sender, mut receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            while let Ok(Some((told, now))) = tokio::time::timeout(IDLE, receiver.recv()).await {
                self.tell(&told, now).await;
            }
            // Whoever sends from now on begins anew; what came in this instant is told still.
            receiver.close();
            while let Some((told, now)) = receiver.recv().await {
                self.tell(&told, now).await;
            }
        });
        sender
    }

    async fn tell(&self, told: &Told, now: Timestamp) {
        tokio::join!(self.alerts.tell(told), self.event(told, now));
    }

    async fn event(&self, told: &Told, now: Timestamp) {
        let Told { canary, status, event } = told;
        let own = event_calls(canary, status, event, now);
        let quiet = own.is_empty();
        for call in own {
            let reply = self.hooks.call(&call).await;
            if self.ended(&reply) == HookOutcome::Passed {
                continue;
            }
            // The object is named, the URL is not: it may hold a secret.
            let canary = CanaryKey::from(canary);
            tracing::warn!(%canary, hook = call.payload.id, answer = reply.in_words(), "an event hook failed");
        }
        if let Some(global) = self.global.as_ref().filter(|_| quiet) {
            let call = global_event_call(&global.url, canary, status, event, now);
            self.global(global, &call).await;
        }
    }

    /// The operator's hook hears of all Canaries: that it fails is told once.
    async fn global(&self, global: &Global, call: &Call) {
        let reply = global.hooks.call(call).await;
        let failing = self.ended(&reply) != HookOutcome::Passed;
        if failing && !global.failing.swap(failing, Ordering::Relaxed) {
            tracing::warn!(answer = reply.in_words(), "the event webhook fails");
        }
        global.failing.store(failing, Ordering::Relaxed);
    }

    fn ended(&self, reply: &Reply) -> HookOutcome {
        let outcome = reply.outcome();
        self.metrics.told("event", if outcome == HookOutcome::Passed { "sent" } else { "failed" });
        outcome
    }
}
