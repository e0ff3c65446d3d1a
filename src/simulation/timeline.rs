//! A rollout as a table for people: what happened when, and why.

use jiff::{SignedDuration, Timestamp};

use super::{Deed, Restless, Simulation, script};
use crate::{
    api::{CanaryStatus, Object, ObjectRef, Phase},
    rollout::{self, Reason},
};

/// How long the first primary may take.
const INITIALISATION: SignedDuration = SignedDuration::from_mins(15);

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Where the Canary stands then.
    pub phase: Phase,
    /// The canary's share of traffic in percent, as intended.
    pub weight: i32,
    /// What people are told of; none for a wait.
    pub event: Option<Reason>,
    /// One sentence.
    pub reason: String,
}

/// Initialises the Canary, then releases a new revision of `target`, and runs until nothing is left to do, or until
/// nothing has been told for `quiet`. Metrics answer by the scripts. Returns when the revision was released, if it was.
///
/// # Errors
/// The controller never came to rest.
pub fn play(
    simulation: &mut Simulation,
    target: &ObjectRef,
    release: &Object,
    scripts: &[script::Script],
    quiet: SignedDuration,
) -> Result<Option<Timestamp>, Restless> {
    simulation.run_for(INITIALISATION, |_| {})?;
    if simulation.status().phase != Phase::Initialized {
        return Ok(None);
    }
    let begin = simulation.now();
    simulation.answer_with(Box::new(script::oracle(scripts, begin)));
    simulation.user(target, release);
    loop {
        let told = simulation.world.state().deeds.len();
        let end = simulation.now() + quiet;
        while simulation.step(end, &mut |_| {})? {}
        if simulation.world.state().deeds.len() == told {
            return Ok(Some(begin));
        }
    }
}

/// What happened, line by line: each event, and each new sentence of the status that no event tells. What comes next stands in the
/// lines that follow, so it is left out.
pub fn lines(simulation: &Simulation) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut status = CanaryStatus::default();
    let mut said: Option<Line> = None;
    for (at, deed) in &simulation.world.state().deeds {
        let line = |status: &CanaryStatus, event, told: &str| Line {
            at: *at,
            phase: status.phase,
            weight: status.canary_weight,
            event,
            reason: decided(told).to_owned(),
        };
        match deed {
            Deed::Status(after) => {
                lines.extend(said.take());
                let before = std::mem::replace(&mut status, after.as_ref().clone());
                let sentence = |status: &CanaryStatus| {
                    decided(status.last_decision.as_deref().unwrap_or_default()).to_owned()
                };
                let news = Some(sentence(&status)).filter(|told| *told != sentence(&before));
                said = news.map(|told| line(&status, None, &told));
            }
            Deed::Told(event) => {
                said = said.filter(|said| said.reason != decided(&event.message));
                lines.push(line(&status, Some(event.reason), &event.message));
            }
            Deed::Effect(_) | Deed::Asked(_) => {}
        }
    }
    lines.extend(said);
    lines
}

fn decided(told: &str) -> &str {
    rollout::parts(told).0
}
