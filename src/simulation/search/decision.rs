//! A rollout of the decision alone: what is decided is what happens, at once and whole unless the process dies in the middle.
//! No `execute`, no API server that refuses, no late news: so that a million of them take minutes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{
    Played,
    case::Case,
    gate,
    happening::{Happening, What},
    schedule,
    subject::NAMESPACE,
    watch::Watch,
    world::World,
};
use crate::{
    api::{Canary, Live, Object, ObjectRef},
    rollout::{
        Answer, Answers, Decision, Observation, Question, Settings, Sketches, Unread, configs, decide,
        event_calls, heard,
    },
    simulation::{
        Deed, Look, Rules,
        contents::Contents,
        controller::{READ_AGAIN, unread},
        world::{perform, subject},
    },
    workload::configs::ConfigRef,
};

/// Looks at one instant after which a decision is taken to go round in circles.
const PATIENCE: usize = 200;

/// Plays a case.
pub(super) fn play(case: &Case) -> Played {
    let mut bench = Bench::new(case);
    bench.write(&What::Released(2), bench.world.now);
    let released = bench.world.now;
    for (at, index, begins) in schedule(&case.happenings) {
        bench.pass(released + SignedDuration::from_millis(at));
        let Some(happening) = case.happenings.get(index) else { continue };
        if begins { bench.begin(happening) } else { bench.end(happening) }
    }
    let longest = SignedDuration::from_secs(case.subject.longest(0));
    bench.pass(released + case.quiet_after());
    bench.pass(bench.world.now + longest);
    // What went late is made again late.
    for happening in case.happenings.iter().filter(|happening| happening.what.comes_again()) {
        bench.end(happening);
        bench.pass(bench.world.now + longest);
    }
    bench.finish()
}

struct Bench<'a> {
    case: &'a Case,
    settings: Settings,
    world: World,
    watch: Watch<'a>,
    asked: u8,
    calls: u32,
    /// What the looks have worked out.
    sketches: Sketches,
    /// The Canary as it was last read, and its version.
    canary: Option<(Arc<Canary>, u64)>,
    /// The version of the memory when its objects were last gathered, and these: contents of configs, and all others.
    objects: (Option<u64>, Live, Live),
    contents: Contents,
    /// The version of the memory that the last look saw, if that look had nothing to do: without news none follows.
    seen: Option<u64>,
    /// Whether reads fail, and if so whether they are denied.
    unreadable: Option<bool>,
    /// Whether its last reads failed.
    unread: Option<Unread>,
    /// What the gate's rules say of the Canary, where it breaks one.
    rules: Option<Rules>,
}

impl<'a> Bench<'a> {
    fn new(case: &'a Case) -> Self {
        let mut world = World::initialised(case);
        let spec = &case.subject.canary()["spec"];
        let own = json!({"spec": {"analysis": null, "skipAnalysis": spec["skipAnalysis"]}});
        let analysis = json!({"spec": {"analysis": spec["analysis"]}});
        for fields in [own, analysis] {
            let _ = world.memory.merge(&super::canary(), &fields);
        }
        let mut watch = Watch::new(case);
        watch.begin(world.status.clone());
        Bench {
            case,
            settings: case.subject.settings(),
            world,
            watch,
            asked: 1,
            calls: 0,
            sketches: Sketches::default(),
            canary: None,
            objects: Default::default(),
            contents: Contents::default(),
            seen: None,
            unreadable: None,
            unread: None,
            rules: case.is_misruled().then(|| gate::rules(case.subject.settings())),
        }
    }

    /// Lets time pass until `end`.
    fn pass(&mut self, end: Timestamp) {
        while self.watch.violation.is_none() {
            let next = self.settle();
            match next.filter(|next| *next < end) {
                Some(next) => self.world.now = next,
                None => break,
            }
        }
        self.world.now = self.world.now.max(end);
    }

    /// Decides until nothing changes any more; returns when something will happen next.
    fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..PATIENCE {
            let World { memory, kubernetes, now, gateway_away, .. } = &mut self.world;
            let next = kubernetes.tick(memory, *now, *gateway_away);
            let before = self.world.memory.version();
            let wake = self.world.wake.map(|wake| wake - self.world.ahead);
            if self.seen == Some(before) && wake.is_none_or(|wake| wake > self.world.now) {
                return next.into_iter().chain(wake).min();
            }
            let moved = self.look();
            if self.watch.violation.is_some() {
                return None;
            }
            let quiet = !moved && self.world.memory.version() == before;
            self.seen = quiet.then_some(before);
            if quiet {
                let wake = self.world.wake.map(|wake| wake - self.world.ahead);
                if wake.is_none_or(|wake| wake > self.world.now) {
                    return next.into_iter().chain(wake).min();
                }
            }
        }
        self.broken("comes-to-rest", "the same is decided again and again".to_owned());
        None
    }

    /// One decision and what comes of it; true if it has to be made again.
    fn look(&mut self) -> bool {
        let Some(canary) = self.canary() else {
            self.world.wake = None;
            return false;
        };
        let now = self.world.now + self.world.ahead;
        let mut look = self.decide(canary, now);
        let (deeds, died) = self.carry_out(&look.decision);
        look.done = !died;
        let unread = look.seen.unread.as_ref().map(|_| now + READ_AGAIN);
        self.world.wake = look.decision.wake.into_iter().chain(unread).min();
        let asked = !look.decision.asks.is_empty() && !died;
        if asked {
            let answers = look.decision.asks.iter().map(|ask| {
                let answer = match ask.question {
                    Question::Metric(_) => Answer::Measured(self.case.measured(&ask.id)),
                    Question::Hook(_) => Answer::Said(self.case.said(self.world.now, &ask.id)),
                };
                (ask.id.clone(), answer)
            });
            let answers: Answers = answers.collect();
            self.world.answers.extend(answers);
        }
        self.world.answers.retain(|id, _| look.decision.known.contains(id));
        let told = !died && self.hear(&look, now);
        let World { memory, kubernetes, now, .. } = &self.world;
        self.watch.look(*now, memory, kubernetes, &look, &deeds);
        // The watch tells of the new status, as of everything else that was written.
        let stored = deeds.iter().any(|(_, deed)| matches!(deed, Deed::Status(_)));
        asked || died || stored || told
    }

    /// What `event` hooks answer to what they are told; whether they are told anything.
    fn hear(&mut self, look: &Look, now: Timestamp) -> bool {
        let (canary, Decision { status, events, .. }) = (&look.seen.canary, &look.decision);
        let calls = events.iter().flat_map(|event| event_calls(canary, status, event, now));
        let answers = calls.filter_map(|call| {
            let id = call.payload.id.parse().ok()?;
            heard(&call, &self.case.said(self.world.now, &id), now)
        });
        let answers: Answers = answers.collect();
        let told = !answers.is_empty();
        self.world.answers.extend(answers);
        told
    }

    fn canary(&mut self) -> Option<Arc<Canary>> {
        let stored = self.world.memory.objects().get(&super::canary())?;
        let version = stored["metadata"]["resourceVersion"].as_str()?.parse().ok()?;
        if self.canary.as_ref().is_none_or(|(_, known)| *known != version) {
            let canary = Canary::deserialize(stored.as_ref()).ok()?;
            let uid = |(canary, _): &(Arc<Canary>, u64)| canary.metadata.uid.clone();
            if self.canary.as_ref().is_some_and(|known| uid(known) != canary.metadata.uid) {
                self.world.status = Arc::default();
                self.world.answers.clear();
            }
            self.canary = Some((Arc::new(canary), version));
        }
        let (canary, _) = self.canary.as_mut()?;
        if canary.status.as_ref() != Some(self.world.status.as_ref()) {
            Arc::make_mut(canary).status = Some(self.world.status.as_ref().clone());
        }
        Some(canary.clone())
    }

    /// The contents of configs, and all other objects.
    fn objects(&mut self) -> (Live, Live) {
        let memory = &self.world.memory;
        let (known, contents, live) = &mut self.objects;
        if *known != Some(memory.version()) {
            let (configs, others): (Vec<_>, Vec<_>) =
                memory.objects().iter().partition(|(of, _)| ConfigRef::of(of).is_some());
            let share = |objects: Vec<(&Arc<ObjectRef>, &Arc<Object>)>| {
                objects.into_iter().map(|(of, object)| (of.clone(), object.clone())).collect()
            };
            (*contents, *live) = (share(configs), share(others));
            *known = Some(memory.version());
        }
        (contents.clone(), live.clone())
    }

    fn decide(&mut self, canary: Arc<Canary>, now: Timestamp) -> Look {
        let (contents, live) = self.objects();
        self.unread = self.unreadable.map(|denied| unread(self.unread.as_ref(), denied, now));
        let unread = self.unread.is_some();
        let (live, problems) = match &mut self.rules {
            _ if unread => Default::default(),
            None => (live, Vec::new()),
            Some(rules) => {
                let stored = self.world.memory.get(&super::canary());
                let problems = stored.map(|stored| rules(stored, &live)).unwrap_or_default();
                (live, problems)
            }
        };
        let wanted = if unread { Default::default() } else { configs(&canary, &live, &self.settings) };
        let mut seen = Observation {
            configs: self.contents.known(wanted, &contents, NAMESPACE),
            canary,
            live,
            answers: self.world.answers.clone(),
            problems,
            unread: self.unread.clone(),
            full: None,
            writes: Default::default(),
            sketches: self.sketches.clone(),
        };
        let mut decision = decide(&seen, &self.settings, now);
        if !decision.lacks.is_empty() {
            seen.live.extend(contents);
            decision = decide(&seen, &self.settings, now);
        }
        Look { seen, decision, done: false, failed: None }
    }

    /// Makes what was decided happen, up to the call at which the process dies.
    fn carry_out(&mut self, decision: &Decision) -> (Vec<(Timestamp, Deed)>, bool) {
        let (mut deeds, now) = (Vec::new(), self.world.now);
        if decision.status != *self.world.status {
            if self.dies() {
                return (deeds, true);
            }
            self.world.status = Arc::new(decision.status.clone());
            deeds.push((now, Deed::Status(self.world.status.clone())));
        }
        deeds.extend(decision.events.iter().map(|event| (now, Deed::Told(event.clone()))));
        for effect in &decision.effects {
            if self.dies() {
                return (deeds, true);
            }
            let version = self.world.memory.version();
            // A second write of an object that was read once is in conflict: the next look repeats it.
            let written = perform(&mut self.world.memory, effect);
            if written.is_ok() && self.world.memory.version() == version {
                self.watch.wrote_in_vain(now, &subject(effect));
            }
            deeds.push((now, Deed::Effect(effect.clone())));
        }
        (deeds, false)
    }

    fn dies(&mut self) -> bool {
        self.calls += 1;
        let dies = self.case.calls.contains_key(&(self.calls - 1));
        if dies {
            self.world.answers.clear();
        }
        dies
    }

    fn begin(&mut self, happening: &Happening) {
        let until = self.world.now + SignedDuration::from_millis(happening.lasts);
        self.write(&happening.what, until);
    }

    fn write(&mut self, what: &What, until: Timestamp) {
        self.seen = None;
        let (subject, world) = (&self.case.subject, &mut self.world);
        match what {
            What::Released(revision) => self.asked = *revision,
            What::Crashed | What::Replaced | What::CutOff | What::Deluded(_) => world.answers.clear(),
            What::Jumped(seconds) => {
                // No timer knows of the clock.
                let by = SignedDuration::from_secs(*seconds);
                world.ahead += by;
                world.wake = world.wake.map(|wake| wake + by);
            }
            What::Unreadable { denied } => self.unreadable = Some(*denied),
            // In mid-run the gate refuses it.
            What::Moved(_) if !world.status.phase.rests() => return,
            What::GatewayAway => world.gateway_away = true,
            What::PodsLost(workload) => world.kubernetes.lose(workload, until),
            What::PrimarySlow => world.kubernetes.slow(&subject.primary(), until),
            _ => {}
        }
        what.begin(subject, self.asked, &mut world.memory);
        // Nothing is late here, nobody else leads, and nobody refuses a write.
        if !matches!(what, What::Lagged | What::Deaf | What::Deluded(_) | What::Unwritable { .. }) {
            self.watch.happened(what, world.now, until, &world.memory);
        }
    }

    fn end(&mut self, happening: &Happening) {
        self.seen = None;
        match happening.what {
            What::GatewayAway => self.world.gateway_away = false,
            What::Unreadable { .. } => self.unreadable = None,
            _ => {}
        }
        happening.what.end(&self.case.subject, self.asked, &mut self.world.memory);
    }

    fn broken(&mut self, invariant: &'static str, told: String) {
        self.watch.broken(invariant, self.world.now, told);
    }

    fn finish(mut self) -> Played {
        if self.watch.violation.is_none() {
            let World { memory, now, wake, .. } = &self.world;
            self.watch.end(*now, memory, wake.is_some());
        }
        self.watch.violation.map_or(Ok(self.world.status.phase), Err)
    }
}
