//! A route that somebody else writes: our backends keep the weights that they had, and nothing else is touched.

use json_patch::PatchOperation;

use super::{Router, Rule, Weights, rule, shared};
use crate::api::{Canary, Object};

/// The edits of the new object by which its rules that lead to us have the weights of the old one: those on which all old rules
/// agree, or else those that stood at the same place, as long as there are no more and no fewer rules. A rule whose former weights
/// nobody can tell stays as it was written; the controller knows them.
pub fn held(router: &dyn Router, canary: &Canary, old: &Object, new: &Object) -> Vec<PatchOperation> {
    let before = router.rules(canary, old);
    let agreed = Some(rule::weights(&before, canary, false)).filter(|weights| *weights != Weights::FOREIGN);
    let rules = router.rules(canary, new);
    let kept = |place: &Rule| {
        let same = before.iter().find(|former| former.pointer == place.pointer);
        agreed.or_else(|| same.filter(|_| before.len() == rules.len())?.weights(canary))
    };
    // What the old rules led to is known to every proxy.
    let held =
        rules.iter().filter_map(|rule| Some(shared::split(router, canary, rule, new, kept(rule)?, true)));
    held.flatten().collect()
}
