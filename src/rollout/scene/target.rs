//! The target, read.

use std::sync::Arc;

use super::{super::conditions::Blocker, Scene, blocked};
use crate::{
    api::{CanaryStatus, Object, ObjectRef, ObservedTarget, Phase},
    rollout::{Observation, Settings, configs},
    workload::{Kind, Selector, Snapshot, configs::Reference},
};

/// The target, as far as decisions need it.
pub(in super::super) struct Target<'a> {
    pub(in super::super) object: &'a Object,
    pub(in super::super) selector: Selector,
    /// The configs that its pods refer to, as far as they are tracked.
    pub(in super::super) references: Vec<Reference>,
    /// Without what moves while its revision stays.
    pub(in super::super) bare: Arc<Object>,
    pub(in super::super) snapshot: Arc<Snapshot>,
    pub(in super::super) observed: ObservedTarget,
    /// How many pods it asks for; none for a kind without a count.
    pub(in super::super) replicas: Option<i32>,
    /// Whether it asks for no pod.
    pub(in super::super) idle: bool,
}

impl<'a> Target<'a> {
    /// Whether any of its pods may be there.
    fn has_pods(&self, kind: &dyn Kind) -> bool {
        let pods = kind.pods(self.object);
        !self.idle || !pods.seen || pods.all > 0
    }

    /// Reads the target; none if it does not exist.
    pub(super) fn read(
        kind: &dyn Kind,
        observation: &'a Observation,
        settings: &Settings,
        reference: &ObjectRef,
    ) -> Result<Option<Self>, Blocker> {
        let Some(object) = observation.live.get_shared(reference) else { return Ok(None) };
        if let Some(problem) = kind.problem(object) {
            return Err(blocked("TargetNotPossible", format!("{reference}: {problem}.")));
        }
        let selector = Selector::of(object, &settings.selector_labels)
            .map_err(|error| blocked("NoSelectorLabel", error))?;
        let references = configs::references(object, settings);
        let tracked = configs::of_target(&references, &observation.canary, &observation.configs);
        let sketches = &observation.sketches;
        let bare = sketches.bare(kind, object);
        let (snapshot, configs) =
            sketches.target(kind, &bare, tracked).map_err(|error| blocked("Malformed", error))?;
        let observed = configs::observed(object, configs);
        Ok(Some(Target {
            object,
            selector,
            references,
            bare,
            observed,
            snapshot,
            replicas: kind.replicas(object),
            idle: kind.is_idle(object),
        }))
    }
}

impl Scene<'_> {
    /// Whether pods of the target may have read configs that are no longer what its revision has. A pod reads them when it starts,
    /// so a change of them alone replaces no pod.
    pub(in super::super) fn has_stale_pods(&self, status: &CanaryStatus) -> bool {
        let Some(target) = self.target.as_ref().filter(|target| target.has_pods(self.kind)) else {
            return false;
        };
        let configs = target.snapshot.configs();
        let last = status.last_applied_spec.as_deref().and_then(|revision| self.snapshot(revision));
        // Whoever waits may have seen more than one change of them.
        let Some(last) = last.filter(|_| status.phase != Phase::Waiting) else { return !configs.is_empty() };
        configs.iter().any(|(config, checksum)| last.configs().get(config).is_some_and(|old| old != checksum))
    }
}
