//! A rollout played whole: the real `execute`, an API server with conflicts, watches that are late, several controllers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::{
    Played, RELEASE,
    case::Case,
    gate,
    happening::{Happening, What},
    schedule,
    subject::NAME,
    watch::Watch,
};
use crate::{
    api::Phase,
    rollout::Ask,
    simulation::{self, Fault, Restless, Simulation},
};

/// How long what has ended is watched for doing anything.
const REST: SignedDuration = SignedDuration::from_hours(1);

/// Controllers that bid for the lease.
const REPLICAS: usize = 2;
/// Where calls fail, one call for the lease in so many does.
const FAILING: u8 = 8;

/// The longest that nobody leads after a leader died, with calls for the lease that fail.
const LEADERLESS: SignedDuration = SignedDuration::from_secs(60);

/// Plays a case.
pub(super) fn play(case: &Case) -> Played {
    let mut stage = Stage::new(case);
    stage.pass(RELEASE);
    if stage.watch.violation.is_none() && stage.simulation.status().phase != Phase::Initialized {
        stage.broken("converges", format!("not initialised: {:?}", stage.simulation.status().last_decision));
    }
    stage.release(2);
    for (at, index, begins) in schedule(&case.happenings) {
        let instant = stage.released + SignedDuration::from_millis(at);
        stage.pass(instant.duration_since(stage.simulation.now()));
        let happening = &case.happenings[index];
        if begins { stage.begin(happening) } else { stage.end(happening) }
    }
    let quiet = stage.released + case.quiet_after();
    stage.pass(quiet.duration_since(stage.simulation.now()).max(SignedDuration::ZERO));
    // Leaders may have died at the last moment.
    let longest = SignedDuration::from_secs(case.subject.longest(case.slow)) + LEADERLESS;
    stage.pass(longest);
    // What went late is made again late.
    for happening in case.happenings.iter().filter(|happening| happening.what.comes_again()) {
        stage.end(happening);
        stage.pass(longest);
    }
    stage.finish()
}

/// How the controllers hear of what happens.
#[derive(Clone, Copy, Default)]
struct News {
    late: bool,
    none: bool,
}

struct Stage<'a> {
    case: &'a Case,
    simulation: Simulation,
    watch: Watch<'a>,
    news: Arc<Mutex<News>>,
    gate_away: bool,
    released: Timestamp,
    /// The revision that was released last.
    asked: u8,
    seen: usize,
    vain: usize,
}

impl<'a> Stage<'a> {
    fn new(case: &'a Case) -> Self {
        let subject = &case.subject;
        let calls = case.calls.clone();
        let mut call = 0;
        let faults = Box::new(move || {
            call += 1;
            calls.get(&(call - 1)).copied().unwrap_or(Fault::None)
        });
        let answers = case.clone();
        let oracle = Box::new(move |ask: &Ask| answers.measured(&ask.id));
        let mut simulation =
            Simulation::new(subject.canary(), subject.target(1), subject.settings(), oracle, faults);
        for (reference, fields) in subject.others() {
            simulation.user(&reference, &fields);
        }
        let desk = case.clone();
        simulation.hooks = Box::new(move |now, id, _| desk.said(now, id));
        simulation.latency = SignedDuration::from_secs(case.slow);
        let news = Arc::new(Mutex::new(News::default()));
        let (state, mut dice) = (news.clone(), Rng::with_seed(!case.seed));
        simulation.world.state().lag = Box::new(move || {
            let News { late, none } = *state.lock().unwrap_or_else(PoisonError::into_inner);
            none || late && dice.u8(0..3) > 0
        });
        simulation.elect(REPLICAS, if case.calls.is_empty() { 0 } else { FAILING }, case.seed);
        if case.is_misruled() {
            simulation.world.state().rules = gate::rules(case.subject.settings());
        }
        let (released, watch) = (simulation.now(), Watch::new(case));
        Stage { case, simulation, watch, news, gate_away: false, released, asked: 1, seen: 0, vain: 0 }
    }

    fn release(&mut self, revision: u8) {
        self.released = self.simulation.now();
        self.happens(&What::Released(revision), self.released);
    }

    /// Lets time pass, under watch.
    fn pass(&mut self, duration: SignedDuration) {
        if self.watch.violation.is_some() {
            return;
        }
        let Stage { simulation, watch, seen, vain, .. } = self;
        let result = simulation.run_for(duration, |simulation| {
            let state = simulation.world.state();
            if simulation.is_split() {
                watch.broken("one-leader", state.now, "two lead, and both reach their lease".to_owned());
            }
            let deeds = &state.deeds[*seen..];
            if let Some(look) = simulation.last_look() {
                watch.look(state.now, &state.memory, &simulation.kubernetes, look, deeds);
            }
            *seen = state.deeds.len();
            if let Some((_, of)) = state.vain.get(*vain) {
                watch.wrote_in_vain(state.now, of);
            }
            *vain = state.vain.len();
        });
        match result {
            Ok(()) => {}
            Err(restless @ Restless::Circles { .. }) => self.broken("comes-to-rest", restless.to_string()),
            Err(restless @ Restless::Panicked { .. }) => self.broken("no-panic", restless.to_string()),
        }
    }

    fn broken(&mut self, invariant: &'static str, told: String) {
        self.watch.broken(invariant, self.simulation.now(), told);
    }

    fn begin(&mut self, happening: &Happening) {
        self.happens(&happening.what, self.simulation.now() + SignedDuration::from_millis(happening.lasts));
    }

    fn happens(&mut self, what: &What, until: Timestamp) {
        let now = self.simulation.now();
        if let What::Released(revision) = what {
            self.asked = *revision;
        }
        match what {
            What::Crashed => self.simulation.crash(),
            What::Replaced => self.simulation.replace(),
            What::CutOff => self.simulation.cut_off(false, SignedDuration::ZERO),
            What::Deluded(ahead) => self.simulation.cut_off(true, SignedDuration::from_secs(*ahead)),
            What::Repeated => self.simulation.repeat_news(),
            What::Jumped(seconds) => self.simulation.jump(SignedDuration::from_secs(*seconds)),
            What::Lagged => self.news().late = true,
            What::Deaf => self.news().none = true,
            What::GateAway => self.gate_away = true,
            What::GatewayAway => self.simulation.world.state().gateway_away = true,
            What::Unwritable { kind, cause } => {
                self.simulation.world.state().unwritable.insert(kind.clone(), *cause);
            }
            What::Unreadable { denied } => self.simulation.world.state().unreadable = Some(*denied),
            // In mid-run the gate refuses it.
            What::Moved(_) if !self.simulation.status().phase.rests() => return,
            What::PodsLost(workload) => self.simulation.kubernetes.lose(workload, until),
            What::PrimarySlow => self.simulation.kubernetes.slow(&self.case.subject.primary(), until),
            _ => self.write(|case, asked, memory| what.begin(&case.subject, asked, memory)),
        }
        let state = self.simulation.world.state();
        self.watch.happened(what, now, until, &state.memory);
    }

    fn end(&mut self, happening: &Happening) {
        match &happening.what {
            What::CutOff | What::Deluded(_) => self.simulation.reconnect(),
            What::Unreadable { .. } => self.simulation.world.state().unreadable = None,
            What::Lagged => self.news().late = false,
            What::Deaf => self.news().none = false,
            What::GateAway => self.gate_away = false,
            What::GatewayAway => self.simulation.world.state().gateway_away = false,
            What::Unwritable { kind, .. } => {
                self.simulation.world.state().unwritable.remove(kind);
            }
            what => self.write(|case, asked, memory| what.end(&case.subject, asked, memory)),
        }
    }

    /// A user's write, which passes the gate if that is there.
    fn write(&mut self, write: impl FnOnce(&Case, u8, &mut simulation::Memory)) {
        let mut state = self.simulation.world.state();
        let target = self.case.subject.workload(NAME);
        let before = state.memory.objects().get(&target).cloned();
        write(self.case, self.asked, &mut state.memory);
        if let Some((before, mode)) = before.zip(self.case.gate).filter(|_| !self.gate_away) {
            gate::adjust(&mut state.memory, &target, &before, mode, self.simulation.settings());
        }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(mut self) -> Played {
        let wakes = self.simulation.wake().is_some();
        let phase = {
            let state = self.simulation.world.state();
            self.watch.end(state.now, &state.memory, wakes)
        };
        let deeds = self.simulation.world.state().deeds.len();
        self.simulation.end_elections();
        self.pass(REST);
        let new = self.simulation.world.state().deeds.get(deeds..).and_then(|new| new.first()).cloned();
        if let Some((_, deed)) = new {
            self.broken("idle-is-free", format!("nothing happened, and yet: {deed:?}"));
        }
        match self.watch.violation {
            None => Ok(phase),
            Some(mut violation) => {
                let lines = simulation::lines(&self.simulation);
                let told = lines.iter().map(|line| {
                    let at = line.at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
                    let event = line.event.map_or("-", crate::rollout::Reason::as_str);
                    format!("{at} s {} {} % {event} {}", line.phase.as_str(), line.weight, line.reason)
                });
                violation.timeline = told.collect();
                Err(violation)
            }
        }
    }
}
