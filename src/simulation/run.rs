//! Drives one Canary through the memory world: its controllers look; when all is quiet, time passes.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{
    Fault, Faults, Kubernetes, Memory, MemoryWorld, canary_ref,
    controller::{Controller, Look, Looked},
    election::Election,
};
use crate::{
    api::{CanaryKey, CanaryStatus, Object, ObjectRef},
    rollout::{Answer, Ask, AskId, Call, Measured, Question, Reply, Settings, heard},
};

/// Looks at one instant after which the controller is taken to go round in circles.
const PATIENCE: usize = 1000;
/// News that are late are looked for again after this time.
const LATE: SignedDuration = SignedDuration::from_millis(700);

/// Answers what a Canary asks of metric servers.
pub type Oracle = Box<dyn FnMut(&Ask) -> Measured>;

/// Answers what a Canary asks of its hooks at a time.
pub type Hooks = Box<dyn FnMut(Timestamp, &AskId, &Call) -> Reply>;

/// Why a simulation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Restless {
    /// The controller goes round in circles.
    #[error("the controller never comes to rest at {at}: {:?}", status.last_decision)]
    Circles {
        /// When.
        at: Timestamp,
        /// The Canary's status then.
        status: Box<CanaryStatus>,
    },
    /// A decision ended in a panic.
    #[error("the look at {at} panicked: {text}")]
    Panicked {
        /// When.
        at: Timestamp,
        /// What it said.
        text: String,
    },
}

/// What is to be done after a look.
#[derive(Clone, Copy, Default)]
struct After {
    /// Look again at once.
    again: bool,
    /// Some news is still under way.
    behind: bool,
}

/// A cluster with one Canary, its controllers and a clock.
pub struct Simulation {
    /// The objects and what happened to them.
    pub world: MemoryWorld,
    /// Pods, endpoints, gateway.
    pub kubernetes: Kubernetes,
    key: CanaryKey,
    settings: Settings,
    oracle: Oracle,
    /// Everybody behind the hooks; at first they all agree.
    pub hooks: Hooks,
    /// How long every answer takes.
    pub latency: SignedDuration,
    controllers: Vec<Controller>,
    /// Who may look; none where the one controller leads for ever.
    election: Option<Election>,
    /// Those that look: more than one only while two take themselves for the leader.
    leaders: Vec<usize>,
    /// Who looked last.
    led: usize,
    /// How far the next leader's clock is ahead of the present one's.
    ahead_by: SignedDuration,
    /// The last look, for who watches.
    last: Option<Look>,
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
        let controllers = vec![Controller::start(&world)];
        Simulation {
            world,
            kubernetes: Kubernetes::default(),
            key,
            settings,
            oracle,
            latency: SignedDuration::ZERO,
            hooks: Box::new(|_, _, _| Reply::Answered { status: 200, body: String::new() }),
            controllers,
            election: None,
            leaders: vec![0],
            led: 0,
            ahead_by: SignedDuration::ZERO,
            last: None,
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.world.state().now
    }

    /// The operator's choices.
    pub fn settings(&self) -> &Settings {
        &self.settings
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

    /// The last look, if there was one.
    pub fn last_look(&self) -> Option<&Look> {
        self.last.as_ref()
    }

    /// When a controller will look without news, if any will.
    pub fn wake(&self) -> Option<Timestamp> {
        self.leaders.iter().filter_map(|leader| self.controllers.get(*leader)?.wake()).min()
    }

    /// Writes as a user does.
    pub fn user(&self, reference: &ObjectRef, fields: &Object) {
        let _ = self.world.state().memory.merge(reference, fields);
    }

    /// Answers what is asked from now on.
    pub fn answer_with(&mut self, oracle: Oracle) {
        self.oracle = oracle;
    }

    /// From now on so many controllers bid for a lease, and one in `failing` of their calls for it fails, none if that is zero.
    pub fn elect(&mut self, controllers: usize, failing: u8, seed: u64) {
        self.controllers.resize_with(controllers, || Controller::start(&self.world));
        self.election = Some(Election::new(controllers, self.now(), failing, seed));
        self.leaders.clear();
    }

    /// Whoever leads now does so for ever.
    pub fn end_elections(&mut self) {
        self.election = None;
    }

    /// Whether two controllers lead although the lease can be reached and no clock stands still.
    pub fn is_split(&self) -> bool {
        self.election.as_ref().is_some_and(Election::is_split)
    }

    /// The processes of all leaders die, and others take their places.
    pub fn crash(&mut self) {
        for leader in self.leaders.clone() {
            if let Some(controller) = self.controllers.get_mut(leader) {
                controller.crash(&self.world);
            }
            if let Some(election) = &mut self.election {
                election.crash(leader);
            }
        }
    }

    /// The leaders' processes end in good order, and others take their places.
    pub fn replace(&mut self) {
        let leaders = self.leaders.clone();
        self.election
            .iter_mut()
            .for_each(|election| leaders.iter().for_each(|leader| election.replace(*leader)));
    }

    /// The leaders do not reach the lease any more, until [`Simulation::reconnect`]; who is `deluded` leads all the same. The clock of
    /// the next leader differs a little from theirs: two that are minutes apart would correct each other without end.
    pub fn cut_off(&mut self, deluded: bool, ahead_by: SignedDuration) {
        self.ahead_by = ahead_by;
        self.election.iter_mut().for_each(|election| election.cut_off(deluded));
    }

    /// Everybody reaches the lease, and nobody takes himself for the leader without it.
    pub fn reconnect(&mut self) {
        self.election.iter_mut().for_each(Election::reconnect);
    }

    /// Holds the elections that are due.
    fn appoint(&mut self) {
        let now = self.now();
        let Some(election) = &mut self.election else { return };
        election.pass(now);
        let leaders = election.leaders();
        for leader in leaders.iter().filter(|leader| !self.leaders.contains(leader)) {
            let before = self.controllers.get(self.led).map_or(SignedDuration::ZERO, |led| led.ahead);
            if let Some(controller) = self.controllers.get_mut(*leader) {
                // A term begins with a list of everything, and nothing is known from the one before.
                controller.crash(&self.world);
                controller.ahead = before + std::mem::take(&mut self.ahead_by);
                self.led = *leader;
            }
        }
        self.leaders = leaders;
    }

    /// News that all controllers have heard already come again.
    pub fn repeat_news(&mut self) {
        self.world.state().repeat_news();
    }

    /// The clocks of all leaders jump, or that of the last one.
    pub fn jump(&mut self, by: SignedDuration) {
        let leaders = if self.leaders.is_empty() { vec![self.led] } else { self.leaders.clone() };
        for leader in leaders {
            if let Some(controller) = self.controllers.get_mut(leader) {
                controller.jump(by);
            }
        }
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
            self.appoint();
            let before = self.world.state().memory.version();
            let next = {
                let mut state = self.world.state();
                let (now, away) = (state.now, state.gateway_away);
                self.kubernetes.tick(&mut state.memory, now, away)
            };
            let (mut again, mut behind) = (false, false);
            for leader in self.leaders.clone() {
                let after = self.look(leader)?;
                again |= after.again;
                behind |= after.behind;
                check(self);
            }
            let now = self.now();
            // What is due now and has been done is due for ever.
            let due = self.wake().is_some_and(|wake| wake <= now);
            if !again && !due && self.world.state().memory.version() == before {
                let late = behind.then(|| now + LATE);
                let election = self.election.as_ref().and_then(Election::next);
                return Ok(next.into_iter().chain(self.wake()).chain(late).chain(election).min());
            }
        }
        Err(Restless::Circles { at: self.now(), status: Box::new(self.status()) })
    }

    /// One look of a controller, then the answers to what it asked.
    fn look(&mut self, leader: usize) -> Result<After, Restless> {
        let now = self.now();
        let Some(controller) = self.controllers.get_mut(leader) else { return Ok(After::default()) };
        let (looked, behind) = controller.look(&self.world, &self.key, &self.settings);
        let died = controller.take_death();
        if let Some(election) = self.election.as_mut().filter(|_| died) {
            election.crash(leader);
        }
        let asks = self.world.state().take_asks(controller.id());
        for ask in &asks {
            let answer = match &ask.question {
                Question::Metric(_) => Answer::Measured((self.oracle)(ask)),
                Question::Hook(call) => Answer::Said((self.hooks)(now, &ask.id, call)),
            };
            controller.hear(ask.id.clone(), answer, now + self.latency);
        }
        let calls = self.world.state().take_calls(controller.id());
        for call in calls {
            let Ok(id) = call.payload.id.parse() else { continue };
            let at = now + self.latency;
            if let Some((id, answer)) = heard(&call, &(self.hooks)(now, &id, &call), at) {
                controller.hear(id, answer, at);
            }
        }
        let (look, again) = match looked {
            Looked::Nothing => (None, false),
            Looked::Whole(look) => {
                // A write that did not pass is tried again when its time has come.
                let again = !look.done && look.failed.is_none();
                (Some(*look), again)
            }
            Looked::Panicked(text) => return Err(Restless::Panicked { at: self.now(), text }),
        };
        self.last = look;
        Ok(After { again, behind })
    }
}

/// Faults that never happen.
pub fn no_faults() -> Faults {
    Box::new(|| Fault::None)
}
