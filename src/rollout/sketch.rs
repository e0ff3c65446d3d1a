//! What was worked out last, each with what it was made of: most looks at a Canary want the same objects as the one before, and to
//! compare what they are made of costs a fraction of making them.
//!
//! Each is made of the very copy of its inputs that is kept beside it, and of nothing else: equal inputs cannot mean another object.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

use super::{Settings, provider, refs};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider},
    routing::{self, Change, Route, Router, RoutingError, Traffic},
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
    services: Last<(Arc<Object>, Selector, Live), Arc<[Wanted; 3]>>,
    read: Last<Live, Option<Route>>,
    rendered: Last<(Traffic, Live), Vec<Object>>,
    route: Last<(Traffic, Live), Arc<Vec<Change>>>,
    primary: Last<(Arc<Snapshot>, Selector, Option<i32>), Arc<Object>>,
    bare: Arc<Object>,
}

/// A Service as it is to be.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) object: Object,
    /// The live one selects other pods.
    pub(super) moves: bool,
    /// The live one is so already.
    pub(super) stands: bool,
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
    pub(super) fn bare(&self, kind: &dyn Kind, target: &Object) -> Arc<Object> {
        let mut sheet = self.sheet();
        let fields: Vec<&str> = ["selector", "template"].iter().chain(kind.fields()).copied().collect();
        let parts = [("metadata", ["name", "labels", "annotations"].as_slice()), ("spec", &fields)];
        let same = |of: &str, field: &str| sheet.bare[of].get(field) == target[of].get(field);
        let known = sheet.bare["kind"] == target["kind"]
            && parts.iter().all(|(of, fields)| fields.iter().all(|field| same(of, field)));
        if !known {
            let kept = parts.map(|(of, fields)| -> Map<String, Value> {
                let there = |field: &&str| Some(((*field).to_owned(), target[of].get(field)?.clone()));
                fields.iter().filter_map(there).collect()
            });
            let [metadata, spec] = kept;
            sheet.bare = Arc::new(json!({"kind": target["kind"], "metadata": metadata, "spec": spec}));
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

    /// The Services for a bare target: the canary's, the primary's and the apex.
    pub(super) fn services(
        &self,
        bare: &Arc<Object>,
        selector: &Selector,
        live: &Live,
    ) -> Result<Arc<[Wanted; 3]>, WorkloadError> {
        let Sheet { basis: Basis { canary, .. }, services, .. } = &mut *self.sheet();
        let names = [canary.apex_name(), &canary.primary_service_name(), &canary.canary_service_name()]
            .map(|name| refs::service(canary, name));
        services.of((bare.clone(), selector.clone(), live.only(names)), |(target, selector, live)| {
            let Services { apex, primary, canary } =
                workload::render_services(canary, selector, target, live)?;
            let wanted = [canary, primary, apex].map(|object| {
                let present = live.get(&ObjectRef::of(&object));
                let other = |live: &Object| live["spec"]["selector"] != object["spec"]["selector"];
                let moves = present.is_some_and(other);
                let stands = present.is_some_and(|present| workload::contains(present, &object));
                Wanted { object, moves, stands }
            });
            Ok(Arc::new(wanted))
        })
    }

    /// The route as it stands.
    pub(super) fn read(&self, router: &dyn Router, live: &Live) -> Result<Option<Route>, RoutingError> {
        let Sheet { basis: Basis { canary, .. }, read, .. } = &mut *self.sheet();
        read.of(live.only(router.needs(canary)), |live| router.read(canary, live))
    }

    /// The writes after which the route leads requests so; those that would change nothing are left out.
    pub(super) fn route(
        &self,
        router: &dyn Router,
        live: &Live,
        traffic: &Traffic,
    ) -> Result<Arc<Vec<Change>>, RoutingError> {
        let Sheet { basis: Basis { canary, routing, .. }, route, rendered, .. } = &mut *self.sheet();
        let live = live.only(router.needs(canary));
        route.of((traffic.clone(), live), |(traffic, live)| {
            let known = (traffic.clone(), without_status(live));
            let objects =
                rendered.of(known, |(traffic, live)| router.render(canary, live, routing, traffic))?;
            let mut changes = routing::writes(router, canary, live, traffic, objects)?;
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

/// Objects without what their routers say of them and what that moves, neither of which any route is made of.
fn without_status(live: &Live) -> Live {
    let bare = live.iter().map(|(reference, object)| {
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        (reference.clone(), Arc::new(object))
    });
    bare.collect()
}
