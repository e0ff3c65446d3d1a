//! The rules of `docs/invariants.md` as code. A rule is a file and a line in [`all`].

mod alone;
mod capacity;
mod checks;
mod chosen;
mod configs;
mod converges;
mod cookies;
mod copies;
mod explains;
mod farewell;
mod foreign;
mod gates;
mod handed;
mod interval;
mod judged;
mod moved;
mod places;
mod pods;
mod route;
mod serves;
mod settle;
mod snapshot;
mod steps;
mod unhindered;

use jiff::Timestamp;

use super::moment::{Course, Moment};
use crate::simulation::Memory;

/// What must hold: after each look, and at the end of a rollout that nothing disturbs any more.
pub(super) trait Invariant {
    /// Its name in one word.
    fn name(&self) -> &'static str;

    /// Whether it holds after a look; the error says what does not.
    fn look(&mut self, _moment: &Moment<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Whether it holds at the end.
    fn end(&self, _end: &End<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// The world once all has had its time.
pub(super) struct End<'a> {
    pub(super) case: &'a super::case::Case,
    pub(super) now: Timestamp,
    pub(super) memory: &'a Memory,
    pub(super) course: &'a Course,
}

impl End<'_> {
    /// Whether the Canary is gone, or deleted and on its way.
    pub(super) fn leaves(&self) -> bool {
        let canary = self.memory.get(&super::canary());
        canary.is_none_or(|canary| !canary["metadata"]["deletionTimestamp"].is_null())
    }
}

/// Those that are watched, fresh for a rollout.
pub(super) fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(pods::Pods),
        Box::new(route::Route),
        Box::<steps::Steps>::default(),
        Box::<interval::Interval>::default(),
        Box::new(checks::Checks),
        Box::<gates::Gates>::default(),
        Box::new(judged::Judged),
        Box::new(snapshot::Kept),
        Box::<configs::Configs>::default(),
        Box::<settle::Settle>::default(),
        Box::<handed::Handed>::default(),
        Box::<capacity::Capacity>::default(),
        Box::new(unhindered::Unhindered),
        Box::new(alone::Alone),
        Box::new(moved::Moved),
        Box::<places::Places>::default(),
        Box::<serves::Serves>::default(),
        Box::<chosen::Chosen>::default(),
        Box::new(copies::Copies),
        Box::<cookies::Cookies>::default(),
        Box::<foreign::Foreign>::default(),
        Box::new(explains::Explains),
        Box::new(converges::Converges),
        Box::<farewell::Farewell>::default(),
    ]
}

/// Rules that whoever plays a rollout asks for itself.
#[cfg(test)]
pub(super) const OF_THE_PLAYERS: [&str; 5] =
    ["idle-is-free", "only-on-difference", "comes-to-rest", "no-panic", "one-leader"];

/// A status in a few words, for messages.
pub(super) fn words(status: &crate::api::CanaryStatus) -> String {
    format!(
        "{} at step {} with {} %, revision {}",
        status.phase.as_str(),
        status.step_index,
        status.canary_weight,
        status.last_applied_spec.as_deref().unwrap_or("none")
    )
}
