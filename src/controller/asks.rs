//! Questions to metric servers, asked outside the reconcile slots: one slow server never holds another Canary up.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, mpsc};

use crate::{
    api::CanaryKey,
    providers::Providers,
    rollout::{Answers, Ask, AskId},
    sentence,
};

/// Questions under way at once, over all servers; each server has a limit of its own in [`Providers`].
const AT_ONCE: usize = 64;

/// What is being asked and what was answered, by Canary.
#[derive(Debug)]
pub(super) struct Asks {
    providers: Providers,
    slots: Semaphore,
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
    pub(super) fn new(providers: Providers, answered: mpsc::UnboundedSender<CanaryKey>) -> Arc<Self> {
        Arc::new(Asks { providers, slots: Semaphore::new(AT_ONCE), state: Mutex::default(), answered })
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
            let slot = asks.slots.acquire().await;
            let answer = asks.providers.query(&ask.check).await.map_err(|error| sentence::of(&error));
            drop(slot);
            tracing::debug!(canary = %key, check = %ask.id.name, ?answer, "answered");
            {
                let mut state = asks.state();
                state.under_way.remove(&(key.clone(), ask.id.clone()));
                state.answers.entry(key.clone()).or_default().insert(ask.id, answer);
            }
            // Nobody listens any more while the process ends.
            let _ = asks.answered.send(key);
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
