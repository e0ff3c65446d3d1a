//! Shares of traffic.

use std::fmt;

/// A share of traffic in percent, 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u8);

/// A number that is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a share of traffic: weights go from 0 to 100")]
pub struct WeightError(pub i64);

impl Weight {
    /// Nothing.
    pub const ZERO: Weight = Weight(0);
    /// Everything.
    pub const FULL: Weight = Weight(100);

    /// The percentage.
    pub fn get(self) -> u8 {
        self.0
    }

    /// What the other side gets.
    pub fn rest(self) -> Weight {
        Weight(100 - self.0)
    }
}

impl TryFrom<i64> for Weight {
    type Error = WeightError;

    fn try_from(percent: i64) -> Result<Self, WeightError> {
        u8::try_from(percent).ok().filter(|percent| *percent <= 100).map(Weight).ok_or(WeightError(percent))
    }
}

impl From<Weight> for i32 {
    fn from(weight: Weight) -> i32 {
        weight.0.into()
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The shares of primary and canary. Those that we wish sum to 100; those read from a route may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weights {
    /// The primary's share.
    pub primary: Weight,
    /// The canary's share.
    pub canary: Weight,
}

impl Weights {
    /// Everything to the primary.
    pub const TO_PRIMARY: Weights = Weights { primary: Weight::FULL, canary: Weight::ZERO };
    /// What is read from a route that does not split between primary and canary alone. It equals no wish, so that such a route
    /// is written anew.
    pub const FOREIGN: Weights = Weights { primary: Weight::ZERO, canary: Weight::ZERO };

    /// This share to the canary, the rest to the primary.
    pub fn of_canary(canary: Weight) -> Weights {
        Weights { primary: canary.rest(), canary }
    }
}

impl fmt::Display for Weights {
    /// `90/10`: primary, then canary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.primary, self.canary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn wished_weights_sum_to_100_and_never_equal_a_foreign_route(percent in 0..=100i64) {
            let weights = Weights::of_canary(Weight::try_from(percent).unwrap());
            prop_assert_eq!(weights.primary.get() + weights.canary.get(), 100);
            prop_assert_eq!(i64::from(weights.canary.get()), percent);
            prop_assert_ne!(weights, Weights::FOREIGN);
        }

        #[test]
        fn what_is_no_percentage_is_no_weight(percent in prop_oneof![i64::MIN..0, 101..i64::MAX]) {
            prop_assert_eq!(Weight::try_from(percent), Err(WeightError(percent)));
        }
    }

    #[test]
    fn weights_print_as_primary_and_canary() {
        assert_eq!(Weights::of_canary(Weight(10)).to_string(), "90/10");
    }
}
