//! A decision in the making: the status as it will be, and what must be done and said.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Ask, Decision, Effect, Event, Reason, conditions, conditions::Blocker};
use crate::api::{Canary, CanaryStatus, Phase};

/// Collects what a decision consists of.
pub(super) struct Draft<'a> {
    canary: &'a Canary,
    now: Timestamp,
    /// The status as it is to be.
    pub(super) status: CanaryStatus,
    effects: Vec<Effect>,
    asks: Vec<Ask>,
    events: Vec<Event>,
    wake: Option<Timestamp>,
    blocker: Option<Blocker>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(canary: &'a Canary, now: Timestamp) -> Self {
        Draft {
            canary,
            now,
            status: canary.status.clone().unwrap_or_default(),
            effects: Vec::new(),
            asks: Vec::new(),
            events: Vec::new(),
            wake: None,
            blocker: None,
        }
    }

    /// The phase before this decision.
    pub(super) fn phase_before(&self) -> Phase {
        self.canary.status.as_ref().map(|status| status.phase).unwrap_or_default()
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    pub(super) fn event(&mut self, reason: Reason, message: impl Into<String>) {
        let message = message.into();
        self.say(message.clone());
        self.events.push(Event { reason, message });
    }

    /// Says in one sentence what was decided or is awaited.
    pub(super) fn say(&mut self, sentence: impl Into<String>) {
        self.status.last_decision = Some(sentence.into());
    }

    /// Names what keeps the Canary from going on.
    pub(super) fn block(&mut self, reason: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.say(message.clone());
        self.blocker = Some(Blocker { reason, message });
    }

    /// Looks again at that time, or earlier if something else asks for it.
    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }

    /// Enters a phase; deadlines and due times of the former one end with it.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.status.phase = phase;
        self.status.next_step_at = None;
        self.status.deadline_at = None;
        self.status.settle_until = None;
    }

    /// Whether the present wait has outlasted its deadline, which begins with the first call.
    pub(super) fn overdue(&mut self, limit: SignedDuration) -> bool {
        let deadline = self.status.deadline_at.get_or_insert_with(|| Time(later(self.now, limit))).0;
        if deadline > self.now {
            self.wake_at(deadline);
        }
        deadline <= self.now
    }

    /// The decision; its status is the present one unless more than times differ.
    pub(super) fn finish(mut self) -> Decision {
        let before = self.canary.status.clone().unwrap_or_default();
        self.status.observed_generation = self.canary.metadata.generation;
        if let Some(blocker) = &self.blocker {
            let known = before
                .conditions
                .iter()
                .any(|c| c.type_ == conditions::STALLED && c.message == blocker.message);
            if !known {
                self.events.push(Event { reason: Reason::Blocked, message: blocker.message.clone() });
            }
        }
        conditions::update(&mut self.status, self.blocker.as_ref(), self.now);
        if self.status.phase != before.phase {
            self.status.last_transition_time = Some(Time(self.now));
        }
        Decision {
            status: self.status,
            effects: self.effects,
            asks: self.asks,
            wake: self.wake,
            events: self.events,
        }
    }
}

/// `now` plus a duration, at most the end of time.
pub(super) fn later(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.checked_add(duration).unwrap_or(Timestamp::MAX)
}
