//! The memory as a [`World`] for each of several controllers, with the faults that a real one has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::json;

use super::{
    Memory,
    projection::{Projection, View},
};
use crate::{
    api::{API_VERSION, Canary, CanaryKey, CanaryStatus, Live, Object, ObjectRef},
    execute::{World, WorldError},
    rollout::{Ask, AskId, Call, Cause, Effect, Event, Failure, event_calls},
};

/// What may go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The object moved meanwhile (409).
    Conflict,
    /// The API server cannot (500).
    Refused,
    /// The call was carried out, but its answer never came.
    TimedOut,
    /// The process dies before the call.
    CrashBefore,
    /// The process dies after the call, without having seen its answer.
    CrashAfter,
}

/// What a call did, for invariants.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A status was written.
    Status(Arc<CanaryStatus>),
    /// An effect was performed.
    Effect(Effect),
    /// People were told.
    Told(Event),
    /// Something was asked.
    Asked(AskId),
}

/// Draws the fault of the next call.
pub type Faults = Box<dyn FnMut() -> Fault + Send>;

/// Draws whether the news of an object is still under way.
pub type Lag = Box<dyn FnMut() -> bool + Send>;

/// Tells which rules a stored Canary breaks, a sentence each, given the objects around it.
pub type Rules = Box<dyn FnMut(&Object, &Live) -> Vec<String> + Send>;

/// What has happened in the memory world.
pub struct State {
    /// The objects, the Canary among them.
    pub memory: Memory,
    /// The time that calls happen at.
    pub now: Timestamp,
    /// Calls that took effect, with their time.
    pub deeds: Vec<(Timestamp, Deed)>,
    /// Calls that changed nothing, with their time.
    pub vain: Vec<(Timestamp, ObjectRef)>,
    /// What people were told.
    pub events: Vec<Event>,
    /// Draws the fault of the next call.
    pub faults: Faults,
    /// Names of the kinds that nobody can write, each with the cause.
    pub unwritable: BTreeMap<String, Cause>,
    /// Whether reads fail, and if so whether they are denied; otherwise the server cannot.
    pub unreadable: Option<bool>,
    /// What the gate's rules say of a stored Canary.
    pub rules: Rules,
    /// Whether nobody accepts routes.
    pub gateway_away: bool,
    /// Why no rollout may start, if other Canaries have taken all slots.
    pub full: Option<String>,
    /// Draws what the controllers do not know yet.
    pub lag: Lag,
    /// What each controller knows.
    projections: Vec<Projection>,
}

impl State {
    /// The objects as a controller sees them.
    pub(super) fn observe(&mut self, controller: usize) -> View {
        let State { memory, lag, projections, .. } = self;
        projections.get_mut(controller).map(|projection| projection.observe(memory, lag)).unwrap_or_default()
    }

    /// A controller begins to watch, and reads everything.
    pub(super) fn join(&mut self) -> usize {
        self.projections.push(Projection::reading(&self.memory));
        self.projections.len() - 1
    }

    /// What was asked and is not answered yet; nothing of what a process had asked before it died.
    pub(super) fn take_asks(&mut self, controller: usize) -> Vec<Ask> {
        self.projections
            .get_mut(controller)
            .map(|projection| std::mem::take(&mut projection.asks))
            .unwrap_or_default()
    }

    /// The calls of `event` hooks that nobody has answered yet.
    pub(super) fn take_calls(&mut self, controller: usize) -> Vec<Call> {
        self.projections
            .get_mut(controller)
            .map(|projection| std::mem::take(&mut projection.calls))
            .unwrap_or_default()
    }

    /// Whether a controller's process died since the last time that this was asked.
    pub(super) fn take_crash(&mut self, controller: usize) -> bool {
        self.projections.get_mut(controller).is_some_and(|projection| std::mem::take(&mut projection.crashed))
    }

    /// All controllers are told again what they know.
    pub(super) fn repeat_news(&mut self) {
        self.projections.iter_mut().for_each(Projection::nudge);
    }

    /// A controller's process dies and another one takes its place.
    pub(super) fn crash(&mut self, controller: usize) {
        if let Some(projection) = self.projections.get_mut(controller) {
            *projection = Projection::replacing(&self.memory);
        }
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
        MemoryWorld(Mutex::new(State {
            memory,
            now,
            deeds: Vec::new(),
            vain: Vec::new(),
            events: Vec::new(),
            faults,
            unwritable: BTreeMap::new(),
            unreadable: None,
            rules: Box::new(|_, _| Vec::new()),
            gateway_away: false,
            full: None,
            lag: Box::new(|| false),
            projections: Vec::new(),
        }))
    }

    /// Everything, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world as one controller acts on it.
    pub(super) fn hands(&self, controller: usize) -> Hands<'_> {
        Hands { world: self, controller }
    }
}

/// A controller's hold on the world.
pub(super) struct Hands<'a> {
    world: &'a MemoryWorld,
    controller: usize,
}

impl Hands<'_> {
    fn call(
        &self,
        what: &str,
        reference: &ObjectRef,
        act: impl FnOnce(&mut Memory) -> Result<Deed, super::Conflict>,
    ) -> Result<(), WorldError> {
        let mut state = self.world.state();
        let failed = |cause: Cause, why: &str| {
            let what = format!("{what} on {reference}");
            WorldError::Failed(Failure { cause, what, why: why.to_owned() })
        };
        // Another process takes its place.
        let died = || WorldError::Deposed { what: what.to_owned() };
        let stale = || WorldError::Stale { what: what.to_owned() };
        let fault = (state.faults)();
        // As the real one: a call that failed leaves doubt, which one GET clears up.
        let clear_up = |state: &mut State| {
            let State { memory, projections, .. } = state;
            if let Some(projection) = projections.get_mut(self.controller) {
                projection.learn(memory, reference);
            }
        };
        match fault {
            Fault::Conflict => {
                clear_up(&mut state);
                return Err(stale());
            }
            Fault::Refused => {
                return Err(failed(Cause::WriteFailed, "the server has an internal error"));
            }
            Fault::CrashBefore => {
                state.crash(self.controller);
                return Err(died());
            }
            Fault::None | Fault::TimedOut | Fault::CrashAfter => {}
        }
        if let Some(cause) = state.unwritable.get(&reference.kind) {
            let why = match cause {
                Cause::WriteRefused => "a policy denies it",
                Cause::KindNotServed => "there is no such kind",
                Cause::WriteFailed | Cause::ReadDenied | Cause::ReadFailed => {
                    "failed calling webhook: connection refused"
                }
            };
            return Err(failed(*cause, why));
        }
        let before = state.memory.version();
        let Ok(deed) = act(&mut state.memory) else {
            clear_up(&mut state);
            return Err(stale());
        };
        let now = state.now;
        if state.memory.version() == before {
            state.vain.push((now, reference.clone()));
        }
        state.deeds.push((now, deed));
        if fault == Fault::CrashAfter {
            state.crash(self.controller);
            return Err(died());
        }
        clear_up(&mut state);
        match fault {
            Fault::TimedOut => Err(failed(Cause::WriteFailed, "no answer came in time")),
            _ => Ok(()),
        }
    }
}

impl World for Hands<'_> {
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
            Ok(Deed::Status(Arc::new(status)))
        })
    }

    async fn perform(&self, _canary: &Canary, effect: &Effect) -> Result<(), WorldError> {
        self.call("performing an effect", &subject(effect), |memory| {
            perform(memory, effect)?;
            Ok(Deed::Effect(effect.clone()))
        })
    }

    fn announce(&self, canary: &Canary, status: &CanaryStatus, event: &Event) {
        let mut state = self.world.state();
        let now = state.now;
        state.deeds.push((now, Deed::Told(event.clone())));
        state.events.push(event.clone());
        if let Some(projection) = state.projections.get_mut(self.controller) {
            projection.calls.extend(event_calls(canary, status, event, now));
        }
    }

    fn ask(&self, _canary: &Canary, ask: &Ask) {
        let mut state = self.world.state();
        let State { now, deeds, projections, .. } = &mut *state;
        let Some(projection) = projections.get_mut(self.controller) else { return };
        if !projection.asks.iter().any(|known| known.id == ask.id) {
            deeds.push((*now, Deed::Asked(ask.id.clone())));
            projection.asks.push(ask.clone());
        }
    }
}

/// The object that an effect writes.
pub(super) fn subject(effect: &Effect) -> ObjectRef {
    match effect {
        Effect::Apply { object, .. } => ObjectRef::of(object),
        Effect::Merge { reference, .. }
        | Effect::Patch { reference, .. }
        | Effect::Scale { reference, .. }
        | Effect::Delete { reference, .. } => reference.clone(),
    }
}

/// Carries an effect out.
pub(super) fn perform(memory: &mut Memory, effect: &Effect) -> Result<(), super::Conflict> {
    match effect {
        Effect::Apply { object, manager } => memory.apply(&ObjectRef::of(object), manager.as_str(), object),
        Effect::Merge { reference, patch, .. } => memory.merge(reference, patch),
        Effect::Patch { reference, patch, .. } => memory.patch(reference, patch),
        Effect::Scale { reference, replicas } => {
            memory.merge(reference, &json!({"spec": {"replicas": replicas}}))
        }
        Effect::Delete { reference, uid } => memory.delete_uid(reference, uid),
    }
}
