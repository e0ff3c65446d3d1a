//! One controller of several: what it remembers, and one look of it: observe, decide, execute.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{MemoryWorld, canary_ref, contents::Contents, needed::needed, projection::View};
use crate::{
    api::{Canary, CanaryKey, ObjectRef},
    execute::{Outcome, execute},
    rollout::{
        Answer, Answers, AskId, Cause, Decision, Failure, Lost, Observation, Settings, Sketches, Unread,
        Writes, configs, decide, needs, starts,
    },
    workload::configs::{ConfigRef, Configs},
};

/// After this time a write that did not pass is tried again.
const REPEATED: SignedDuration = SignedDuration::from_secs(1);
/// After this time a read that failed is tried again.
pub(super) const READ_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// What is known after one more look in which nothing could be read: the right is missing, or the API server fails.
pub(super) fn unread(before: Option<&Unread>, denied: bool, now: Timestamp) -> Unread {
    let (cause, why) = if denied {
        (Cause::ReadDenied, "forbidden")
    } else {
        (Cause::ReadFailed, "the server answered with 500")
    };
    let what = "reading what the Canary needs".to_owned();
    Unread::then(before, Lost::All, Failure { cause, what, why: why.to_owned() }, now)
}

/// What a look rested on and led to.
pub struct Look {
    /// What was seen, the Canary included.
    pub seen: Observation,
    /// What was decided.
    pub decision: Decision,
    /// Whether all of it was written.
    pub done: bool,
    /// The write that did not pass.
    pub failed: Option<Failure>,
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
    /// Answers that are under way, each with the time at which it comes.
    awaited: BTreeMap<AskId, (Timestamp, Answer)>,
    /// How far its clock is ahead.
    pub(super) ahead: SignedDuration,
    /// When the last look wished the next one, without news; by its own clock.
    wake: Option<Timestamp>,
    /// Whether the last look was done whole and nothing has been heard since.
    done: bool,
    /// What came of its last writes.
    writes: Writes,
    /// Whether its last reads failed.
    unread: Option<Unread>,
    /// What the looks have worked out.
    sketches: Sketches,
    contents: Contents,
    /// Whether it has died in a call.
    died: bool,
}

impl Controller {
    /// A controller that has just started in a world.
    pub(super) fn start(world: &MemoryWorld) -> Self {
        let id = world.state().join();
        Controller {
            id,
            answers: Answers::new(),
            awaited: BTreeMap::new(),
            ahead: SignedDuration::ZERO,
            wake: None,
            done: false,
            writes: Writes::Unknown,
            unread: None,
            sketches: Sketches::default(),
            contents: Contents::default(),
            died: false,
        }
    }

    /// Its process dies, and another one takes its place.
    pub(super) fn crash(&mut self, world: &MemoryWorld) {
        world.state().crash(self.id);
        self.forget(world);
    }

    fn forget(&mut self, world: &MemoryWorld) -> bool {
        let died = world.state().take_crash(self.id);
        if died {
            self.answers.clear();
            self.awaited.clear();
            self.wake = None;
            self.done = false;
            self.writes = Writes::Unknown;
            self.unread = None;
            self.sketches = Sketches::default();
        }
        died
    }

    /// Its clock jumps. What it waits for comes all the same: no timer knows of the clock.
    pub(super) fn jump(&mut self, by: SignedDuration) {
        self.ahead += by;
        self.wake = self.wake.map(|wake| wake + by);
    }

    /// When it will look without news of the cluster, by the world's clock.
    pub(super) fn wake(&self) -> Option<Timestamp> {
        let answers = self.awaited.values().map(|(at, _)| *at);
        answers.chain(self.wake.map(|wake| wake - self.ahead)).min()
    }

    /// One look at a Canary, and whether news is still under way.
    pub(super) fn look(
        &mut self,
        world: &MemoryWorld,
        key: &CanaryKey,
        settings: &Settings,
    ) -> (Looked, bool) {
        let (View { live, behind, news }, now, unreadable) = {
            let mut state = world.state();
            self.listen(state.now);
            (state.observe(self.id), state.now + self.ahead, state.unreadable)
        };
        // As the real controller, this one looks when there is news, or when it is due.
        if !news && self.done && self.wake.is_none_or(|wake| wake > now) {
            return (Looked::Nothing, behind);
        }
        let stored = live.get_shared(&canary_ref(key)).cloned();
        let canary = stored.as_ref().and_then(|object| Canary::deserialize(object.as_ref()).ok());
        let Some((stored, canary)) = stored.zip(canary) else {
            self.wake = None;
            return (Looked::Nothing, behind);
        };
        self.unread = unreadable.map(|denied| unread(self.unread.as_ref(), denied, now));
        let (live, problems) = match unreadable {
            Some(_) => Default::default(),
            None => {
                let problems = (world.state().rules)(&stored, &live);
                (live, problems)
            }
        };
        let seen = Observation {
            canary: Arc::new(canary),
            live,
            configs: Configs::default(),
            answers: self.answers.clone(),
            problems,
            unread: self.unread.clone(),
            full: None,
            writes: self.writes.clone(),
            sketches: self.sketches.clone(),
        };
        let attempt = AssertUnwindSafe(|| self.attempt(world, seen, settings, now));
        let looked = match std::panic::catch_unwind(attempt) {
            Ok(look) => {
                self.wake = look.decision.wake;
                self.done = look.done || look.failed.is_some();
                if self.done {
                    self.writes = std::mem::take(&mut self.writes).then(look.failed.clone(), now);
                    // What was told is not so any more, or it is tried again after a pause.
                    self.done = look.failed.is_some() || !self.writes.outlived_by(&look.decision.status);
                    let again = look.failed.as_ref().map(|_| now + REPEATED);
                    let unread = look.seen.unread.as_ref().map(|_| now + READ_AGAIN);
                    self.wake = self.wake.into_iter().chain(again).chain(unread).min();
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
        self.died = self.forget(world);
        (looked, behind)
    }

    /// Whether its process died in its last look.
    pub(super) fn take_death(&mut self) -> bool {
        std::mem::take(&mut self.died)
    }

    fn attempt(
        &mut self,
        world: &MemoryWorld,
        mut seen: Observation,
        settings: &Settings,
        now: Timestamp,
    ) -> Look {
        // As in production: only what is needed is looked at, and contents are read only if a decision lacks them.
        let (contents, live) = seen.live.partition(|of| ConfigRef::of(of).is_some());
        seen.live = needed(&needs(&seen.canary, settings), live);
        let namespace = seen.canary.metadata.namespace.clone().unwrap_or_default();
        if !seen.unread.as_ref().is_some_and(Unread::hides_all) {
            let wanted = configs(&seen.canary, &seen.live, settings);
            seen.configs = self.contents.known(wanted, &contents, &namespace);
        }
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
        let failed = match outcome {
            Some(Ok(Outcome::Failed(failure))) => Some(failure),
            _ => None,
        };
        Look { seen, decision, done, failed }
    }

    /// An answer comes at a time, unless the same question is being answered already.
    pub(super) fn hear(&mut self, id: AskId, answer: Answer, at: Timestamp) {
        self.awaited.entry(id).or_insert((at, answer));
    }

    /// Hears the answers that have come.
    fn listen(&mut self, now: Timestamp) {
        let come: Vec<AskId> =
            self.awaited.iter().filter(|(_, (at, _))| *at <= now).map(|(id, _)| id.clone()).collect();
        for id in come {
            if let Some((_, answer)) = self.awaited.remove(&id) {
                self.answers.insert(id, answer);
                self.done = false;
            }
        }
    }

    /// Its number among the controllers of its world.
    pub(super) fn id(&self) -> usize {
        self.id
    }
}
