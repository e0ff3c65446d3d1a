//! What was worked out last, each with what it was made of: most looks at a Canary want the same objects as the one before, and to
//! compare what they are made of costs a fraction of making them.
//!
//! Each is made of the very copy of its inputs that is kept beside it, and of nothing else: equal inputs cannot mean another object.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{Settings, provider, refs};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider},
    routing::{self, Change, Router, RoutingError, Traffic},
    workload::{self, Kind, Selector, Services, Snapshot, WorkloadError, configs::Tracked},
};

/// What the looks at one Canary have worked out; clones share it. An empty one changes nothing but the time that a look takes.
#[derive(Clone, Debug, Default)]
pub struct Sketches(Arc<Mutex<Sheet>>);

#[derive(Debug, Default)]
struct Sheet {
    basis: Basis,
    snapshots: BTreeMap<ObjectRef, (Arc<Object>, Option<Arc<Snapshot>>)>,
    target: Last<(Arc<Object>, Tracked), Arc<Snapshot>>,
    services: Last<(Arc<Object>, Selector, Live), Arc<Services>>,
    route: Last<(Traffic, Live), Arc<Vec<Change>>>,
    primary: Last<(Arc<Snapshot>, Selector, Option<i32>), Arc<Object>>,
    bare: Arc<Object>,
}

/// What everything is made of.
#[derive(Debug, Default, PartialEq)]
struct Basis {
    /// Without its status and all that moves with it.
    canary: Canary,
    provider: Option<Provider>,
    include_label_prefix: Vec<String>,
    routing: routing::Settings,
}

impl Basis {
    fn of(canary: &Canary, settings: &Settings) -> Self {
        let metadata = ObjectMeta {
            name: canary.metadata.name.clone(),
            namespace: canary.metadata.namespace.clone(),
            uid: canary.metadata.uid.clone(),
            annotations: canary.metadata.annotations.clone(),
            ..ObjectMeta::default()
        };
        Basis {
            canary: Canary { metadata, spec: canary.spec.clone(), status: None },
            provider: Some(provider(canary, settings)),
            include_label_prefix: settings.include_label_prefix.clone(),
            routing: settings.routing.clone(),
        }
    }

    fn is_of(&self, canary: &Canary, settings: &Settings) -> bool {
        let (ours, theirs) = (&self.canary.metadata, &canary.metadata);
        (&ours.name, &ours.namespace, &ours.uid) == (&theirs.name, &theirs.namespace, &theirs.uid)
            && ours.annotations == theirs.annotations
            && self.canary.spec == canary.spec
            && self.provider == Some(provider(canary, settings))
            && self.include_label_prefix == settings.include_label_prefix
            && self.routing == settings.routing
    }
}

/// The last result of a computation.
#[derive(Debug)]
struct Last<I, O>(Option<(I, O)>);

impl<I, O> Default for Last<I, O> {
    fn default() -> Self {
        Last(None)
    }
}

impl<I: PartialEq, O: Clone> Last<I, O> {
    fn of<E>(&mut self, inputs: I, make: impl FnOnce(&I) -> Result<O, E>) -> Result<O, E> {
        if let Some((_, made)) = self.0.as_ref().filter(|(known, _)| *known == inputs) {
            return Ok(made.clone());
        }
        let made = make(&inputs)?;
        self.0 = Some((inputs, made.clone()));
        Ok(made)
    }
}

impl Sketches {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look at a Canary begins: what was made of another one, or before an edit, is forgotten.
    pub(super) fn begin(&self, canary: &Canary, settings: &Settings) {
        let mut sheet = self.sheet();
        if !sheet.basis.is_of(canary, settings) {
            *sheet = Sheet { basis: Basis::of(canary, settings), ..Sheet::default() };
        }
    }

    /// The stored snapshots that can be read.
    pub(super) fn snapshots(&self, live: &Live) -> Vec<(ObjectRef, Arc<Snapshot>)> {
        let known = std::mem::take(&mut self.sheet().snapshots);
        let stored = live.shared().filter(|(reference, _)| reference.kind == "ControllerRevision");
        let read = |(reference, object): (&ObjectRef, &Arc<Object>)| {
            let known = known.get(reference).filter(|(of, _)| of == object);
            let snapshot = known.map(|(_, snapshot)| snapshot.clone());
            let snapshot = snapshot.unwrap_or_else(|| Snapshot::from_object(object).ok().map(Arc::new));
            (reference.clone(), (object.clone(), snapshot))
        };
        let stored: BTreeMap<_, _> = stored.map(read).collect();
        let readable = stored.iter().filter_map(|(of, (_, snapshot))| Some((of.clone(), snapshot.clone()?)));
        let readable = readable.collect();
        self.sheet().snapshots = stored;
        readable
    }

    /// The target without what moves while its revision stays.
    pub(super) fn bare(&self, target: &Object) -> Arc<Object> {
        let mut sheet = self.sheet();
        let (known, metadata) = (&sheet.bare, &target["metadata"]);
        let same = known["spec"] == target["spec"]
            && ["name", "labels", "annotations"].iter().all(|of| known["metadata"][of] == metadata[of])
            && known["kind"] == target["kind"];
        if !same {
            let kept = ["name", "labels", "annotations"].map(|of| (of.to_owned(), metadata[of].clone()));
            let kept: serde_json::Map<String, Value> = kept.into_iter().collect();
            sheet.bare = Arc::new(json!({"kind": target["kind"], "metadata": kept, "spec": target["spec"]}));
        }
        sheet.bare.clone()
    }

    /// The snapshot of a bare target with its configs.
    pub(super) fn target(
        &self,
        kind: &dyn Kind,
        bare: &Arc<Object>,
        configs: Tracked,
    ) -> Result<Arc<Snapshot>, WorkloadError> {
        self.sheet().target.of((bare.clone(), configs), |(target, configs)| {
            Ok(Arc::new(Snapshot::of_target(kind, target)?.with_configs(configs.clone())))
        })
    }

    /// The Services for a bare target.
    pub(super) fn services(
        &self,
        bare: &Arc<Object>,
        selector: &Selector,
        live: &Live,
    ) -> Result<Arc<Services>, WorkloadError> {
        let Sheet { basis: Basis { canary, .. }, services, .. } = &mut *self.sheet();
        let names = [canary.apex_name(), &canary.primary_service_name(), &canary.canary_service_name()]
            .map(|name| refs::service(canary, name));
        services.of((bare.clone(), selector.clone(), live.only(names)), |(target, selector, live)| {
            workload::render_services(canary, selector, target, live).map(Arc::new)
        })
    }

    /// The writes after which the route leads requests so; those that would change nothing are left out.
    pub(super) fn route(
        &self,
        router: &dyn Router,
        live: &Live,
        traffic: &Traffic,
    ) -> Result<Arc<Vec<Change>>, RoutingError> {
        let Sheet { basis: Basis { canary, routing, .. }, route, .. } = &mut *self.sheet();
        let live = live.only(router.needs(canary));
        route.of((traffic.clone(), live), |(traffic, live)| {
            let mut changes = routing::changes(router, canary, live, routing, traffic)?;
            changes.retain(|change| match change {
                Change::Apply(object) => {
                    let present = live.get(&ObjectRef::of(object));
                    !present.is_some_and(|present| workload::contains(present, object))
                }
                Change::Patch { .. } | Change::Delete { .. } => true,
            });
            Ok(Arc::new(changes))
        })
    }

    /// The primary that runs a snapshot.
    pub(super) fn primary(
        &self,
        kind: &dyn Kind,
        snapshot: Arc<Snapshot>,
        selector: &Selector,
        replicas: Option<i32>,
    ) -> Arc<Object> {
        let Sheet { basis: Basis { canary, include_label_prefix, .. }, primary, .. } = &mut *self.sheet();
        let made: Result<_, std::convert::Infallible> =
            primary.of((snapshot, selector.clone(), replicas), |(snapshot, selector, replicas)| {
                let object = workload::render_primary(
                    kind,
                    canary,
                    snapshot,
                    selector,
                    *replicas,
                    include_label_prefix,
                );
                Ok(Arc::new(object))
            });
        let Ok(made) = made;
        made
    }
}
