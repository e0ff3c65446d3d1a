//! Why nobody may act on a stored Canary: the gate's own rules, asked again, for the gate may have been away.

use crate::{
    admission::{Catalog, Lookup, Lookups, standing},
    api::{Canary, Live, Object},
    rollout::Settings,
};

/// The problems of a stored Canary that refuse, a sentence each.
pub(super) fn standing(
    object: &Object,
    canary: &Canary,
    catalog: &Catalog,
    settings: &Settings,
    live: &Live,
) -> Vec<String> {
    let lookups: Lookups = standing::needs(canary, settings)
        .into_iter()
        .map(|reference| {
            let found = live.get(&reference).map_or(Lookup::Missing, |object| Lookup::Found(object.clone()));
            (reference, found)
        })
        .collect();
    standing::problems(object, canary, catalog, settings, &lookups).iter().map(ToString::to_string).collect()
}
