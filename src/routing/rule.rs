//! Rules of live objects: where the lists of backends stand, and the weights in them. A router tells the places; what they mean
//! is the same for all.

use super::{Weight, Weights};
use crate::api::Canary;

/// One list of weighted backends in a live object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// JSON pointer to the list.
    pub pointer: String,
    /// Its elements, in their order.
    pub backends: Vec<Backend>,
}

/// One backend of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The Service of the Canary's namespace that it means; none for anything else.
    pub service: Option<String>,
    /// Its weight, the kind's own default included; none for what is no weight.
    pub weight: Option<i64>,
}

/// What a rule is to a Canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It splits between the primary and the canary, each at its place. In an object of a user the apex, which means the primary
    /// too, may have a place beside them.
    Split { primary: usize, canary: usize, apex: Option<usize> },
    /// It leads to the apex Service alone, as before the Canary was there.
    Apex,
    /// It leads to us and to others: nobody can say what its weights would mean.
    Mixed,
    /// It is not about us.
    Foreign,
}

impl Rule {
    /// What it is to a Canary.
    pub(super) fn meaning(&self, canary: &Canary) -> Meaning {
        let places = |name: &str| -> Vec<usize> {
            let named = self.backends.iter().enumerate();
            named.filter(|(_, of)| of.service.as_deref() == Some(name)).map(|(place, _)| place).collect()
        };
        let apex = places(canary.apex_name());
        let (primaries, canaries) =
            (places(&canary.primary_service_name()), places(&canary.canary_service_name()));
        match (primaries.as_slice(), canaries.as_slice(), apex.as_slice(), self.backends.len()) {
            (&[primary], &[canary], [], 2) => Meaning::Split { primary, canary, apex: None },
            (&[primary], &[canary], &[apex], 3) => Meaning::Split { primary, canary, apex: Some(apex) },
            ([], [], [_], 1) => Meaning::Apex,
            // One of ours alone is somebody's own way to one version, for tests perhaps.
            ([], _, [], _) | (_, [], [], _) => Meaning::Foreign,
            _ => Meaning::Mixed,
        }
    }

    /// The weights of a split, each by itself: the one is never computed from the other, which would hide that somebody
    /// changed it. What the apex gets is the primary's.
    pub(super) fn weights(&self, canary: &Canary) -> Option<Weights> {
        let Meaning::Split { primary, canary, apex } = self.meaning(canary) else { return None };
        let weight = |place: usize| self.backends.get(place)?.weight;
        let by_apex = apex.map_or(Some(0), weight)?;
        let primary = weight(primary)?.checked_add(by_apex)?;
        Some(Weights {
            primary: Weight::try_from(primary).ok()?,
            canary: Weight::try_from(weight(canary)?).ok()?,
        })
    }
}

/// The weights on which all rules agree. In an object of ours every rule has to be a split; in one that others share the rules
/// that are not about us do not count. A rule that is anything else makes the route a foreign one.
pub(super) fn weights(rules: &[Rule], canary: &Canary, ours: bool) -> Weights {
    let counted = rules.iter().filter(|rule| ours || rule.meaning(canary) != Meaning::Foreign);
    let mut all = counted.map(|rule| rule.weights(canary));
    match all.next().flatten() {
        Some(weights) if all.all(|other| other == Some(weights)) => weights,
        _ => Weights::FOREIGN,
    }
}

/// The same, and where rules differ, as in an A/B run, the weights of the one that gives the canary most.
pub(super) fn largest(rules: &[Rule], canary: &Canary, ours: bool) -> Weights {
    let agreed = weights(rules, canary, ours);
    if agreed != Weights::FOREIGN {
        return agreed;
    }
    let counted = rules.iter().filter(|rule| ours || rule.meaning(canary) != Meaning::Foreign);
    let all: Option<Vec<Weights>> = counted.map(|rule| rule.weights(canary)).collect();
    all.into_iter().flatten().max_by_key(|weights| weights.canary).unwrap_or(Weights::FOREIGN)
}
