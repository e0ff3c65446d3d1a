//! The memory as a [`World`], with the faults that a real one has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::json;

use super::Memory;
use crate::{
    api::{API_VERSION, Canary, CanaryKey, CanaryStatus, Live, Object, ObjectRef},
    execute::{World, WorldError},
    rollout::{Ask, Effect, Event},
};

/// What may go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The object moved meanwhile (409).
    Conflict,
    /// The process dies before the call.
    CrashBefore,
    /// The process dies after the call, without having seen its answer.
    CrashAfter,
}

/// What a call did, for invariants.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A status was written.
    Status(Box<CanaryStatus>),
    /// An effect was performed.
    Effect(Effect),
    /// People were told.
    Told(Event),
}

/// Draws the fault of the next call.
pub type Faults = Box<dyn FnMut() -> Fault + Send>;

/// Draws whether the news of an object is still under way.
pub type Lag = Box<dyn FnMut() -> bool + Send>;

/// What has happened in the memory world.
pub struct State {
    /// The objects, the Canary among them.
    pub memory: Memory,
    /// The time that calls happen at.
    pub now: Timestamp,
    /// Calls that took effect, with their time.
    pub deeds: Vec<(Timestamp, Deed)>,
    /// What people were told.
    pub events: Vec<Event>,
    /// What was asked and not taken yet.
    pub asks: Vec<Ask>,
    /// Draws the fault of the next call.
    pub faults: Faults,
    /// Whether nobody accepts routes.
    pub gateway_away: bool,
    /// Draws what the controller does not know yet.
    pub lag: Lag,
    seen: BTreeMap<ObjectRef, Arc<Object>>,
    news: bool,
}

/// What the controller sees at one look.
pub struct View {
    /// The objects.
    pub live: Live,
    /// Whether news is still under way.
    pub behind: bool,
    /// Whether there is any news since the last look.
    pub news: bool,
}

impl State {
    /// The objects as the controller sees them: each as it was at some time, never older than its own last write or than
    /// it was seen before.
    pub fn observe(&mut self) -> View {
        let mut behind = false;
        let State { memory, lag, seen, news, .. } = self;
        let present = memory.objects();
        seen.retain(|reference, _| {
            let gone = !present.contains_key(reference);
            let keep = !gone || lag();
            behind |= gone && keep;
            *news |= !keep;
            keep
        });
        for (reference, object) in present {
            if seen.get(reference).is_some_and(|known| Arc::ptr_eq(known, object)) {
                continue;
            }
            if lag() {
                behind = true;
            } else {
                seen.insert(reference.clone(), object.clone());
                *news = true;
            }
        }
        let live = seen.iter().map(|(reference, object)| (reference.clone(), object.clone())).collect();
        View { live, behind, news: std::mem::take(news) }
    }

    /// The answer to a write of ours is known at once.
    fn learn(&mut self, reference: &ObjectRef) {
        self.news = true;
        match self.memory.objects().get(reference) {
            Some(object) => self.seen.insert(reference.clone(), object.clone()),
            None => self.seen.remove(reference),
        };
    }

    /// A process that starts reads everything.
    fn restart(&mut self) {
        self.news = true;
        self.seen = self.memory.objects().clone();
    }
}

/// A world in memory.
pub struct MemoryWorld(Mutex<State>);

/// Where a Canary stands in the memory.
pub fn canary_ref(key: &CanaryKey) -> ObjectRef {
    ObjectRef::new(API_VERSION, "Canary", &key.namespace, &key.name)
}

impl MemoryWorld {
    /// A world that begins at `now` with these objects.
    pub fn new(memory: Memory, now: Timestamp, faults: Faults) -> Self {
        let seen = BTreeMap::new();
        MemoryWorld(Mutex::new(State {
            memory,
            now,
            deeds: Vec::new(),
            events: Vec::new(),
            asks: Vec::new(),
            faults,
            gateway_away: false,
            lag: Box::new(|| false),
            seen,
            news: false,
        }))
    }

    /// Everything, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(
        &self,
        what: &str,
        reference: &ObjectRef,
        act: impl FnOnce(&mut Memory) -> Result<Deed, super::Conflict>,
    ) -> Result<(), WorldError> {
        let mut state = self.state();
        let crash = || WorldError::Failed { what: what.to_owned(), source: "the process died".into() };
        let stale = || WorldError::Stale { what: what.to_owned() };
        let fault = (state.faults)();
        match fault {
            Fault::Conflict => return Err(stale()),
            Fault::CrashBefore => {
                state.restart();
                return Err(crash());
            }
            Fault::None | Fault::CrashAfter => {}
        }
        let deed = act(&mut state.memory).map_err(|_| stale())?;
        let now = state.now;
        state.deeds.push((now, deed));
        if fault == Fault::CrashAfter {
            state.restart();
            return Err(crash());
        }
        state.learn(reference);
        Ok(())
    }
}

impl World for MemoryWorld {
    async fn write_status(&self, canary: &Canary, status: &CanaryStatus) -> Result<(), WorldError> {
        let reference = canary_ref(&CanaryKey::from(canary));
        let version = canary.metadata.resource_version.clone();
        let status = status.clone();
        self.call("writing the status", &reference, |memory| {
            let present = memory.get(&reference).and_then(|o| o["metadata"]["resourceVersion"].as_str());
            if present != version.as_deref() {
                return Err(super::Conflict);
            }
            memory.replace_part(&reference, "status", json!(status))?;
            Ok(Deed::Status(Box::new(status)))
        })
    }

    async fn perform(&self, _canary: &Canary, effect: &Effect) -> Result<(), WorldError> {
        let reference = match effect {
            Effect::Apply { object, .. } => ObjectRef::of(object),
            Effect::Merge { reference, .. }
            | Effect::Patch { reference, .. }
            | Effect::Scale { reference, .. }
            | Effect::Delete { reference, .. } => reference.clone(),
        };
        self.call("performing an effect", &reference, |memory| {
            match effect {
                Effect::Apply { object, manager } => {
                    memory.apply(&ObjectRef::of(object), manager.as_str(), object)?
                }
                Effect::Merge { reference, patch, .. } => memory.merge(reference, patch)?,
                Effect::Patch { reference, patch, .. } => memory.patch(reference, patch)?,
                Effect::Scale { reference, replicas } => {
                    memory.merge(reference, &json!({"spec": {"replicas": replicas}}))?;
                }
                Effect::Delete { reference, .. } => memory.delete(reference),
            }
            Ok(Deed::Effect(effect.clone()))
        })
    }

    fn announce(&self, _canary: &Canary, event: &Event) {
        let mut state = self.state();
        let now = state.now;
        state.deeds.push((now, Deed::Told(event.clone())));
        state.events.push(event.clone());
    }

    fn ask(&self, _canary: &Canary, ask: &Ask) {
        let mut state = self.state();
        if !state.asks.iter().any(|known| known.id == ask.id) {
            state.asks.push(ask.clone());
        }
    }
}
