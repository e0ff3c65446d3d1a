//! How many pods an autoscaler gives, and how many the primary needs.

use std::fmt;

use jiff::Timestamp;

use super::{Revised, Scene};
use crate::{
    api::{Object, Phase},
    rollout::{
        clock::{later, this_second},
        draft::Draft,
        refs,
    },
    routing::Weight,
    workload::autoscaler::bounds,
};

impl Scene<'_> {
    /// The user's autoscaler, if the Canary names one that exists.
    fn autoscaler(&self) -> Option<&Object> {
        self.observation.live.get(&refs::autoscalers(self.canary)?.0)
    }

    /// Whether the primary's replicas are an autoscaler's to set.
    pub(in super::super) fn is_autoscaled(&self) -> bool {
        self.autoscaler().is_some()
    }

    /// The fewest and the most pods that the primary's autoscaler allows.
    fn primary_bounds(&self) -> Option<(i32, i32)> {
        Some(bounds(self.canary.spec.autoscaler_ref.as_ref()?, self.autoscaler()?))
    }

    /// Fewest pods that something new begins with: the autoscaler's least, and at least one.
    pub(in super::super) fn fewest(&self) -> i32 {
        self.primary_bounds().map_or(1, |(least, _)| least.max(1))
    }

    /// What the primary lacks for a share of the traffic that a canary gives back which is good; none if it has its pods.
    pub(in super::super) fn lack(&self, share: Weight) -> Option<Lack> {
        let most = match self.primary_bounds() {
            Some((_, most)) => i64::from(most),
            None => self.primary.map_or(0, |primary| self.kind.pods(primary).wanted),
        };
        let needs = needed(self.canary_endpoints, share, usize::try_from(most).unwrap_or(0));
        let has = self.primary_endpoints;
        (has < needs).then(|| Lack { primary: refs::primary_name(self.canary), has, needs, share })
    }

    /// Until when a canary that is good keeps its traffic after its run while the primary lacks pods: one whose promotion failed, or
    /// whose target is back at the promoted revision. None of a revision that was taken back, or that nobody has analysed.
    pub(in super::super) fn pods_awaited_until(&self, draft: &Draft<'_>) -> Option<Timestamp> {
        let status = &draft.status;
        let good = match status.phase {
            Phase::Failed => status.deadline_at.is_none(),
            Phase::Initialized | Phase::Succeeded => true,
            _ => false,
        };
        if !good || status.canary_weight == 0 || self.revised(status) != Revised::Same {
            return None;
        }
        let entered = match status.phase == draft.phase_before() {
            true => status.last_transition_time.as_ref()?.0,
            false => self.now,
        };
        Some(later(this_second(entered), self.deadline()))
    }
}

/// Ready pods that a primary needs for a share of the traffic, measured by those that serve as canary now: of these, the share's
/// part. Never more than the primary is itself to have.
fn needed(serving: usize, share: Weight, most: usize) -> usize {
    let percent = usize::from(share.get());
    serving.saturating_mul(percent).div_ceil(100).min(most)
}

/// A primary has fewer ready pods than it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Lack {
    primary: String,
    has: usize,
    needs: usize,
    share: Weight,
}

impl Lack {
    /// How many pods it has to have.
    pub(in super::super) fn needs(&self) -> i32 {
        i32::try_from(self.needs).unwrap_or(i32::MAX)
    }

    /// What is awaited, without how much of it there is: that moves often, and each word is a write and an event.
    pub(in super::super) fn awaited(&self) -> String {
        let Lack { primary, needs, share, .. } = self;
        format!("{primary} has {needs} ready pods, which it needs for {share} % of the traffic")
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lack { primary, has, needs, share } = self;
        write!(f, "{primary} has {has} of {needs} ready pods that it needs for {share} % of the traffic.")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all_that_serve_for_all_traffic(4, 100, 9, 4)]
    #[case::a_part_of_them_for_a_part(4, 50, 9, 2)]
    #[case::whole_pods(3, 50, 9, 2)]
    #[case::one_for_the_least(4, 1, 9, 1)]
    #[case::no_more_than_it_is_to_have(4, 100, 2, 2)]
    #[case::none_where_none_serves(0, 100, 9, 0)]
    fn a_primary_needs_the_pods_that_serve_so_much_now(
        #[case] serving: usize,
        #[case] share: i64,
        #[case] most: usize,
        #[case] needs: usize,
    ) {
        assert_eq!(needed(serving, Weight::try_from(share).unwrap(), most), needs);
    }
}
