//! How many pods an autoscaler gives, and how many the primary needs.

use super::Scene;
use crate::{api::Object, rollout::refs, workload::autoscaler::bounds};

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

    /// Pods that the primary has to have before it takes traffic back: as many as serve as canary now, as far as the
    /// autoscaler allows. None where it has them, or where the target's own replicas come with the promotion.
    pub(in super::super) fn pods_missing(&self) -> Option<i32> {
        let (_, most) = self.primary_bounds()?;
        let serving = i32::try_from(self.canary_endpoints).unwrap_or(i32::MAX).min(most);
        let present = i32::try_from(self.primary_endpoints).unwrap_or(i32::MAX);
        (present < serving).then_some(serving)
    }
}
