//! The steps of a run: which share of traffic the canary gets, one after the other.

use crate::{
    api::Analysis,
    routing::{Capabilities, Weight},
};

/// Iterations of a Canary whose router cannot split traffic and that names none; the peer's number.
const DEFAULT_ITERATIONS: i32 = 10;

/// How a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Raise the weight step by step.
    Weights {
        /// Strictly increasing, each in 1..=100.
        steps: Vec<Weight>,
        /// The share of requests that a step before these copies to the canary.
        mirror: Option<Weight>,
    },
    /// Give the canary the requests that `spec.analysis.match` chooses, and check a number of times.
    Matched {
        /// How many checks, at least 1.
        iterations: i32,
    },
    /// Keep live traffic away, check a number of times, then switch.
    BlueGreen {
        /// How many checks, at least 1.
        iterations: i32,
        /// Whether all traffic goes to the canary while the primary is replaced.
        switches: bool,
        /// The share of requests that are copied to the canary meanwhile.
        mirror: Option<Weight>,
    },
}

/// What comes after a passed check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Step number `index` (from 1) with this weight.
    Step {
        /// How many steps have begun when this one has.
        index: i32,
        /// The canary's share while it lasts.
        weight: Weight,
    },
    /// Nothing is left to check.
    Promote,
}

impl Plan {
    /// The plan of an analysis on a router with these capabilities. Steps that can never be taken (the gate refuses
    /// them) are left out, so that every plan ends.
    pub fn of(analysis: &Analysis, capabilities: Capabilities) -> Plan {
        // No share, or none that there could be, is all of them.
        let copied = Weight::try_from(i64::from(analysis.mirror_weight.unwrap_or(0))).unwrap_or(Weight::ZERO);
        let copied = if copied > Weight::ZERO { copied } else { Weight::FULL };
        let mirror = (analysis.mirror && capabilities.mirror).then_some(copied);
        let iterations = analysis.iterations.unwrap_or(0);
        if iterations > 0 && !analysis.matches.is_empty() && !capabilities.matching.is_empty() {
            return Plan::Matched { iterations };
        }
        if iterations > 0 || !capabilities.weights {
            let iterations = if iterations > 0 { iterations } else { DEFAULT_ITERATIONS };
            return Plan::BlueGreen { iterations, switches: capabilities.weights, mirror };
        }
        let limit = match analysis.max_weight {
            Some(limit) if (1..=100).contains(&limit) => limit,
            _ => 100,
        };
        let step = analysis.step_weight.unwrap_or(0);
        let wished: Vec<i32> = match analysis.step_weights.as_slice() {
            steps if step <= 0 => steps.iter().map(|step| (*step).min(100)).collect(),
            _ => (1..).map(|n| step.saturating_mul(n)).take_while(|w| *w < limit).chain([limit]).collect(),
        };
        let mut steps: Vec<Weight> = Vec::new();
        for weight in wished.into_iter().filter_map(|w| Weight::try_from(i64::from(w)).ok()) {
            if weight > steps.last().copied().unwrap_or(Weight::ZERO) {
                steps.push(weight);
            }
        }
        Plan::Weights { steps, mirror }
    }

    /// The highest weight that the plan ever asks for before promotion.
    pub fn limit(&self) -> Weight {
        match self {
            Plan::Weights { steps, .. } => steps.last().copied().unwrap_or(Weight::ZERO),
            Plan::Matched { .. } => Weight::FULL,
            Plan::BlueGreen { .. } => Weight::ZERO,
        }
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        match self {
            Plan::Weights { steps, mirror } if !steps.is_empty() => {
                steps.len() + usize::from(mirror.is_some())
            }
            Plan::Weights { .. } => 0,
            Plan::Matched { iterations } | Plan::BlueGreen { iterations, .. } => {
                usize::try_from(*iterations).unwrap_or(0)
            }
        }
    }

    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What follows on the step `index` (0: none has begun) at `weight`. Found by weight, not by index, so that a plan
    /// edited in mid-run never makes the share jump: the next weight is the smallest planned one above the present.
    pub fn next(&self, index: i32, weight: Weight) -> Next {
        match self {
            Plan::Weights { mirror: Some(_), .. } if index == 0 && weight == Weight::ZERO => {
                Next::Step { index: 1, weight: Weight::ZERO }
            }
            Plan::Weights { steps, mirror } => steps
                .iter()
                .zip(1 + i32::from(mirror.is_some())..)
                .find(|(step, _)| **step > weight)
                .map_or(Next::Promote, |(step, index)| Next::Step { index, weight: *step }),
            Plan::Matched { iterations } if index < *iterations => {
                Next::Step { index: index + 1, weight: Weight::FULL }
            }
            Plan::BlueGreen { iterations, .. } if index < *iterations => {
                Next::Step { index: index + 1, weight: Weight::ZERO }
            }
            Plan::Matched { .. } | Plan::BlueGreen { .. } => Next::Promote,
        }
    }

    /// How many steps have begun where a canary has a share already; none without one, or with less than the first step gives.
    pub fn begun(&self, weight: Weight) -> i32 {
        let begun = match self {
            _ if weight == Weight::ZERO => return 0,
            Plan::Weights { steps, mirror } => {
                steps.iter().filter(|step| **step <= weight).count() + usize::from(mirror.is_some())
            }
            Plan::Matched { .. } | Plan::BlueGreen { .. } => 1,
        };
        i32::try_from(begun).unwrap_or(i32::MAX)
    }

    /// The share of requests that are copied to the canary on the step `index` at `weight`: only those of a canary that
    /// gets none.
    pub fn copies(&self, index: i32, weight: Weight) -> Option<Weight> {
        let (Plan::Weights { mirror, .. } | Plan::BlueGreen { mirror, .. }) = self else { return None };
        mirror.filter(|_| index > 0 && weight == Weight::ZERO)
    }

    /// How many checks it makes, if it counts them.
    pub fn iterations(&self) -> Option<i32> {
        match self {
            Plan::Weights { .. } => None,
            Plan::Matched { iterations } | Plan::BlueGreen { iterations, .. } => Some(*iterations),
        }
    }

    /// Whether all users are led to the canary before the primary is replaced.
    pub fn switches(&self) -> bool {
        matches!(self, Plan::BlueGreen { switches: true, .. })
    }

    /// The canary's share while the primary is replaced, after a run that ended at `weight`.
    pub fn promotion_weight(&self, weight: Weight) -> Weight {
        if self.switches() { Weight::FULL } else { weight }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn plan(analysis: Value, weights: bool) -> Plan {
        let analysis: Analysis = serde_json::from_value(analysis).unwrap();
        Plan::of(&analysis, Capabilities { weights, mirror: weights, ..Capabilities::default() })
    }

    fn weight(percent: i64) -> Weight {
        Weight::try_from(percent).unwrap()
    }

    #[rstest]
    // The peer goes to 60 here, above the maximum.
    #[case::the_maximum_is_the_last_step(json!({"stepWeight": 20, "maxWeight": 50}), &[20, 40, 50])]
    #[case::a_step_that_meets_the_maximum(json!({"stepWeight": 25, "maxWeight": 50}), &[25, 50])]
    #[case::a_maximum_below_the_first_step(json!({"stepWeight": 20, "maxWeight": 5}), &[5])]
    #[case::no_maximum_is_all(json!({"stepWeight": 40}), &[40, 80, 100])]
    #[case::a_maximum_of_none_is_all(json!({"stepWeight": 50, "maxWeight": 0}), &[50, 100])]
    #[case::a_maximum_above_all_is_all(json!({"stepWeight": 60, "maxWeight": 150}), &[60, 100])]
    #[case::a_step_above_all_is_all(json!({"stepWeight": 150}), &[100])]
    #[case::listed(json!({"stepWeights": [1, 2, 10, 80]}), &[1, 2, 10, 80])]
    #[case::a_listed_step_above_all_is_all(json!({"stepWeights": [1, 2, 10, 200]}), &[1, 2, 10, 100])]
    #[case::listed_and_no_maximum(json!({"stepWeights": [10, 60], "maxWeight": 50}), &[10, 60])]
    #[case::one_step_wins_over_a_list(json!({"stepWeight": 50, "stepWeights": [1]}), &[50, 100])]
    #[case::s1_a_step_that_repeats_is_left_out(json!({"stepWeights": [10, 10, 50]}), &[10, 50])]
    #[case::s1_a_step_that_falls_is_left_out(json!({"stepWeights": [50, 20, 80]}), &[50, 80])]
    #[case::a_step_below_nothing_is_left_out(json!({"stepWeights": [-5, 0, 7]}), &[7])]
    #[case::a_negative_step_is_none(json!({"stepWeight": -10}), &[])]
    #[case::nothing(json!({}), &[])]
    fn steps_rise_to_the_maximum_and_never_above(#[case] analysis: Value, #[case] expected: &[i64]) {
        let steps = expected.iter().copied().map(weight).collect();
        assert_eq!(plan(analysis, true), Plan::Weights { steps, mirror: None });
    }

    #[rstest]
    #[case::where_it_is_wished(json!({"iterations": 3}), true, 3, true)]
    #[case::even_with_steps(json!({"iterations": 3, "stepWeight": 10}), true, 3, true)]
    #[case::without_a_split(json!({"iterations": 3}), false, 3, false)]
    #[case::the_peers_ten_where_steps_cannot_be(json!({"stepWeight": 10}), false, 10, false)]
    fn iterations_keep_traffic_away(
        #[case] analysis: Value,
        #[case] weights: bool,
        #[case] iterations: i32,
        #[case] switches: bool,
    ) {
        let plan = plan(analysis, weights);
        assert_eq!(plan, Plan::BlueGreen { iterations, switches, mirror: None });
        assert_eq!(plan.limit(), Weight::ZERO);
        let switched = if switches { Weight::FULL } else { Weight::ZERO };
        assert_eq!(plan.promotion_weight(Weight::ZERO), switched);
        let step = |index| Next::Step { index, weight: Weight::ZERO };
        assert_eq!(plan.next(0, Weight::ZERO), step(1));
        assert_eq!(plan.next(iterations - 1, Weight::ZERO), step(iterations));
        assert_eq!(plan.next(iterations, Weight::ZERO), Next::Promote);
    }

    #[rstest]
    #[case::all_by_default(json!({}), 100)]
    #[case::all_for_nothing(json!({"mirrorWeight": 0}), 100)]
    #[case::a_share(json!({"mirrorWeight": 30}), 30)]
    fn w_rt_4_copies_of_requests_come_before_the_first_step_once(#[case] more: Value, #[case] copied: i64) {
        let mut analysis = json!({"stepWeights": [10, 20], "mirror": true});
        json_patch::merge(&mut analysis, &more);
        let plan = plan(analysis, true);
        assert_eq!(plan.len(), 3);
        assert_eq!(plan.next(0, Weight::ZERO), Next::Step { index: 1, weight: Weight::ZERO });
        assert_eq!(plan.copies(1, Weight::ZERO), Some(weight(copied)));
        assert_eq!(plan.next(1, Weight::ZERO), Next::Step { index: 2, weight: weight(10) });
        assert_eq!(plan.copies(2, weight(10)), None);
        assert_eq!(plan.next(3, weight(20)), Next::Promote);
    }

    #[test]
    fn iterations_are_mirrored_all_along_where_the_router_can() {
        let analysis = json!({"iterations": 2, "mirror": true, "mirrorWeight": 40});
        let mirrored = plan(analysis.clone(), true);
        assert_eq!(mirrored.copies(0, Weight::ZERO), None, "no pod was ready yet");
        assert_eq!(mirrored.copies(2, Weight::ZERO), Some(weight(40)));
        assert_eq!(mirrored.copies(2, Weight::FULL), None, "all traffic is there already");
        assert_eq!(plan(analysis, false).copies(1, Weight::ZERO), None);
    }

    #[rstest]
    #[case::begins(0, Some((1, 10)))]
    #[case::goes_on(10, Some((2, 20)))]
    #[case::s2_between_two_steps(15, Some((2, 20)))]
    #[case::ends(50, None)]
    #[case::s2_above_all_steps(70, None)]
    fn the_next_step_is_the_smallest_above(#[case] present: i64, #[case] expected: Option<(i32, i64)>) {
        let plan = plan(json!({"stepWeights": [10, 20, 50]}), true);
        let next = expected.map_or(Next::Promote, |(index, to)| Next::Step { index, weight: weight(to) });
        // Whatever the index says: it may be of a plan that was edited since.
        assert!((0..9).all(|index| plan.next(index, weight(present)) == next));
    }

    #[rstest]
    #[case::none(json!({"stepWeights": [10, 20]}), 0, 0)]
    #[case::on_a_step(json!({"stepWeights": [10, 20]}), 20, 2)]
    #[case::between_two(json!({"stepWeights": [10, 20]}), 15, 1)]
    #[case::below_all(json!({"stepWeights": [10, 20]}), 5, 0)]
    #[case::below_all_behind_copies(json!({"stepWeights": [10, 20], "mirror": true}), 5, 1)]
    #[case::behind_copies(json!({"stepWeights": [10, 20], "mirror": true}), 10, 2)]
    #[case::iterations(json!({"iterations": 3}), 100, 1)]
    fn a_share_that_is_kept_stands_on_the_step_that_gives_it(
        #[case] analysis: Value,
        #[case] share: i64,
        #[case] begun: i32,
    ) {
        assert_eq!(plan(analysis, true).begun(weight(share)), begun);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_plan_ends_by_rising_steps(
            step in -20..200i32,
            maximum in -20..200i32,
            listed in prop::collection::vec(-20..200i32, 0..8),
        ) {
            let plan = plan(json!({"stepWeight": step, "maxWeight": maximum, "stepWeights": listed}), true);
            let (mut index, mut share, mut taken) = (0, Weight::ZERO, 0);
            while let Next::Step { index: next, weight } = plan.next(index, share) {
                prop_assert!(weight > share && weight <= plan.limit());
                (index, share, taken) = (next, weight, taken + 1);
                prop_assert_eq!(index, taken);
            }
            prop_assert_eq!(usize::try_from(taken).unwrap(), plan.len());
        }
    }
}
