//! One controller of several: what it remembers, and one look of it: observe, decide, execute.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{MemoryWorld, canary_ref, needed::needed, projection::View};
use crate::{
    api::{Canary, CanaryKey, Live, ObjectRef},
    execute::{Outcome, execute},
    rollout::{Answer, Answers, AskId, Decision, Observation, Settings, configs, decide, needs, starts},
    workload::configs::{Config, ConfigRef},
};

/// What a look rested on and led to.
pub struct Look {
    /// What was seen, the Canary included.
    pub seen: Observation,
    /// What was decided.
    pub decision: Decision,
    /// Whether all of it was written.
    pub done: bool,
}

/// How a look ended.
pub(super) enum Looked {
    /// There was nothing to look at, or nothing new.
    Nothing,
    /// Something was decided.
    Whole(Box<Look>),
    /// It ended in a panic.
    Panicked(String),
}

/// A controller's process.
pub(super) struct Controller {
    /// Its number among the controllers of its world.
    id: usize,
    answers: Answers,
    /// How far its clock is ahead.
    pub(super) ahead: SignedDuration,
    /// When the last look wished the next one, without news; by its own clock.
    wake: Option<Timestamp>,
    /// When the last look was done whole.
    done_at: Option<Timestamp>,
}

impl Controller {
    /// A controller that has just started in a world.
    pub(super) fn start(world: &MemoryWorld) -> Self {
        let id = world.state().join();
        Controller { id, answers: Answers::new(), ahead: SignedDuration::ZERO, wake: None, done_at: None }
    }

    /// Its process dies, and another one takes its place.
    pub(super) fn crash(&mut self, world: &MemoryWorld) {
        world.state().crash(self.id);
        self.forget(world);
    }

    fn forget(&mut self, world: &MemoryWorld) {
        if world.state().take_crash(self.id) {
            self.answers.clear();
            self.wake = None;
            self.done_at = None;
        }
    }

    /// When it will look without news, by the world's clock.
    pub(super) fn wake(&self) -> Option<Timestamp> {
        self.wake.map(|wake| wake - self.ahead)
    }

    /// One look at a Canary, and whether news is still under way.
    pub(super) fn look(
        &mut self,
        world: &MemoryWorld,
        key: &CanaryKey,
        settings: &Settings,
    ) -> (Looked, bool) {
        let (View { live, behind, news }, now) = {
            let mut state = world.state();
            (state.observe(self.id), state.now + self.ahead)
        };
        // The same look again: as the real controller, this one looks when there is news.
        if !news && self.done_at == Some(now) {
            return (Looked::Nothing, behind);
        }
        let canary = live.get(&canary_ref(key)).and_then(|object| Canary::deserialize(object).ok());
        let Some(canary) = canary else {
            self.wake = None;
            return (Looked::Nothing, behind);
        };
        let attempt = AssertUnwindSafe(|| self.attempt(world, canary, live, settings, now));
        let looked = match std::panic::catch_unwind(attempt) {
            Ok(look) => {
                self.wake = look.decision.wake;
                self.done_at = look.done.then_some(now);
                if look.done {
                    // As the real one: an answer that no decision knows of is of no use any more.
                    self.answers.retain(|id, _| look.decision.known.contains(id));
                }
                Looked::Whole(Box::new(look))
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Looked::Panicked(text.unwrap_or_default())
            }
        };
        self.forget(world);
        (looked, behind)
    }

    fn attempt(
        &self,
        world: &MemoryWorld,
        canary: Canary,
        live: Live,
        settings: &Settings,
        now: Timestamp,
    ) -> Look {
        // As in production: only what is needed is looked at, and contents are read only if a decision lacks them.
        let (contents, live) = live.partition(|of| ConfigRef::of(of).is_some());
        let live = needed(&needs(&canary, settings), live);
        let namespace = canary.metadata.namespace.clone().unwrap_or_default();
        let wanted = configs(&canary, &live, settings).into_iter();
        let configs = wanted.map(|config| {
            let known = Config::of(contents.get(&config.object(&namespace)));
            (config, known)
        });
        let mut seen = Observation {
            canary: Arc::new(canary),
            live,
            configs: configs.collect(),
            answers: self.answers.clone(),
            problems: Vec::new(),
            full: None,
        };
        let mut decision = decide(&seen, settings, now);
        if !decision.lacks.is_empty() {
            // A GET is never behind.
            let state = world.state();
            let read = |lack: &ObjectRef| Some((lack.clone(), state.memory.objects().get(lack)?.clone()));
            seen.live.extend(decision.lacks.iter().filter_map(read).collect());
            drop(state);
            decision = decide(&seen, settings, now);
        }
        if starts(&seen.canary, &decision) {
            seen.full.clone_from(&world.state().full);
            decision = decide(&seen, settings, now);
        }
        // The memory never waits.
        let outcome = execute(&world.hands(self.id), &seen.canary, &decision).now_or_never();
        let done = matches!(outcome, Some(Ok(Outcome::Done)));
        Look { seen, decision, done }
    }

    /// An answer came.
    pub(super) fn hear(&mut self, id: AskId, answer: Answer) {
        self.answers.insert(id, answer);
        self.done_at = None;
    }

    /// Its number among the controllers of its world.
    pub(super) fn id(&self) -> usize {
        self.id
    }
}
