//! The world in which a decision alone is played, from the moment at which the Canary is initialised.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{RELEASE, case::Case, subject::Stage};
use crate::{
    api::CanaryStatus,
    rollout::Answers,
    simulation::{Kubernetes, Memory, Simulation, no_faults},
};

thread_local! {
    /// Worlds whose Canary is initialised, by what they consist of.
    static INITIALISED: RefCell<HashMap<Stage, World>> = RefCell::default();
}

/// Everything that a rollout changes.
#[derive(Clone)]
pub(super) struct World {
    pub(super) memory: Memory,
    pub(super) kubernetes: Kubernetes,
    pub(super) status: Arc<CanaryStatus>,
    pub(super) now: Timestamp,
    pub(super) ahead: SignedDuration,
    pub(super) gateway_away: bool,
    pub(super) answers: Answers,
    pub(super) wake: Option<Timestamp>,
}

impl World {
    /// A world in which the Canary of a subject has just been initialised.
    pub(super) fn initialised(case: &Case) -> Self {
        let stage = case.subject.stage();
        if let Some(known) = INITIALISED.with_borrow(|known| known.get(&stage).cloned()) {
            return known;
        }
        // Whichever rollout of the stage a thread plays first, the world is the same.
        let subject = case.subject.before();
        let unasked = Box::new(|_: &_| Err("nobody asks yet".to_owned()));
        let mut simulation =
            Simulation::new(subject.canary(), subject.target(1), subject.settings(), unasked, no_faults());
        for (reference, fields) in subject.others() {
            simulation.user(&reference, &fields);
        }
        // Whatever goes wrong here is found by the rollouts that are played whole.
        let _ = simulation.run_for(RELEASE, |_| {});
        let (status, now) = (Arc::new(simulation.status()), simulation.now());
        let state = simulation.world.state();
        let world = World {
            memory: state.memory.clone(),
            kubernetes: simulation.kubernetes.clone(),
            status,
            now,
            ahead: SignedDuration::ZERO,
            gateway_away: false,
            answers: Answers::new(),
            wake: None,
        };
        INITIALISED.with_borrow_mut(|known| known.insert(stage, world.clone()));
        world
    }
}
