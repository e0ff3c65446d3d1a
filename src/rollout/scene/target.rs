//! The target, read.

use super::{super::conditions::Blocker, blocked};
use crate::{
    api::{Object, ObservedTarget},
    rollout::{Observation, Settings, configs, refs},
    workload::{Kind, Selector, Snapshot},
};

/// The target, as far as decisions need it.
pub(in super::super) struct Target<'a> {
    pub(in super::super) object: &'a Object,
    pub(in super::super) selector: Selector,
    pub(in super::super) snapshot: Snapshot,
    pub(in super::super) observed: ObservedTarget,
    /// How many pods it asks for; none for a kind without a count.
    pub(in super::super) replicas: Option<i32>,
    /// Whether it asks for no pod.
    pub(in super::super) idle: bool,
}

impl<'a> Target<'a> {
    /// Reads the target; none if it does not exist.
    pub(super) fn read(
        kind: &dyn Kind,
        observation: &'a Observation,
        settings: &Settings,
    ) -> Result<Option<Self>, Blocker> {
        let reference = refs::target(&observation.canary);
        let Some(object) = observation.live.get(&reference) else { return Ok(None) };
        if let Some(problem) = kind.problem(object) {
            return Err(blocked("TargetNotPossible", format!("{reference}: {problem}.")));
        }
        let selector = Selector::of(object, &settings.selector_labels)
            .map_err(|error| blocked("NoSelectorLabel", error))?;
        let snapshot = Snapshot::of_target(kind, object).map_err(|error| blocked("Malformed", error))?;
        let tracked = configs::of_target(object, &observation.canary, &observation.configs, settings);
        Ok(Some(Target {
            object,
            selector,
            observed: configs::observed(object, &tracked),
            snapshot: snapshot.with_configs(tracked),
            replicas: kind.replicas(object),
            idle: kind.is_idle(object),
        }))
    }
}
