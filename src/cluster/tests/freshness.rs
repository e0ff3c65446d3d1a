//! The promise of freshness against a model: a history of one object, a watch that lags behind it, and calls of ours whose
//! answers come late and in any order.

use std::{collections::HashSet, sync::Arc};

use proptest::prelude::*;
use tokio::{sync::mpsc, time::Instant};

use super::{object, service, without_label};
use crate::{
    api::Object,
    cluster::{kinds::Kind, overlay::Look, view::View},
};

/// What may happen next.
#[derive(Clone, Debug)]
enum Act {
    /// Somebody else changes, removes, makes or unlabels the object.
    Foreign(State),
    /// A write of ours is carried out by the server; the answer is under way.
    Write,
    /// A delete of ours is carried out.
    Delete,
    /// A GET of ours reads; the answer is under way.
    Get,
    /// An answer arrives (which one), or is lost.
    Answer(usize, bool),
    /// The watch delivers its next event.
    Watch,
    /// The watch starts anew with a list of the present.
    Relist,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Absent,
    Labelled,
    Bare,
}

#[derive(Clone)]
enum Call {
    Write(usize),
    Delete(usize, String),
    Get(usize),
}

struct Model {
    view: View,
    /// All states so far; the index is the version.
    history: Vec<(State, u32)>,
    watched: usize,
    calls: Vec<(u64, Call)>,
    /// Version of our last write whose end we know.
    floor: usize,
    now: Instant,
}

impl Model {
    fn new() -> Model {
        let mut view = View::new(None, mpsc::unbounded_channel().0);
        view.listed(Kind::named("Service").unwrap(), &HashSet::new(), Instant::now());
        Model {
            view,
            history: vec![(State::Absent, 0)],
            watched: 0,
            calls: vec![],
            floor: 0,
            now: Instant::now(),
        }
    }

    fn present(&self) -> State {
        self.history[self.history.len() - 1].0
    }

    fn object(&self, version: usize) -> Object {
        let mut made = object("Service", "a", u32::try_from(version).unwrap());
        made["metadata"]["uid"] = self.history[version].1.into();
        made["metadata"]["uid"] = made["metadata"]["uid"].to_string().into();
        if self.history[version].0 == State::Bare { without_label(made) } else { made }
    }

    fn commit(&mut self, state: State) -> usize {
        let (before, uid) = self.history[self.history.len() - 1];
        let uid = if before == State::Absent { uid + 1 } else { uid };
        self.history.push((state, uid));
        self.history.len() - 1
    }

    fn act(&mut self, act: &Act) {
        let reference = service("a");
        match act {
            Act::Foreign(State::Absent) if self.present() == State::Absent => {}
            Act::Foreign(state) => {
                self.commit(*state);
            }
            // Writes for one Canary are serial.
            Act::Write | Act::Delete if self.calls.iter().any(|(_, call)| !matches!(call, Call::Get(_))) => {}
            Act::Write => {
                let id = self.view.begin(&reference);
                let version = self.commit(State::Labelled);
                self.calls.push((id, Call::Write(version)));
            }
            Act::Delete if self.present() == State::Absent => {}
            Act::Delete => {
                let id = self.view.begin(&reference);
                let uid = self.history[self.history.len() - 1].1.to_string();
                let version = self.commit(State::Absent);
                self.calls.push((id, Call::Delete(version, uid)));
            }
            Act::Get => {
                let id = self.view.begin(&reference);
                self.calls.push((id, Call::Get(self.history.len() - 1)));
            }
            Act::Answer(_, _) if self.calls.is_empty() => {}
            Act::Answer(which, arrives) => {
                let (id, call) = self.calls.remove(which % self.calls.len());
                self.answer(id, &call, *arrives);
            }
            Act::Watch => self.watch(),
            Act::Relist => self.relist(),
        }
    }

    fn answer(&mut self, id: u64, call: &Call, arrives: bool) {
        let (reference, now) = (service("a"), self.now);
        match call {
            Call::Write(version) if arrives => {
                let object = Arc::new(self.object(*version));
                self.view.written(id, &reference, &object, now);
            }
            Call::Delete(_, uid) if arrives => self.view.gone(id, &reference, uid, now),
            Call::Write(_) | Call::Delete(..) => self.view.unsure(id, &reference, None, now),
            Call::Get(version) if arrives => {
                let exists = self.history[*version].0 != State::Absent;
                let object = exists.then(|| Arc::new(self.object(*version)));
                self.view.answered(id, &reference, object.as_ref(), now);
            }
            Call::Get(_) => self.view.abandon(id),
        }
        if let Call::Write(version) | Call::Delete(version, _) = call {
            self.floor = self.floor.max(*version);
        }
    }

    fn watch(&mut self) {
        if self.watched + 1 >= self.history.len() {
            return;
        }
        self.watched += 1;
        let reference = service("a");
        let (before, now) = (self.history[self.watched - 1].0, self.history[self.watched].0);
        match (before, now) {
            (_, State::Labelled) => {
                let object = Arc::new(self.object(self.watched));
                self.view.delivered(&reference, object);
            }
            (State::Labelled, _) => {
                // The event carries the last labelled state under the version of the change.
                let mut last = self.object(self.watched - 1);
                last["metadata"]["resourceVersion"] = self.watched.to_string().into();
                self.view.left(&reference, &last);
            }
            _ => {}
        }
    }

    fn relist(&mut self) {
        let begun = Instant::now();
        self.watched = self.history.len() - 1;
        let mut listed = HashSet::new();
        if self.present() == State::Labelled {
            self.view.delivered(&service("a"), Arc::new(self.object(self.watched)));
            listed.insert(service("a"));
        }
        self.view.listed(Kind::named("Service").unwrap(), &listed, begun);
    }

    /// Whether a look gives a state that was still true after our last write.
    fn check(&self) -> Result<(), TestCaseError> {
        let since = match self.view.look(&service("a"), self.now) {
            Look::Unknown => return Ok(()),
            Look::Absent => {
                let still = (self.floor..self.history.len()).any(|at| self.history[at].0 == State::Absent);
                prop_assert!(still, "absent, but it existed at all times since our write {}", self.floor);
                return Ok(());
            }
            Look::Present(object) => {
                object["metadata"]["resourceVersion"].as_str().unwrap().parse::<usize>().unwrap()
            }
        };
        prop_assert!(self.history[since].0 != State::Absent);
        prop_assert!(since >= self.floor, "version {since} was over when we wrote {}", self.floor);
        Ok(())
    }
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => prop_oneof![Just(State::Absent), Just(State::Labelled), Just(State::Bare)].prop_map(Act::Foreign),
        2 => Just(Act::Write),
        1 => Just(Act::Delete),
        2 => Just(Act::Get),
        5 => (0..4usize, prop::bool::weighted(0.8)).prop_map(|(which, arrives)| Act::Answer(which, arrives)),
        5 => Just(Act::Watch),
        1 => Just(Act::Relist),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_look_gives_what_was_over_before_our_last_write(acts in prop::collection::vec(acts(), 1..40)) {
        let mut model = Model::new();
        for act in &acts {
            model.act(act);
            model.check()?;
        }
        // Once all has arrived, what is told is the truth.
        while let Some((id, call)) = model.calls.pop() {
            model.answer(id, &call, true);
            model.check()?;
        }
        while model.watched + 1 < model.history.len() {
            model.watch();
        }
        match model.view.look(&service("a"), model.now) {
            Look::Unknown => {}
            Look::Absent => prop_assert_eq!(model.present(), State::Absent),
            Look::Present(object) => {
                let expected = (model.history.len() - 1).to_string();
                prop_assert_eq!(object["metadata"]["resourceVersion"].as_str(), Some(expected.as_str()));
            }
        }
    }
}
