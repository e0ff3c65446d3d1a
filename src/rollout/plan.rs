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
    },
    /// Keep live traffic away, check a number of times, then switch.
    BlueGreen {
        /// How many checks, at least 1.
        iterations: i32,
        /// Whether all traffic goes to the canary while the primary is replaced.
        switches: bool,
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
        let iterations = analysis.iterations.unwrap_or(0);
        if iterations > 0 || !capabilities.weights {
            let iterations = if iterations > 0 { iterations } else { DEFAULT_ITERATIONS };
            return Plan::BlueGreen { iterations, switches: capabilities.weights };
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
        Plan::Weights { steps }
    }

    /// The highest weight that the plan ever asks for before promotion.
    pub fn limit(&self) -> Weight {
        match self {
            Plan::Weights { steps } => steps.last().copied().unwrap_or(Weight::ZERO),
            Plan::BlueGreen { .. } => Weight::ZERO,
        }
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        match self {
            Plan::Weights { steps } => steps.len(),
            Plan::BlueGreen { iterations, .. } => usize::try_from(*iterations).unwrap_or(0),
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
            Plan::Weights { steps } => steps
                .iter()
                .enumerate()
                .find(|(_, step)| **step > weight)
                .and_then(|(at, step)| Some(Next::Step { index: i32::try_from(at).ok()? + 1, weight: *step }))
                .unwrap_or(Next::Promote),
            Plan::BlueGreen { iterations, .. } if index < *iterations => {
                Next::Step { index: index + 1, weight: Weight::ZERO }
            }
            Plan::BlueGreen { .. } => Next::Promote,
        }
    }

    /// The canary's share while the primary is replaced, after a run that ended at `weight`.
    pub fn promotion_weight(&self, weight: Weight) -> Weight {
        match self {
            Plan::BlueGreen { switches: true, .. } => Weight::FULL,
            _ => weight,
        }
    }
}
