//! Event hooks: those of Canaries, and the operator's one for all others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;

use crate::{
    api::{CanaryKey, HookOutcome},
    cluster::Told,
    controller::{asks::Asks, metrics::Metrics},
    hooks::Hooks,
    rollout::{AskId, Call, HookHosts, event_calls, global_event_call, heard},
};

/// Calls event hooks.
pub(super) struct Events {
    hooks: Arc<Hooks>,
    global: Option<Global>,
    /// Where what the hooks of Canaries answer is kept until it stands in the status.
    asks: Arc<Asks>,
    metrics: Metrics,
}

/// The operator's own event webhook: its host is allowed, whatever hooks of Canaries may call.
struct Global {
    url: String,
    hooks: Hooks,
    failing: AtomicBool,
}

/// One hook of one Canary; without a name the operator's.
pub(super) type Listener = (CanaryKey, Option<String>);

impl Events {
    /// The hooks of Canaries, and for those that have none the one at `url`.
    pub(super) fn new(hooks: Arc<Hooks>, url: Option<String>, asks: Arc<Asks>, metrics: Metrics) -> Self {
        let global = url.map(|url| Global {
            hooks: Hooks::new(HookHosts::of_url(&url)),
            url,
            failing: AtomicBool::new(false),
        });
        Events { hooks, global, asks, metrics }
    }

    /// Whom an event is told, and how.
    pub(super) fn calls(&self, told: &Told, now: Timestamp) -> Vec<(Listener, Call)> {
        let Told { canary, status, event } = told;
        let key = CanaryKey::from(canary);
        let own = event_calls(canary, status, event, now);
        if own.is_empty() {
            let call = |global: &Global| global_event_call(&global.url, canary, status, event, now);
            return self.global.iter().map(|global| ((key.clone(), None), call(global))).collect();
        }
        let name = |call: &Call| call.payload.id.parse::<AskId>().map(|id| id.name).unwrap_or_default();
        own.into_iter().map(|call| ((key.clone(), Some(name(&call))), call)).collect()
    }

    /// Tells one hook.
    pub(super) async fn tell(&self, (canary, hook): Listener, call: Call) {
        let global = if hook.is_none() { self.global.as_ref() } else { None };
        let reply = global.map_or(self.hooks.as_ref(), |global| &global.hooks).call(&call).await;
        let failed = reply.outcome() != HookOutcome::Passed;
        self.metrics.told("event", if failed { "failed" } else { "sent" });
        let answer = reply.in_words();
        if global.is_none()
            && let Some((id, answer)) = heard(&call, &reply, Timestamp::now())
        {
            self.asks.hear(canary.clone(), id, answer);
        }
        match global {
            // It hears of all Canaries: that it fails is told once, and that it does not any more.
            Some(global) => match (global.failing.swap(failed, Ordering::Relaxed), failed) {
                (false, true) => tracing::warn!(answer, "the event webhook fails"),
                (true, false) => tracing::info!("the event webhook works again"),
                _ => {}
            },
            // The object is named, the URL is not: it may hold a secret.
            None if failed => {
                tracing::warn!(%canary, hook = call.payload.id, answer, "an event hook failed");
            }
            None => {}
        }
    }
}
