//! Drives one Canary through the memory world: observe, decide, execute; when all is quiet, let time pass.

use std::sync::Arc;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Fault, Faults, Kubernetes, Memory, MemoryWorld, View, canary_ref};
use crate::{
    api::{Canary, CanaryKey, CanaryStatus, Object, ObjectRef},
    execute::{Outcome, execute},
    rollout::{Answer, Answers, Ask, Observation, Settings, configs, decide},
    workload::configs::{Config, ConfigRef},
};

/// Looks at one instant after which the controller is taken to go round in circles.
const PATIENCE: usize = 1000;

/// Answers what a Canary asks.
pub type Oracle = Box<dyn FnMut(&Ask) -> Answer>;

/// The controller goes round in circles.
#[derive(Debug, thiserror::Error)]
#[error("the controller never comes to rest at {at}: {:?}", status.last_decision)]
pub struct Restless {
    /// When.
    pub at: Timestamp,
    /// The Canary's status then.
    pub status: Box<CanaryStatus>,
}

/// A cluster with one Canary, its controller and a clock.
pub struct Simulation {
    /// The objects and what happened to them.
    pub world: MemoryWorld,
    /// Pods, endpoints, gateway.
    pub kubernetes: Kubernetes,
    key: CanaryKey,
    settings: Settings,
    answers: Answers,
    oracle: Oracle,
    /// When the last look wished the next one, without news.
    pub(super) wake: Option<Timestamp>,
    /// When the last look was done whole.
    done_at: Option<Timestamp>,
}

impl Simulation {
    /// A cluster with a Canary and its target, both as JSON.
    pub fn new(canary: Object, target: Object, settings: Settings, oracle: Oracle, faults: Faults) -> Self {
        let text =
            |object: &Object, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = CanaryKey::new(text(&canary, "namespace"), text(&canary, "name"));
        let mut memory = Memory::default();
        let workload = ObjectRef::of(&target);
        // An empty memory refuses nothing.
        let _ = memory.merge(&workload, &target);
        let _ = memory.merge(&canary_ref(&key), &canary);
        let world = MemoryWorld::new(memory, Timestamp::UNIX_EPOCH, faults);
        Simulation {
            world,
            kubernetes: Kubernetes::default(),
            key,
            settings,
            answers: Answers::new(),
            oracle,
            wake: None,
            done_at: None,
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.world.state().now
    }

    /// The Canary's status as stored.
    pub fn status(&self) -> CanaryStatus {
        let state = self.world.state();
        let status = state.memory.get(&canary_ref(&self.key)).map(|canary| &canary["status"]);
        status.and_then(|status| CanaryStatus::deserialize(status).ok()).unwrap_or_default()
    }

    /// A reference in the Canary's namespace.
    pub fn reference(&self, api_version: &str, kind: &str, name: &str) -> ObjectRef {
        ObjectRef::new(api_version, kind, &self.key.namespace, name)
    }

    /// The Canary itself.
    pub fn canary_reference(&self) -> ObjectRef {
        canary_ref(&self.key)
    }

    /// Writes as a user does.
    pub fn user(&self, reference: &ObjectRef, fields: &Object) {
        let _ = self.world.state().memory.merge(reference, fields);
    }

    /// Answers what is asked from now on.
    pub fn answer_with(&mut self, oracle: Oracle) {
        self.oracle = oracle;
    }

    /// Lets a duration pass: every look that is due happens at its time.
    ///
    /// # Errors
    /// The controller never came to rest.
    pub fn run_for(
        &mut self,
        duration: SignedDuration,
        mut check: impl FnMut(&Simulation),
    ) -> Result<(), Restless> {
        let end = self.now() + duration;
        while self.step(end, &mut check)? {}
        Ok(())
    }

    /// Does what is due now, then goes to the next time at which something is, at most to `end`; false if nothing is
    /// left to be done before.
    ///
    /// # Errors
    /// The controller never came to rest.
    pub fn step(&mut self, end: Timestamp, check: &mut impl FnMut(&Simulation)) -> Result<bool, Restless> {
        let next = self.settle(check)?.filter(|at| *at < end);
        self.world.state().now = next.unwrap_or(end);
        Ok(next.is_some())
    }

    /// Looks until nothing changes any more; returns when something will happen next.
    fn settle(&mut self, check: &mut impl FnMut(&Simulation)) -> Result<Option<Timestamp>, Restless> {
        for _ in 0..PATIENCE {
            let before = self.world.state().memory.version();
            let next = {
                let mut state = self.world.state();
                let (now, away) = (state.now, state.gateway_away);
                self.kubernetes.tick(&mut state.memory, now, away)
            };
            let again = self.look() | self.answer();
            check(self);
            if !again && self.world.state().memory.version() == before {
                let wake = self.wake.filter(|wake| *wake > self.now());
                return Ok(next.into_iter().chain(wake).min());
            }
        }
        Err(Restless { at: self.now(), status: Box::new(self.status()) })
    }

    /// One reconcile; true if it has to be repeated at once.
    fn look(&mut self) -> bool {
        let (View { live, behind, news }, now) = {
            let mut state = self.world.state();
            (state.observe(), state.now)
        };
        // The same look again: as the real controller, this one looks when there is news.
        if !news && self.done_at == Some(now) {
            return behind;
        }
        let canary = live.get(&canary_ref(&self.key)).and_then(|object| Canary::deserialize(object).ok());
        let Some(canary) = canary else { return behind };
        // As in production: contents are read only if a decision lacks them.
        let (contents, live) = live.partition(|of| ConfigRef::of(of).is_some());
        let wanted = configs(&canary, &live, &self.settings).into_iter();
        let configs = wanted.map(|config| {
            let known = Config::of(contents.get(&config.object(&self.key.namespace)));
            (config, known)
        });
        let mut observation = Observation {
            canary: Arc::new(canary),
            live,
            configs: configs.collect(),
            answers: self.answers.clone(),
            problems: Vec::new(),
        };
        let mut decision = decide(&observation, &self.settings, now);
        if !decision.lacks.is_empty() {
            // A GET is never behind.
            let state = self.world.state();
            let read = |lack: &ObjectRef| Some((lack.clone(), state.memory.objects().get(lack)?.clone()));
            observation.live.extend(decision.lacks.iter().filter_map(read).collect());
            drop(state);
            decision = decide(&observation, &self.settings, now);
        }
        self.wake = decision.wake;
        // The memory never waits.
        let outcome = execute(&self.world, &observation.canary, &decision).now_or_never();
        let done = matches!(outcome, Some(Ok(Outcome::Done)));
        self.done_at = done.then_some(now);
        behind || !done
    }

    /// Answers what was asked; true if anything was.
    fn answer(&mut self) -> bool {
        let asks = std::mem::take(&mut self.world.state().asks);
        for ask in &asks {
            let answer = (self.oracle)(ask);
            self.answers.insert(ask.id.clone(), answer);
            self.done_at = None;
        }
        !asks.is_empty()
    }
}

/// Faults that never happen.
pub fn no_faults() -> Faults {
    Box::new(|| Fault::None)
}
