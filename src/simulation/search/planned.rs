//! The plan of a run as the documents have it, worked out without the product's own code: what is searched for bugs cannot be
//! the measure.

use crate::{api::Analysis, routing::Capabilities};

/// What a run consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// Rising shares, and whether requests are copied to the canary first.
    Shares(Vec<i32>, bool),
    /// Checks while the canary has the requests that are chosen.
    Chosen(i32),
    /// Checks without traffic.
    Iterations {
        count: i32,
        /// Whether all traffic follows on them.
        switches: bool,
        /// Whether requests are copied to the canary meanwhile.
        copies: bool,
    },
}

impl Planned {
    /// The plan of an analysis on a router with these capabilities.
    pub(super) fn of(analysis: &Analysis, able: Capabilities) -> Self {
        let (switches, copies) = (able.weights, analysis.mirror && able.mirror);
        match analysis.iterations {
            Some(count) if count > 0 && !analysis.matches.is_empty() && !able.matching.is_empty() => {
                return Planned::Chosen(count);
            }
            Some(count) if count > 0 => return Planned::Iterations { count, switches, copies },
            _ if !able.weights => return Planned::Iterations { count: 10, switches, copies },
            _ => {}
        }
        let most = analysis.max_weight.filter(|most| (1..=100).contains(most)).unwrap_or(100);
        let mut shares = match analysis.step_weight {
            Some(step) if step > 0 => {
                let mut shares: Vec<i32> =
                    (1..=100).map(|n| n * step).filter(|share| *share < most).collect();
                shares.push(most);
                shares
            }
            _ => analysis.step_weights.clone(),
        };
        let mut last = 0;
        shares.retain(|share| {
            let rises = *share > last;
            last = last.max(*share);
            rises
        });
        Planned::Shares(shares, copies)
    }

    /// The share that follows on the step of this number and share; none if the run is over.
    pub(super) fn next(&self, index: i32, share: i32) -> Option<i32> {
        match self {
            Planned::Shares(_, true) if index == 0 && share == 0 => Some(0),
            Planned::Shares(shares, _) => shares.iter().copied().find(|step| *step > share),
            Planned::Chosen(count) => (index < *count).then_some(100),
            Planned::Iterations { count, .. } => (index < *count).then_some(0),
        }
    }

    /// The share while the primary is replaced.
    pub(super) fn last(&self, share: i32) -> i32 {
        if matches!(self, Planned::Iterations { switches: true, .. }) { 100 } else { share }
    }

    /// Whether its steps raise the canary's share of all requests.
    pub(super) fn raises(&self) -> bool {
        matches!(self, Planned::Shares(..))
    }

    /// Whether requests are copied to the canary at any time.
    pub(super) fn copies(&self) -> bool {
        matches!(self, Planned::Shares(_, true) | Planned::Iterations { copies: true, .. })
    }
}
