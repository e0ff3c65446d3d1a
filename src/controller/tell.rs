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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::{
        api::{Canary, CanaryStatus},
        controller::{alerts::Alerting, testing::Stage},
        execute::{Outcome, execute},
        rollout::{Decision, Event, Reason, Settings},
    };

    /// A Canary whose event hook has its name as path.
    fn canary(name: &str, server: &MockServer) -> Canary {
        let hook = json!({"name": "log", "type": "event", "url": format!("{}/{name}", server.uri()), "timeout": "1h"});
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": "store"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "analysis": {"webhooks": [hook]},
            },
        }))
        .unwrap()
    }

    /// Two steps of which people are told, and nothing else.
    fn decision() -> Decision {
        Decision {
            status: CanaryStatus::default(),
            effects: Vec::new(),
            lowering: 0,
            asks: Vec::new(),
            known: BTreeSet::new(),
            lacks: Vec::new(),
            wake: None,
            events: vec![
                Event::new(Reason::WeightRaised, "10 %."),
                Event::new(Reason::WeightRaised, "20 %."),
            ],
        }
    }

    #[tokio::test]
    async fn w_ctl_20_a_slow_event_webhook_delays_neither_a_step_nor_what_others_are_told() {
        let server = MockServer::start().await;
        let answers = [("/slow", Duration::from_secs(3600)), ("/quick", Duration::ZERO)];
        for (at, delay) in answers {
            let answer = ResponseTemplate::new(200).set_delay(delay);
            Mock::given(path(at)).respond_with(answer).mount(&server).await;
        }
        let service = tower::service_fn(|_| async {
            http::Response::builder().status(500).body(kube::client::Body::empty())
        });
        let Stage { cluster, announcer, metrics, world, told } =
            Stage::on(kube::Client::new(service, "default"));
        let settings = Arc::new(Settings::default());
        let alerts = Alerts::new(cluster, announcer, settings, Alerting::default(), metrics.clone());
        let hooks = Arc::new(Hooks::new("127.0.0.1".parse().unwrap()));
        tokio::spawn(Teller::new(hooks, None, alerts, metrics).run(told));
        let heard = async |name: &str| {
            let requests = server.received_requests().await.unwrap();
            requests.iter().filter(|request| request.url.path() == name).count()
        };
        let wait = async |name: &str, calls: usize| {
            while heard(name).await < calls {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let patience = Duration::from_secs(20);
        let steps = async {
            for name in ["slow", "quick"] {
                assert_eq!(
                    execute(&world, &canary(name, &server), &decision()).await.unwrap(),
                    Outcome::Done
                );
            }
            wait("/slow", 1).await;
            wait("/quick", 2).await;
        };
        tokio::time::timeout(patience, steps).await.expect("nothing waits for the slow hook");
        assert_eq!(heard("/slow").await, 1, "of one Canary it hears in order");
    }
}
