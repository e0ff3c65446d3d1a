//! Canaries by a place that they have in common: a name, a host, an object.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::CanaryKey;

/// Canaries by place. One set of pairs: nearly every place has one Canary, and a set for each would be nearly empty and take
/// more memory than all else that is known of a Canary.
#[derive(Clone, Debug)]
pub(super) struct Index<P>(BTreeSet<(P, Arc<CanaryKey>)>);

impl<P> Default for Index<P> {
    fn default() -> Self {
        Index(BTreeSet::new())
    }
}

impl<P: Clone + Ord> Index<P> {
    /// A Canary has this place.
    pub(super) fn add(&mut self, place: P, key: &Arc<CanaryKey>) {
        self.0.insert((place, Arc::clone(key)));
    }

    /// A Canary has this place no more.
    pub(super) fn remove(&mut self, place: P, key: &Arc<CanaryKey>) {
        self.0.remove(&(place, Arc::clone(key)));
    }

    /// The Canaries that have this place, in order.
    pub(super) fn at(&self, place: &P) -> impl Iterator<Item = &CanaryKey> + use<'_, P> {
        let first = (place.clone(), Arc::new(CanaryKey::new("", "")));
        let place = place.clone();
        self.0.range(first..).take_while(move |(other, _)| *other == place).map(|(_, key)| key.as_ref())
    }

    /// Whether nobody has any place.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
