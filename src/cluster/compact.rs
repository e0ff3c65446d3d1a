//! Sets of few members in one allocation of their very size. A `BTreeSet` has room for eleven members from its first one on, and most
//! sets around a watched object have one or two: of a thousand Canaries that room was most of the memory.

use std::{borrow::Borrow, slice};

/// A sorted set for which adding and taking away may copy all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Few<T>(Box<[T]>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Few(Box::default())
    }
}

impl<T: Ord> Few<T> {
    /// Adds a member that may be there already.
    pub(super) fn insert(&mut self, member: T) {
        let Err(at) = self.0.binary_search(&member) else { return };
        let mut members = std::mem::take(&mut self.0).into_vec();
        members.reserve_exact(1);
        members.insert(at, member);
        self.0 = members.into();
    }

    /// Takes a member away that may not be there.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, member: &Q)
    where
        T: Borrow<Q>,
    {
        let Ok(at) = self.0.binary_search_by(|known| known.borrow().cmp(member)) else { return };
        let mut members = std::mem::take(&mut self.0).into_vec();
        members.remove(at);
        self.0 = members.into();
    }
}

impl<T> Few<T> {
    /// Whether it has no members.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its members, in their order.
    pub(super) fn iter(&self) -> slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut members: Vec<T> = members.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        Few(members.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn few_are_a_set(steps in proptest::collection::vec((any::<bool>(), 0u8..8), 0..40)) {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            for (add, member) in steps {
                if add {
                    few.insert(member);
                    set.insert(member);
                } else {
                    few.remove(&member);
                    set.remove(&member);
                }
                prop_assert!(few.iter().eq(set.iter()));
                prop_assert_eq!(few.is_empty(), set.is_empty());
            }
            prop_assert_eq!(few, set.into_iter().rev().collect());
        }
    }
}
