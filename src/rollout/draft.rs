//! A decision in the making: the status as it will be, and what must be done and said.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use super::{
    Answer, Answers, Ask, AskId, Decision, Effect, Event, Observation, Reason, Unread, clock::later,
    conditions, conditions::Blocker, farewell::WAY_OUT, outlook, text::whole, words,
};
use crate::api::{Canary, CanaryStatus, Condition, ObjectRef, Phase, Severity};

/// Nobody is told of a wait that is over sooner: each word is a write of the status.
const MOMENT: SignedDuration = SignedDuration::from_secs(2);

/// Collects what a decision consists of.
pub(super) struct Draft<'a> {
    canary: &'a Canary,
    now: Timestamp,
    /// The status as it is to be.
    pub(super) status: CanaryStatus,
    lowering: Vec<Effect>,
    effects: Vec<Effect>,
    asks: Vec<Ask>,
    known: BTreeSet<AskId>,
    lacks: BTreeSet<ObjectRef>,
    events: Vec<Event>,
    wake: Option<Timestamp>,
    blocker: Option<Blocker>,
    said: Option<String>,
    aside: Option<String>,
    next: Option<String>,
    queued: Option<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(canary: &'a Canary, now: Timestamp) -> Self {
        Draft {
            canary,
            now,
            status: canary.status.clone().unwrap_or_default(),
            lowering: Vec::new(),
            effects: Vec::new(),
            asks: Vec::new(),
            known: BTreeSet::new(),
            lacks: BTreeSet::new(),
            events: Vec::new(),
            wake: None,
            blocker: None,
            said: None,
            aside: None,
            next: None,
            queued: None,
        }
    }

    /// The phase before this decision.
    pub(super) fn phase_before(&self) -> Phase {
        self.canary.status.as_ref().map(|status| status.phase).unwrap_or_default()
    }

    /// Whether this decision sees the target otherwise than the last one did.
    pub(super) fn target_moved(&self) -> bool {
        self.canary.status.as_ref().and_then(|status| status.target.as_ref()) != self.status.target.as_ref()
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// A write that takes requests from the canary, or that lets a Canary go: it comes before all others and waits for none of them.
    pub(super) fn lower(&mut self, effect: Effect) {
        self.lowering.push(effect);
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    /// The answer to a question, if it is there.
    pub(super) fn answer(&mut self, answers: &Answers, id: &AskId) -> Option<Answer> {
        self.known.insert(id.clone());
        answers.get(id).cloned()
    }

    /// The content of a config is needed.
    pub(super) fn lack(&mut self, content: ObjectRef) {
        self.lacks.insert(content);
    }

    pub(super) fn event(&mut self, reason: Reason, message: impl Into<String>) {
        let message = whole(message.into());
        self.say(message.clone());
        self.tell(reason, message);
    }

    /// Tells people something beside what was decided.
    pub(super) fn tell(&mut self, reason: Reason, message: impl Into<String>) {
        self.events.push(Event::new(reason, whole(message.into())));
    }

    /// The last event alerts people otherwise than its reason does.
    pub(super) fn alert(&mut self, alert: Option<Severity>) {
        if let Some(event) = self.events.last_mut() {
            event.alert = alert;
        }
    }

    /// Tells people unless the last decision said the same already: for what is tried again as long as it does not help.
    pub(super) fn event_once(&mut self, reason: Reason, message: impl Into<String>) {
        let message = whole(message.into());
        if self.decided_before() == Some(message.as_str()) {
            self.say(message);
        } else {
            self.event(reason, message);
        }
    }

    /// Says in one sentence what was decided or is awaited.
    pub(super) fn say(&mut self, sentence: impl Into<String>) {
        self.said = Some(whole(sentence.into()));
    }

    /// Says in one sentence what is so, if nothing else is said and the status is written anyway.
    pub(super) fn say_aside(&mut self, sentence: impl Into<String>) {
        self.aside = Some(whole(sentence.into()));
    }

    /// Says what comes next and when, as the beginning of a sentence; of a Canary that nothing is decided about, nothing is said.
    pub(super) fn then(&mut self, next: impl Into<String>) {
        self.next = Some(next.into());
    }

    /// Whether something was decided that is to be told.
    pub(super) fn speaks(&self) -> bool {
        self.said.is_some()
    }

    /// A revision waits for its turn. People are told once, however the queue moves.
    pub(super) fn queue(&mut self, revision: &str, why: &str) {
        let begin = words::queued(revision);
        let message = whole(format!("{begin}: {why}"));
        let known = |c: &Condition| c.reason == conditions::QUEUED && c.message.starts_with(&begin);
        if self.canary.status.iter().flat_map(|status| &status.conditions).any(known) {
            self.say(message.clone());
        } else {
            self.event(Reason::Queued, message.clone());
        }
        self.queued = Some(message);
    }

    /// Whether a revision waits for its turn.
    pub(super) fn is_queued(&self) -> bool {
        self.queued.is_some()
    }

    /// What the last decision was, without what came next.
    fn decided_before(&self) -> Option<&str> {
        let told = self.canary.status.as_ref()?.last_decision.as_deref()?;
        Some(words::parts(told).0)
    }

    /// What this decision is: what it says or, where it says nothing, what the last one was, unless that has passed.
    fn decided(&self) -> String {
        let conditions = self.canary.status.iter().flat_map(|status| &status.conditions);
        let stalled = conditions.filter(|c| c.type_ == conditions::STALLED);
        let mut blockers = stalled.map(|c| c.message.as_str());
        let before = self.decided_before();
        let stands = before.filter(|told| !words::passes(told) && !blockers.any(|blocker| blocker == *told));
        match (&self.said, stands) {
            (Some(said), _) => said.clone(),
            (None, Some(told)) => told.to_owned(),
            (None, None) => conditions::phase_message(self.status.phase).to_owned(),
        }
    }

    /// Names what keeps the Canary from going on.
    pub(super) fn block(&mut self, reason: &'static str, message: impl Into<String>) {
        let message = whole(message.into());
        self.say(message.clone());
        self.blocker = Some(Blocker { reason, message });
    }

    /// Whether something keeps the Canary from going on.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocker.is_some()
    }

    /// Whether no run is under way, though one may wait for approval, and all traffic has been with the primary for the settle time.
    pub(super) fn rests(&self) -> bool {
        let settled = self.status.settle_until.as_ref().is_some_and(|until| until.0 <= self.now);
        let between = matches!(
            self.status.phase,
            Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting
        );
        between && settled && self.status.canary_weight == 0
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
        let deadline = self.status.deadline_at.get_or_insert_with(|| MicroTime(later(self.now, limit))).0;
        if deadline > self.now {
            self.wake_at(deadline);
        }
        deadline <= self.now
    }

    /// Whether what stands now has stood for the settle time, which begins with the first call.
    pub(super) fn has_settled(&mut self, settle: SignedDuration) -> bool {
        let until = self.status.settle_until.get_or_insert_with(|| MicroTime(later(self.now, settle))).0;
        if until > self.now {
            self.wake_at(until);
        }
        until <= self.now
    }

    /// Names what is awaited, once the wait that `overdue` began has lasted for a moment.
    pub(super) fn awaits(&mut self, limit: SignedDuration, why: impl Into<String>) {
        let begun = self.status.deadline_at.as_ref().and_then(|deadline| deadline.0.checked_sub(limit).ok());
        match begun.and_then(|begun| begun.checked_add(MOMENT).ok()).filter(|told| *told > self.now) {
            Some(told) => {
                // Another leader, whose clock is ahead, may have told it already.
                if let Some(waiting) =
                    self.decided_before().filter(|told| words::waits(told)).map(str::to_owned)
                {
                    self.say(waiting);
                }
                self.wake_at(told);
            }
            None => self.say(words::waiting(&why.into())),
        }
    }

    /// The decision; its status is the present one unless something changed. A write that does not pass is told only while
    /// there is something to write, and before all else that blocks: it is the cause. A read that does not pass is told unless
    /// something else blocks.
    pub(super) fn finish(mut self, observation: &Observation) -> Decision {
        let none = CanaryStatus::default();
        let before = self.canary.status.as_ref().unwrap_or(&none);
        let lowering = self.lowering.len();
        self.lowering.append(&mut self.effects);
        let write = observation.writes.tell(before, self.now).filter(|_| !self.lowering.is_empty());
        if let Some((reason, message)) = write {
            self.blocker = Some(Blocker { reason, message });
        }
        let unread = observation.unread.as_ref();
        if let Some((reason, message)) = unread.and_then(|unread| unread.tell(before, self.now)) {
            let message = self.with_way_out(message);
            if self.status.last_decision.is_none() && !self.speaks() {
                // Nothing was ever decided about it.
                self.say(message.clone());
                self.then(outlook::UNREAD);
            }
            self.blocker.get_or_insert(Blocker { reason, message });
        }
        let unsaid = self.blocker.is_none() && !self.speaks() && self.status == *before;
        if unsaid && unread.is_some_and(Unread::holds) {
            // Too young to be told: what was told so far stands.
            return self.decision(lowering);
        }
        self.status.observed_generation = self.canary.metadata.generation;
        if !self.speaks() && self.status != *before {
            self.said = self.aside.take();
        }
        if let Some(blocker) = &self.blocker {
            let known = before
                .conditions
                .iter()
                .any(|c| c.type_ == conditions::STALLED && c.message == blocker.message);
            if !known {
                self.events.push(Event::new(Reason::Blocked, blocker.message.clone()));
            }
        }
        if let Some(next) = &self.next {
            let decided = self.decided();
            let told = words::with_next(&decided, next);
            let last = |event: &&mut Event| event.message == decided;
            self.events.iter_mut().filter(last).for_each(|event| event.message.clone_from(&told));
            self.status.last_decision = Some(told);
        } else if self.said.is_some() {
            self.status.last_decision = self.said.take();
        }
        conditions::update(&mut self.status, self.blocker.as_ref(), self.queued.as_deref(), self.now);
        if self.status.phase != before.phase {
            self.status.last_transition_time = Some(Time(self.now));
        }
        self.decision(lowering)
    }

    /// Who deletes a Canary is told how to do without us.
    fn with_way_out(&self, message: String) -> String {
        let leaves = self.canary.metadata.deletion_timestamp.is_some() && !message.contains(WAY_OUT);
        if leaves { format!("{message} {WAY_OUT}.") } else { message }
    }

    fn decision(self, lowering: usize) -> Decision {
        Decision {
            status: self.status,
            effects: self.lowering,
            lowering,
            asks: self.asks,
            known: self.known,
            lacks: self.lacks.into_iter().collect(),
            wake: self.wake,
            events: self.events,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn finished(phase: Option<Phase>) -> Decision {
        let canary: Canary = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "store", "generation": 7},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
            "status": {"phase": "Progressing", "observedGeneration": 6, "lastTransitionTime": "2026-01-01T00:00:00Z"},
        }))
        .unwrap();
        let mut draft = Draft::new(&canary, "2026-01-01T01:00:00Z".parse().unwrap());
        draft.say("The route is being made.");
        phase.into_iter().for_each(|phase| draft.enter(phase));
        draft.finish(&nothing(&canary))
    }

    /// An Observation without any object.
    fn nothing(canary: &Canary) -> Observation {
        Observation {
            canary: Arc::new(canary.clone()),
            live: Default::default(),
            configs: Default::default(),
            answers: Default::default(),
            problems: Vec::new(),
            unread: None,
            full: None,
            writes: Default::default(),
            sketches: Default::default(),
        }
    }

    #[test]
    fn w_api_8_a_status_says_of_which_spec_it_speaks() {
        assert_eq!(finished(None).status.observed_generation, Some(7));
    }

    #[test]
    fn w_api_9_the_time_of_the_last_transition_moves_with_the_phase_and_with_nothing_else() {
        let time = |decision: Decision| decision.status.last_transition_time.unwrap().0.to_string();
        assert_eq!(time(finished(None)), "2026-01-01T00:00:00Z");
        assert_eq!(time(finished(Some(Phase::Progressing))), "2026-01-01T00:00:00Z");
        assert_eq!(time(finished(Some(Phase::Failed))), "2026-01-01T01:00:00Z");
    }

    #[test]
    fn what_is_said_aside_is_told_with_a_write_that_happens_anyway_and_causes_none() {
        let canary: Canary = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "store", "generation": 7},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        }))
        .unwrap();
        let told = |canary: &Canary, moves: bool, says: bool| {
            let mut draft = Draft::new(canary, "2026-01-01T01:00:00Z".parse().unwrap());
            draft.status.step_index += i32::from(moves);
            draft.say_aside("A gate is asked");
            says.then(|| draft.say("The canary gets 10 %"));
            draft.finish(&nothing(canary)).status
        };
        let mut canary = Canary { status: Some(told(&canary, true, true)), ..canary };
        let words = |status: &CanaryStatus| status.last_decision.clone().unwrap();
        assert_eq!(words(&told(&canary, true, true)), "The canary gets 10 %.");
        assert_eq!(told(&canary, false, false), *canary.status.as_ref().unwrap());
        let status = told(&canary, true, false);
        assert_eq!(words(&status), "A gate is asked.");
        canary.status = Some(status.clone());
        assert_eq!(told(&canary, false, false), status, "and it stands until something else is said");
    }

    #[test]
    fn a_leader_whose_clock_is_behind_takes_nothing_back_that_another_one_told_of_a_wait() {
        let canary: Canary = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
            "status": {"phase": "Progressing", "deadlineAt": "2026-01-01T01:01:00Z", "lastDecision": "Waiting: its pods. Next: nothing."},
        }))
        .unwrap();
        let now: Timestamp = "2026-01-01T01:00:01Z".parse().unwrap();
        let mut draft = Draft::new(&canary, now);
        draft.awaits(SignedDuration::from_mins(1), "its pods");
        assert_eq!(draft.decided(), "Waiting: its pods.");
        assert_eq!(draft.wake, Some(now + SignedDuration::from_secs(1)));
    }
}
