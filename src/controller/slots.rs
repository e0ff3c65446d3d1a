//! How many rollouts go on at once: what changes for all, such as one ConfigMap of all apps, starts no storm.
//!
//! Whoever comes first goes first. A run that is under way is never held up, also if there are more of them than the bound
//! allows: the bound was lowered, or a term began with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::CanaryKey;

/// Most rollouts at once; none means no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// In all namespaces.
    pub all: Option<usize>,
    /// In one namespace.
    pub namespace: Option<usize>,
}

/// What a Canary does about rollouts after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// A rollout of it goes on.
    Runs,
    /// It waits for its turn.
    Queued,
    /// Neither.
    Rests,
}

/// The rollouts under way and those that wait for their turn.
#[derive(Debug)]
pub(super) struct Slots {
    bounds: Bounds,
    running: BTreeSet<CanaryKey>,
    /// In the order in which they came.
    waiting: Vec<CanaryKey>,
}

impl Slots {
    /// Slots of which some are taken.
    pub(super) fn new(bounds: Bounds, running: BTreeSet<CanaryKey>) -> Self {
        Slots { bounds, running, waiting: Vec::new() }
    }

    /// Takes a slot for a rollout that is about to start.
    ///
    /// # Errors
    /// It has to wait: the sentence says for what.
    pub(super) fn take(&mut self, key: &CanaryKey) -> Result<(), String> {
        if self.running.contains(key) {
            return Ok(());
        }
        if !self.waiting.contains(key) {
            self.waiting.push(key.clone());
        }
        if self.next().contains(key) {
            self.waiting.retain(|waiting| waiting != key);
            self.running.insert(key.clone());
            return Ok(());
        }
        Err(self.full(key))
    }

    /// Where a Canary stands after a look; returns those whose turn has come by that.
    pub(super) fn stands(&mut self, key: &CanaryKey, stand: Stand) -> BTreeSet<CanaryKey> {
        if stand == Stand::Queued {
            return BTreeSet::new();
        }
        let waited = self.waiting.iter().position(|waiting| waiting == key);
        waited.map(|place| self.waiting.remove(place));
        if stand == Stand::Runs {
            self.running.insert(key.clone());
            return BTreeSet::new();
        }
        // One that leaves the queue may have been woken for a turn that it does not take.
        if self.running.remove(key) || waited.is_some() { self.next() } else { BTreeSet::new() }
    }

    /// How many run and how many wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }

    /// Those who wait and may start now.
    fn next(&self) -> BTreeSet<CanaryKey> {
        let mut busy: BTreeMap<&str, usize> = BTreeMap::new();
        for key in &self.running {
            *busy.entry(&key.namespace).or_default() += 1;
        }
        let free = self.bounds.all.map_or(usize::MAX, |bound| bound.saturating_sub(self.running.len()));
        let fits = self.waiting.iter().filter(|key| {
            let here = busy.entry(&key.namespace).or_default();
            let fits = self.bounds.namespace.is_none_or(|bound| *here < bound);
            *here += usize::from(fits);
            fits
        });
        fits.take(free).cloned().collect()
    }

    /// Which bound is reached, and how many wait before this one for the same.
    fn full(&self, key: &CanaryKey) -> String {
        let here = |other: &&CanaryKey| other.namespace == key.namespace;
        let running = self.running.iter().filter(here).count();
        let before = self.waiting.iter().take_while(|waiting| *waiting != key);
        let (full, before) = match self.bounds.namespace {
            Some(bound) if running >= bound => (
                format!(
                    "{bound} rollouts run in namespace {} already, the most at once (--max-rollouts-per-namespace)",
                    key.namespace
                ),
                before.filter(here).count(),
            ),
            _ => {
                let bound = self.bounds.all.unwrap_or_default();
                (format!("{bound} rollouts run already, the most at once (--max-rollouts)"), before.count())
            }
        };
        match before {
            0 => full,
            1 => format!("{full}; 1 waits before it"),
            before => format!("{full}; {before} wait before it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(namespace: &str, name: &str) -> CanaryKey {
        CanaryKey::new(namespace, name)
    }

    fn slots(all: usize, namespace: usize) -> Slots {
        Slots::new(Bounds { all: Some(all), namespace: Some(namespace) }, BTreeSet::new())
    }

    #[test]
    fn whoever_comes_first_goes_first_when_a_run_has_ended() {
        let mut slots = slots(1, 9);
        let (a, b, c) = (key("n", "a"), key("n", "b"), key("n", "c"));
        assert_eq!(slots.take(&c), Ok(()));
        assert_eq!(
            slots.take(&b),
            Err("1 rollouts run already, the most at once (--max-rollouts)".to_owned())
        );
        assert_eq!(
            slots.take(&a),
            Err("1 rollouts run already, the most at once (--max-rollouts); 1 waits before it".to_owned())
        );
        assert_eq!(slots.stands(&b, Stand::Queued), BTreeSet::new());
        assert_eq!(slots.stands(&c, Stand::Rests), BTreeSet::from([b.clone()]));
        assert!(slots.take(&a).is_err(), "it is not its turn");
        assert_eq!(slots.take(&b), Ok(()));
    }

    #[test]
    fn a_full_namespace_holds_up_no_other_one() {
        let mut slots = slots(9, 1);
        assert_eq!(slots.take(&key("n", "a")), Ok(()));
        let refused = slots.take(&key("n", "b")).unwrap_err();
        assert!(
            refused.contains("namespace n") && refused.contains("--max-rollouts-per-namespace"),
            "{refused}"
        );
        assert_eq!(slots.take(&key("m", "a")), Ok(()));
        let refused = slots.take(&key("n", "c")).unwrap_err();
        assert!(
            refused.ends_with("; 1 waits before it"),
            "b does, and a of another namespace does not: {refused}"
        );
    }

    #[test]
    fn a_run_that_is_under_way_goes_on_whatever_the_bound_is() {
        let a = key("n", "a");
        let mut slots = Slots::new(Bounds { all: Some(0), namespace: None }, BTreeSet::from([a.clone()]));
        assert_eq!(slots.take(&a), Ok(()));
        assert!(slots.take(&key("n", "b")).is_err());
        slots.stands(&key("n", "c"), Stand::Runs);
        assert_eq!(slots.counts(), (2, 1));
    }

    #[test]
    fn a_turn_that_nobody_takes_goes_to_the_next() {
        let mut slots = slots(1, 1);
        let (a, b, c) = (key("n", "a"), key("n", "b"), key("n", "c"));
        assert_eq!(slots.take(&a), Ok(()));
        assert!(slots.take(&b).is_err() && slots.take(&c).is_err());
        assert_eq!(slots.stands(&a, Stand::Rests), BTreeSet::from([b.clone()]));
        // Woken, it has nothing to release any more.
        assert_eq!(slots.stands(&b, Stand::Rests), BTreeSet::from([c.clone()]));
        assert_eq!(slots.take(&c), Ok(()));
    }

    #[test]
    fn who_no_longer_wants_to_start_leaves_the_queue() {
        let mut slots = slots(1, 1);
        assert_eq!(slots.take(&key("n", "a")), Ok(()));
        assert!(slots.take(&key("n", "b")).is_err());
        slots.stands(&key("n", "b"), Stand::Rests);
        assert_eq!(slots.stands(&key("n", "a"), Stand::Rests), BTreeSet::new());
    }

    proptest! {
        /// Two hundred Canaries that share a config: never more than the bounds, and each has its turn.
        #[test]
        fn a_storm_is_worked_off_within_the_bounds(all in 1..9_usize, namespace in 1..5_usize, ends in prop::collection::vec(any::<prop::sample::Index>(), 400)) {
            let mut slots = slots(all, namespace);
            let keys: Vec<_> = (0..200).map(|n| key(&format!("n{}", n % 7), &n.to_string())).collect();
            let mut started = BTreeSet::new();
            for key in &keys {
                if slots.take(key).is_ok() {
                    started.insert(key.clone());
                }
            }
            for end in ends {
                let running: Vec<_> = slots.running.iter().cloned().collect();
                if running.is_empty() {
                    break;
                }
                prop_assert!(running.len() <= all);
                for space in 0..7 {
                    let here = running.iter().filter(|key| key.namespace == format!("n{space}")).count();
                    prop_assert!(here <= namespace);
                }
                for next in slots.stands(end.get(&running), Stand::Rests) {
                    prop_assert_eq!(slots.take(&next), Ok(()));
                    started.insert(next);
                }
            }
            prop_assert_eq!(started.len(), keys.len());
        }
    }
}
