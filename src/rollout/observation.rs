//! What one decision rests on, and what must be read for it.

use std::{collections::BTreeSet, sync::Arc};

use super::{Answers, Settings, Sketches, Unread, Writes, refs};
use crate::{
    api::{Canary, CanaryKey, Live, ObjectRef},
    routing,
    workload::configs::{ConfigRef, Configs},
};

/// Everything that a decision may know. Time and settings come beside it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The Canary as stored, with its resourceVersion.
    pub canary: Arc<Canary>,
    /// The objects that [`needs`] names, as far as they exist.
    pub live: Live,
    /// The configs that [`configs`](super::configs()) names.
    pub configs: Configs,
    /// What has been answered so far.
    pub answers: Answers,
    /// Why nobody may act on this Canary (a rule's id and sentence each): the gate was away when it was stored.
    pub problems: Vec<String>,
    /// What could not be read: what is not among the objects may exist all the same.
    pub unread: Option<Unread>,
    /// Why no rollout may start now, without a dot: as many go on as may at once. One that goes on is not concerned.
    pub full: Option<String>,
    /// What came of the last writes. The Canary is told of it; nothing is decided otherwise.
    pub writes: Writes,
    /// What earlier looks at the same Canary worked out.
    pub sketches: Sketches,
}

/// What must be read before anything can be decided about a Canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Objects by name.
    pub objects: Vec<ObjectRef>,
    /// Services (of the Canary's namespace) whose EndpointSlices are needed.
    pub slices_of: Vec<String>,
    /// The Canary whose snapshots (ControllerRevisions) and route objects are needed, those of a former provider included, and
    /// its autoscalers as far as they are known.
    pub family_of: CanaryKey,
}

/// What to read for a Canary.
pub fn needs(canary: &Canary, settings: &Settings) -> Needs {
    let mut objects = vec![
        refs::target(canary),
        refs::primary(canary),
        refs::service(canary, &canary.primary_service_name()),
        refs::service(canary, &canary.canary_service_name()),
    ];
    if serves(canary) {
        // Before that nobody needs them, and nothing would tell us of their birth: each look would ask in vain.
        objects.push(refs::service(canary, canary.apex_name()));
        objects.extend(route_refs(canary, settings));
    }
    objects.extend(refs::autoscalers(canary).into_iter().flat_map(<[_; 2]>::from));
    objects.extend(refs::metric_templates(canary));
    Needs {
        objects,
        slices_of: vec![canary.primary_service_name(), canary.canary_service_name()],
        family_of: CanaryKey::from(canary),
    }
}

/// The objects that a Canary names, its configs as last seen included: whatever happens to them concerns it, whether or not
/// they carry our label.
pub fn names(canary: &Canary) -> BTreeSet<ObjectRef> {
    let scalers = refs::autoscalers(canary).into_iter().flat_map(<[_; 2]>::from);
    let namespace = canary.namespace_name();
    let seen = canary.status.iter().flat_map(|status| status.config_versions.keys());
    let configs = seen.filter_map(|key| Some(ConfigRef::parse(key)?.object(&namespace)));
    [refs::target(canary), refs::primary(canary)].into_iter().chain(scalers).chain(configs).collect()
}

/// Whether the primary was ready once, so that its Service and route may lead to it.
pub(super) fn serves(canary: &Canary) -> bool {
    canary.status.as_ref().is_some_and(|status| status.last_promoted_spec.is_some())
}

fn route_refs(canary: &Canary, settings: &Settings) -> Vec<ObjectRef> {
    let router = routing::router(super::provider(canary, settings));
    router.map(|router| router.needs(canary)).unwrap_or_default()
}
