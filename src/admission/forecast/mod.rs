//! What a dry run is told beside the verdict: whether a rollout starts, its steps and shortest time, the pods that it needs.
//!
//! Only here the write of a workload leads to look-ups, for nothing is going to be stored and nobody waits on a hot path. What
//! cannot be looked up is left out: a forecast never refuses.

mod canary;
mod target;
mod words;

pub(super) use canary::foresee as of_canary;
pub(super) use target::{foresee as of_target, needs};

use super::Verdict;

/// The beginning of each sentence.
const PLAN: &str = "Plan: ";

/// Puts the plan before what else is told.
fn tell(verdict: &mut Verdict, plan: Vec<String>) {
    let plan = plan.into_iter().map(|sentence| format!("{PLAN}{sentence}"));
    let rest = std::mem::take(&mut verdict.notices);
    verdict.notices = plan.chain(rest).collect();
}
