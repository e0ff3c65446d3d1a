//! Searches for broken rules: rollouts drawn from seeds, with faults at every boundary, each watched after every look.

mod case;
mod decision;
mod desk;
mod gate;
mod hands;
mod happening;
mod invariant;
mod moment;
mod planned;
mod rare;
mod shrink;
mod subject;
#[cfg(test)]
mod tests;
mod watch;
mod whole;
mod world;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use jiff::SignedDuration;

use crate::api::{CanaryKey, ObjectRef, Phase};
use case::Case;
pub use happening::Group;
use happening::Happening;
use subject::{NAME, NAMESPACE};

/// How much of the product plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The decision alone.
    Decision,
    /// The decision and its execution, against an API server and watches with faults.
    Whole,
}

impl Depth {
    fn play(self, case: &Case) -> Played {
        match self {
            Depth::Decision => decision::play(case),
            Depth::Whole => whole::play(case),
        }
    }
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much of the product plays.
    pub depth: Depth,
    /// How many rollouts.
    pub rollouts: u64,
    /// The first one's seed; the others follow on it.
    pub seed: u64,
    /// What may happen.
    pub groups: Vec<Group>,
    /// How many rollouts run at a time.
    pub threads: usize,
    /// Whether all rollouts are played although one broke a rule.
    pub keep_going: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// How many rollouts were played.
    pub rollouts: u64,
    /// How they ended, by phase.
    pub ends: BTreeMap<&'static str, u64>,
    /// The rules that were broken, each by the rollout with the lowest seed that did, in the order of seeds.
    pub violations: Vec<Violation>,
}

/// A broken rule.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed that replays it.
    pub seed: u64,
    /// The rule's name, as in `docs/invariants.md`.
    pub invariant: &'static str,
    /// Seconds since the beginning of the world.
    pub at: f64,
    /// What is wrong.
    pub told: String,
    /// The rollout, without what is not needed for the violation.
    pub trace: Vec<String>,
    /// What people were told in it.
    pub timeline: Vec<String>,
}

/// Plays rollouts until all are played, or until one breaks a rule.
pub fn search(options: &Options) -> Report {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let report = Mutex::new(Report { rollouts: 0, ends: BTreeMap::new(), violations: Vec::new() });
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= options.rollouts {
                return;
            }
            let case = Case::draw(options.seed.wrapping_add(number), &options.groups);
            let played = options.depth.play(&case);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.rollouts += 1;
            match played {
                Ok(end) => *report.ends.entry(end.as_str()).or_default() += 1,
                Err(found) => {
                    stop.store(!options.keep_going, Ordering::Relaxed);
                    report.broken(*found);
                }
            }
        }
    };
    thread::scope(|scope| {
        (0..options.threads.max(1)).for_each(|_| drop(scope.spawn(worker)));
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.violations.sort_by_key(|found| found.seed);
    report.violations.iter_mut().for_each(|found| *found = shrink::shrink(found, options));
    report
}

impl Report {
    fn broken(&mut self, found: Violation) {
        match self.violations.iter_mut().find(|known| known.invariant == found.invariant) {
            Some(known) if known.seed <= found.seed => {}
            Some(known) => *known = found,
            None => self.violations.push(found),
        }
    }
}

/// When each happening begins and ends, in order.
fn schedule(happenings: &[Happening]) -> Vec<(i64, usize, bool)> {
    let mut instants: Vec<(i64, usize, bool)> = happenings
        .iter()
        .enumerate()
        .flat_map(|(index, h)| [(h.at, index, true), (h.at + h.lasts, index, false)])
        .collect();
    instants.sort();
    instants
}

/// How long the first primary may take, also if leaders die meanwhile; then the revision is released.
const RELEASE: SignedDuration = SignedDuration::from_secs(180);

/// The Canary of every rollout.
fn canary() -> ObjectRef {
    super::canary_ref(&CanaryKey::new(NAMESPACE, NAME))
}

/// How a rollout ended, or the rule that it broke.
type Played = Result<Phase, Box<Violation>>;
