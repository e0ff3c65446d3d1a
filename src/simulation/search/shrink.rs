//! Leaves out of a rollout that breaks a rule whatever is not needed for it.

use super::{Options, Violation, case::Case};

/// The same violation, with as little as it takes.
pub(super) fn shrink(found: &Violation, options: &Options) -> Violation {
    let mut case = Case::draw(found.seed, &options.groups);
    let mut smallest = found.clone();
    let mut attempt = |case: &mut Case, less: Case| {
        if let Err(again) = options.depth.play(&less)
            && again.invariant == found.invariant
        {
            *case = less;
            smallest = *again;
        }
    };
    let quiet = Case { calls: Default::default(), ..case.clone() };
    attempt(&mut case, quiet);
    for call in case.calls.keys().copied().collect::<Vec<_>>() {
        let mut less = case.clone();
        less.calls.remove(&call);
        attempt(&mut case, less);
    }
    for index in (0..case.happenings.len()).rev() {
        let mut less = case.clone();
        less.happenings.remove(index);
        attempt(&mut case, less);
    }
    smallest
}
