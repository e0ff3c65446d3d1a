//! Questions to metric servers and hooks, asked outside the reconcile slots: a slow one never holds another Canary up.
//! How many go out at once is bounded in [`Providers`] and [`Hooks`].

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use tokio::sync::mpsc;

use crate::{
    analysis::{Check, Credentials},
    api::CanaryKey,
    cluster::Cluster,
    hooks::Hooks,
    providers::Providers,
    rollout::{Answer, Answers, Ask, AskId, Measured, Question, Reply},
    sentence,
};

/// So long what an `event` hook answered waits for a look that comes anyway, before there is one of its own.
const MOMENT: Duration = Duration::from_secs(5);

/// What is being asked and what was answered, by Canary.
pub(super) struct Asks {
    cluster: Cluster,
    providers: Providers,
    hooks: Arc<Hooks>,
    state: Mutex<State>,
    answered: mpsc::UnboundedSender<CanaryKey>,
}

#[derive(Debug, Default)]
struct State {
    under_way: HashSet<(CanaryKey, AskId)>,
    answers: HashMap<CanaryKey, Answers>,
}

impl Asks {
    /// Answers are announced through `answered`.
    pub(super) fn new(
        cluster: Cluster,
        providers: Providers,
        hooks: Arc<Hooks>,
        answered: mpsc::UnboundedSender<CanaryKey>,
    ) -> Arc<Self> {
        Arc::new(Asks { cluster, providers, hooks, state: Mutex::default(), answered })
    }

    /// Asks, unless the same question is under way or answered.
    pub(super) fn start(self: &Arc<Self>, key: CanaryKey, ask: Ask) {
        {
            let mut state = self.state();
            let answered = state.answers.get(&key).is_some_and(|answers| answers.contains_key(&ask.id));
            if answered || !state.under_way.insert((key.clone(), ask.id.clone())) {
                return;
            }
        }
        let asks = self.clone();
        tokio::spawn(async move {
            // Whatever happens there is an answer: the run waits for it.
            let answer = AssertUnwindSafe(asks.ask(&ask.question)).catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| panicked(&ask.question));
            tracing::debug!(canary = %key, name = %ask.id.name, ?answer, "answered");
            {
                let mut state = asks.state();
                state.under_way.remove(&(key.clone(), ask.id.clone()));
                state.answers.entry(key.clone()).or_default().insert(ask.id, answer);
            }
            // Nobody listens any more while the process ends.
            let _ = asks.answered.send(key);
        });
    }

    async fn ask(&self, question: &Question) -> Answer {
        match question {
            Question::Metric(check) => Answer::Measured(self.measure(check).await),
            Question::Hook(call) => Answer::Said(self.hooks.call(call).await),
        }
    }

    /// Reads the check's Secret, if it has one, and asks.
    async fn measure(&self, check: &Check) -> Measured {
        let credentials = match &check.endpoint.secret {
            Some(secret) => self.cluster.credentials(secret).await.map_err(|error| sentence::of(&error))?,
            None => Credentials::default(),
        };
        self.providers.query(check, &credentials).await.map_err(|error| sentence::of(&error))
    }

    /// Keeps what an `event` hook answered, in the place of what it had answered before.
    pub(super) fn hear(self: &Arc<Self>, key: CanaryKey, id: AskId, answer: Answer) {
        {
            let mut state = self.state();
            let answers = state.answers.entry(key.clone()).or_default();
            answers.retain(|former, answer| former.name != id.name || !matches!(answer, Answer::Heard(_)));
            answers.insert(id.clone(), answer);
        }
        let asks = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(MOMENT).await;
            if asks.answers(&key).contains_key(&id) {
                let _ = asks.answered.send(key);
            }
        });
    }

    /// What is answered so far.
    pub(super) fn answers(&self, key: &CanaryKey) -> Answers {
        self.state().answers.get(key).cloned().unwrap_or_default()
    }

    /// Drops the answers that `keep` does not want.
    pub(super) fn retain(&self, key: &CanaryKey, keep: impl Fn(&AskId) -> bool) {
        let mut state = self.state();
        if let Some(answers) = state.answers.get_mut(key) {
            answers.retain(|id, _| keep(id));
            if answers.is_empty() {
                state.answers.remove(key);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of a question that ended in a bug of ours.
fn panicked(question: &Question) -> Answer {
    let why = "asking panicked; the log says where".to_owned();
    match question {
        Question::Metric(_) => Answer::Measured(Err(why)),
        Question::Hook(_) => Answer::Said(Reply::Silent(why)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        analysis,
        api::{Canary, MetricProviderType, ObjectRef},
        providers::Limits,
        rollout::HookHosts,
    };

    fn key() -> CanaryKey {
        CanaryKey::new("store", "shop")
    }

    /// A question to a server that is not there.
    fn ask(due: i64) -> Ask {
        let canary: Canary = serde_json::from_value(serde_json::json!({
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "service": {"port": 80},
                "analysis": {"interval": "10s", "threshold": 1, "metrics": [
                    {"name": "errors", "query": "up", "thresholdRange": {"max": 1}},
                ]},
            },
        }))
        .unwrap();
        let settings = analysis::Settings {
            provider: crate::api::Provider::Kubernetes,
            metrics_server: "http://127.0.0.1:1".to_owned(),
            no_cross_namespace_refs: false,
        };
        let check = analysis::plan(&canary, &settings, |_, _| None).remove(0).unwrap();
        assert_eq!(check.provider, MetricProviderType::Prometheus);
        let due = Timestamp::from_second(due).unwrap();
        let id = AskId { revision: "r".to_owned(), due, name: check.id.to_string() };
        Ask { id, question: Question::Metric(Box::new(check)) }
    }

    fn asks() -> (Arc<Asks>, mpsc::UnboundedReceiver<CanaryKey>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let service = tower::service_fn(|_| async {
            let body = r#"{"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "metadata": {}}"#;
            http::Response::builder().status(404).body(kube::client::Body::from(body.as_bytes().to_vec()))
        });
        let (cluster, _) = Cluster::new(kube::Client::new(service, "default"), None);
        let providers = Providers::new(Limits::default(), |_| true).unwrap();
        (Asks::new(cluster, providers, Arc::new(Hooks::new(HookHosts::default())), sender), receiver)
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_an_answer_and_wakes_the_canary() {
        let (asks, mut answered) = asks();
        asks.start(key(), ask(1));
        assert_eq!(answered.recv().await, Some(key()));
        let answers = asks.answers(&key());
        assert!(
            matches!(answers.get(&ask(1).id), Some(Answer::Measured(Err(why))) if !why.is_empty()),
            "{answers:?}"
        );
    }

    #[tokio::test]
    async fn a_secret_that_is_missing_is_an_answer_that_names_it() {
        let (asks, mut answered) = asks();
        let mut ask = ask(1);
        let Question::Metric(check) = &mut ask.question else { unreachable!() };
        check.endpoint.secret = Some(ObjectRef::new("v1", "Secret", "store", "login"));
        asks.start(key(), ask.clone());
        answered.recv().await;
        let answer = asks.answers(&key()).remove(&ask.id).unwrap();
        let Answer::Measured(Err(answer)) = answer else { panic!("{answer:?}") };
        assert!(answer.starts_with("Secret store/login does not exist; create it"), "{answer}");
    }

    #[tokio::test]
    async fn the_same_question_is_asked_once() {
        let (asks, mut answered) = asks();
        asks.start(key(), ask(1));
        asks.start(key(), ask(1));
        assert_eq!(answered.recv().await, Some(key()));
        asks.start(key(), ask(1));
        tokio::task::yield_now().await;
        assert!(answered.try_recv().is_err());
    }

    /// What an `event` hook answered at a time.
    fn heard(due: i64) -> (AskId, Answer) {
        let due = Timestamp::from_second(due).unwrap();
        let id = AskId { revision: "r".to_owned(), due, name: "event/log".to_owned() };
        (id, Answer::Heard(Box::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_answer_of_an_event_hook_is_kept_and_wakes_the_canary_if_nothing_else_does() {
        let (asks, mut answered) = asks();
        for due in [1, 2] {
            let (id, answer) = heard(due);
            asks.hear(key(), id, answer);
        }
        assert_eq!(asks.answers(&key()).into_keys().collect::<Vec<_>>(), [heard(2).0]);
        assert!(answered.try_recv().is_err(), "a look may come anyway");
        tokio::time::sleep(MOMENT * 2).await;
        assert_eq!(answered.try_recv(), Ok(key()));
        let (id, answer) = heard(3);
        asks.hear(key(), id, answer);
        asks.retain(&key(), |_| false);
        tokio::time::sleep(MOMENT * 2).await;
        assert!(answered.try_recv().is_err(), "a look has seen it");
    }

    #[tokio::test]
    async fn answers_of_another_due_time_are_dropped_and_leave_nothing() {
        let (asks, mut answered) = asks();
        for due in [1, 2] {
            asks.start(key(), ask(due));
            answered.recv().await;
        }
        asks.retain(&key(), |id| *id == ask(2).id);
        assert_eq!(asks.answers(&key()).into_keys().collect::<Vec<_>>(), [ask(2).id]);
        asks.retain(&key(), |_| false);
        assert_eq!(asks.answers(&key()), BTreeMap::new());
        assert!(asks.state().answers.is_empty() && asks.state().under_way.is_empty());
    }
}
