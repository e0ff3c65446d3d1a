//! When a run does what, at the earliest: as if every pod were ready, every gate open and every check passed at once.

use std::fmt;

use jiff::SignedDuration;

use super::{Next, Plan, Settings, interval, provider};
use crate::{
    api::Canary,
    routing::{self, Weight},
};

/// The steps of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// In order; the last one is the promotion.
    pub steps: Vec<Step>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time from the moment at which the canary's pods are ready.
    pub earliest: SignedDuration,
    /// What happens then.
    pub what: Act,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The canary gets a share of the traffic.
    Share(Weight),
    /// The canary gets copies of this share of the requests, and none of them.
    Copies(Weight),
    /// The canary is checked once more without traffic of users.
    Iteration {
        /// Which one, from 1.
        number: i32,
        /// How many there are.
        of: i32,
        /// The share of requests that are copied to the canary meanwhile.
        copied: Option<Weight>,
    },
    /// The canary is checked once more with the requests that `spec.analysis.match` chooses.
    Chosen {
        /// Which one, from 1.
        number: i32,
        /// How many there are.
        of: i32,
    },
    /// The primary gets the revision.
    Promotion {
        /// Whether checks come before it.
        analysed: bool,
    },
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Share(weight) => write!(f, "the canary gets {weight} %"),
            Act::Copies(weight) => write!(f, "the canary is tried with copies of {weight} % of the requests"),
            Act::Iteration { number, of, copied } => {
                write!(f, "iteration {number} of {of}, without traffic of users")?;
                copied.map_or(Ok(()), |copied| write!(f, ", with copies of {copied} % of the requests"))
            }
            Act::Chosen { number, of } => {
                write!(f, "iteration {number} of {of}, with the requests that spec.analysis.match chooses")
            }
            Act::Promotion { analysed: true } => {
                f.write_str("the primary gets the revision, then all traffic")
            }
            Act::Promotion { analysed: false } => {
                f.write_str("the primary gets the revision, then all traffic; nothing is analysed")
            }
        }
    }
}

impl Timeline {
    /// The timeline of a Canary's runs; none where its provider cannot be served.
    pub fn of(canary: &Canary, settings: &Settings) -> Option<Timeline> {
        let router = routing::router(provider(canary, settings))?;
        let mut steps = Vec::new();
        let mut time = SignedDuration::ZERO;
        let analysis = canary.spec.analysis.as_ref().filter(|_| !canary.spec.skip_analysis);
        if let Some(analysis) = analysis {
            let plan = Plan::of(analysis, routing::able(router, canary));
            let (mut index, mut share) = (0, Weight::ZERO);
            while let Next::Step { index: next, weight } = plan.next(index, share) {
                let what = match (&plan, plan.copies(next, weight)) {
                    (Plan::BlueGreen { iterations, .. }, copied) => {
                        Act::Iteration { number: next, of: *iterations, copied }
                    }
                    (Plan::Matched { iterations }, _) => Act::Chosen { number: next, of: *iterations },
                    (Plan::Weights { .. }, Some(copied)) => Act::Copies(copied),
                    (Plan::Weights { .. }, None) => Act::Share(weight),
                };
                steps.push(Step { earliest: time, what });
                (index, share, time) = (next, weight, time.saturating_add(interval(canary)));
            }
            let last = plan.promotion_weight(share);
            if last > share {
                steps.push(Step { earliest: time, what: Act::Share(last) });
            }
        }
        steps.push(Step { earliest: time, what: Act::Promotion { analysed: analysis.is_some() } });
        Some(Timeline { steps })
    }

    /// The shortest time of a run until its promotion, from the moment at which the canary's pods are ready.
    pub fn shortest(&self) -> SignedDuration {
        self.steps.last().map_or(SignedDuration::ZERO, |step| step.earliest)
    }
}
