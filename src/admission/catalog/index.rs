//! Canaries by a place that they have in common: a name, a host, an object.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::CanaryKey;

/// Canaries by place; a place that nobody has takes no memory.
#[derive(Clone, Debug)]
pub(super) struct Index<P>(BTreeMap<P, BTreeSet<CanaryKey>>);

impl<P> Default for Index<P> {
    fn default() -> Self {
        Index(BTreeMap::new())
    }
}

impl<P: Ord> Index<P> {
    /// A Canary has this place.
    pub(super) fn add(&mut self, place: P, key: &CanaryKey) {
        self.0.entry(place).or_default().insert(key.clone());
    }

    /// A Canary has this place no more.
    pub(super) fn remove(&mut self, place: &P, key: &CanaryKey) {
        if let Some(keys) = self.0.get_mut(place) {
            keys.remove(key);
            if keys.is_empty() {
                self.0.remove(place);
            }
        }
    }

    /// The Canaries that have this place, in order.
    pub(super) fn at(&self, place: &P) -> impl Iterator<Item = &CanaryKey> + use<'_, P> {
        self.0.get(place).into_iter().flatten()
    }

    /// Whether nobody has any place.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
