//! What was worked out last, each with what it was made of: most looks at a Canary want the same objects as the one before, and to
//! compare what they are made of costs a fraction of making them.
//!
//! Each is made of the very copy of its inputs that is kept beside it, and of nothing else: equal inputs cannot mean another object.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Settings, provider, refs};
use crate::{
    analysis,
    api::{AutoscalerRef, Canary, Live, MetricTemplate, Object, ObjectRef, Provider, owned},
    routing::{self, Change, Route, Router, RoutingError, Traffic},
    workload::{self, Kind, Selector, Services, Snapshot, WorkloadError, configs::Tracked},
};

/// What the looks at one Canary have worked out; clones share it. An empty one changes nothing but the time that a look takes.
#[derive(Clone, Debug, Default)]
pub struct Sketches(Arc<Mutex<Sheet>>);

#[derive(Debug, Default)]
struct Sheet {
    basis: Basis,
    snapshots: BTreeMap<Arc<ObjectRef>, Read>,
    target: Last<(Arc<Object>, Tracked), Target>,
    services: Last<(Arc<Object>, Selector, Live), Arc<[Wanted; 3]>>,
    read: Last<Live, Option<Route>>,
    rendered: Last<(Traffic, Live), Arc<Vec<Object>>>,
    route: Last<(Traffic, Live), Arc<Vec<Change>>>,
    primary: Last<(Arc<Snapshot>, Selector, Option<i32>), Arc<Object>>,
    scaler: Last<Arc<Object>, Arc<Object>>,
    checks: Last<(analysis::Settings, Live), Arc<Checks>>,
    contains: Option<(Weak<Object>, Arc<Object>, bool)>,
    /// The target that was seen last, which nobody keeps for this, and what is left of it.
    bare: (Weak<Object>, Arc<Object>),
}

/// A stored snapshot, and what it says if it can be read.
type Read = (Arc<Object>, Option<Arc<Snapshot>>);

/// The snapshot of a target, and the fingerprint of its configs.
type Target = (Arc<Snapshot>, Option<String>);

/// What is asked at the end of a step, or why it cannot be asked.
type Checks = Vec<Result<analysis::Check, analysis::Problem>>;

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
    names: Arc<Names>,
}

/// What the objects of a Canary are called.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    pub(super) target: ObjectRef,
    pub(super) primary: ObjectRef,
    /// The apex, the primary's and the canary's.
    pub(super) services: [ObjectRef; 3],
    /// The objects of the route.
    route: Vec<ObjectRef>,
    /// Those of them from which it is made.
    sources: Vec<ObjectRef>,
}

impl Names {
    fn of(canary: &Canary, provider: Provider) -> Self {
        let router = routing::router(provider);
        let services = [canary.apex_name(), &canary.primary_service_name(), &canary.canary_service_name()];
        Names {
            target: refs::target(canary),
            primary: refs::primary(canary),
            services: services.map(|name| refs::service(canary, name)),
            route: router.map(|router| router.needs(canary)).unwrap_or_default(),
            sources: router.map(|router| router.sources(canary)).unwrap_or_default(),
        }
    }
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
        let provider = provider(canary, settings);
        Basis {
            canary: Canary { metadata, spec: canary.spec.clone(), status: None },
            provider: Some(provider),
            include_label_prefix: settings.include_label_prefix.clone(),
            routing: settings.routing.clone(),
            names: Arc::new(Names::of(canary, provider)),
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

impl<I, O: Clone> Last<I, O> {
    /// What was made last if its inputs are still the same, or what is made of these.
    fn unless<E>(
        &mut self,
        same: impl FnOnce(&I) -> bool,
        inputs: impl FnOnce() -> I,
        make: impl FnOnce(&I) -> Result<O, E>,
    ) -> Result<O, E> {
        if let Some((_, made)) = self.0.as_ref().filter(|(known, _)| same(known)) {
            return Ok(made.clone());
        }
        let inputs = inputs();
        let made = make(&inputs)?;
        self.0 = Some((inputs, made.clone()));
        Ok(made)
    }
}

impl<I: PartialEq + Clone, O: Clone> Last<I, O> {
    fn of<E>(&mut self, inputs: &I, make: impl FnOnce(&I) -> Result<O, E>) -> Result<O, E> {
        self.unless(|known| known == inputs, || inputs.clone(), make)
    }

    /// The same of what cannot fail.
    fn always(&mut self, inputs: &I, make: impl FnOnce(&I) -> O) -> O {
        let Ok(made) = self.of(inputs, |inputs| Ok::<_, Infallible>(make(inputs)));
        made
    }
}

impl Sketches {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look at a Canary begins: what was made of another one, or before an edit, is forgotten.
    pub(super) fn begin(&self, canary: &Canary, settings: &Settings) -> Arc<Names> {
        let mut sheet = self.sheet();
        if !sheet.basis.is_of(canary, settings) {
            *sheet = Sheet { basis: Basis::of(canary, settings), ..Sheet::default() };
        }
        sheet.basis.names.clone()
    }

    /// The stored snapshots that can be read.
    pub(super) fn snapshots(&self, live: &Live) -> Vec<(Arc<ObjectRef>, Arc<Snapshot>)> {
        let known = std::mem::take(&mut self.sheet().snapshots);
        let stored = live.shared().filter(|(reference, _)| reference.kind == "ControllerRevision");
        let read = |(reference, object): (&Arc<ObjectRef>, &Arc<Object>)| {
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
    pub(super) fn bare(&self, kind: &dyn Kind, target: &Arc<Object>) -> Arc<Object> {
        let (seen, bare) = &mut self.sheet().bare;
        if seen.as_ptr() == Arc::as_ptr(target) {
            return bare.clone();
        }
        *seen = Arc::downgrade(target);
        let fields: Vec<&str> = ["selector", "template"].iter().chain(kind.fields()).copied().collect();
        let parts = [("metadata", ["name", "labels", "annotations"].as_slice()), ("spec", &fields)];
        let same = |of: &str, field: &str| bare[of].get(field) == target[of].get(field);
        let known = bare["kind"] == target["kind"]
            && parts.iter().all(|(of, fields)| fields.iter().all(|field| same(of, field)));
        if !known {
            let kept = parts.map(|(of, fields)| -> Map<String, Value> {
                let there = |field: &&str| Some(((*field).to_owned(), target[of].get(field)?.clone()));
                fields.iter().filter_map(there).collect()
            });
            let [metadata, spec] = kept;
            *bare = Arc::new(json!({"kind": target["kind"], "metadata": metadata, "spec": spec}));
        }
        bare.clone()
    }

    /// The snapshot of a bare target with its configs, and the fingerprint of these.
    pub(super) fn target(
        &self,
        kind: &dyn Kind,
        bare: &Arc<Object>,
        configs: Tracked,
    ) -> Result<Target, WorkloadError> {
        self.sheet().target.of(&(bare.clone(), configs), |(target, configs)| {
            let snapshot = Snapshot::of_target(kind, target)?.with_configs(configs.clone());
            Ok((Arc::new(snapshot), workload::configs::fingerprint(configs)))
        })
    }

    /// The Services for a bare target: the canary's, the primary's and the apex.
    pub(super) fn services(
        &self,
        bare: &Arc<Object>,
        selector: &Selector,
        live: &Live,
    ) -> Result<Arc<[Wanted; 3]>, WorkloadError> {
        let Sheet { basis: Basis { canary, names, .. }, services, .. } = &mut *self.sheet();
        let same = |(of, by, known): &(Arc<Object>, Selector, Live)| {
            of == bare && by == selector && known.agrees(live, &names.services)
        };
        let inputs = || (bare.clone(), selector.clone(), live.only(&names.services));
        services.unless(same, inputs, |(target, selector, live)| {
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
        let Sheet { basis: Basis { canary, names, .. }, read, .. } = &mut *self.sheet();
        let same = |known: &Live| known.agrees(live, &names.route);
        read.unless(same, || live.only(&names.route), |live| router.read(canary, live))
    }

    /// The writes after which the route leads requests so; those that would change nothing are left out.
    pub(super) fn route(
        &self,
        router: &dyn Router,
        live: &Live,
        traffic: &Traffic,
    ) -> Result<Arc<Vec<Change>>, RoutingError> {
        let Sheet { basis, route, rendered, .. } = &mut *self.sheet();
        let Basis { canary, routing, names, .. } = basis;
        let same = |(led, known): &(Traffic, Live)| led == traffic && known.agrees(live, &names.route);
        let inputs = || (traffic.clone(), live.only(&names.route));
        route.unless(same, inputs, |(traffic, live)| {
            let known = (traffic.clone(), without_status(&live.only(&names.sources)));
            let objects = rendered
                .of(&known, |(traffic, live)| router.render(canary, live, routing, traffic).map(Arc::new))?;
            let stands = |object: &&Object| {
                live.get(&ObjectRef::of(object)).is_some_and(|present| {
                    owned::controls(canary, present) && workload::contains(present, object)
                })
            };
            let missing = objects.iter().filter(|object| !stands(object)).cloned().collect();
            let changes = routing::writes(router, canary, live, traffic, missing)?;
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
        primary.always(&(snapshot, selector.clone(), replicas), |(snapshot, selector, replicas)| {
            let prefixes = include_label_prefix;
            Arc::new(workload::render_primary(kind, canary, snapshot, selector, *replicas, prefixes))
        })
    }

    /// The primary's autoscaler, as the user's is.
    pub(super) fn scaler(&self, kind: &dyn Kind, named: &AutoscalerRef, source: &Arc<Object>) -> Arc<Object> {
        let Sheet { basis: Basis { canary, include_label_prefix, .. }, scaler, .. } = &mut *self.sheet();
        scaler.always(source, |source| {
            Arc::new(workload::autoscaler::render(kind, canary, named, source, include_label_prefix))
        })
    }

    /// Whether a live object has all that was made for it.
    pub(super) fn contains(&self, live: &Arc<Object>, made: &Arc<Object>) -> bool {
        let known = |(of, with, _): &&(Weak<Object>, Arc<Object>, bool)| {
            of.as_ptr() == Arc::as_ptr(live) && Arc::ptr_eq(with, made)
        };
        let contains = &mut self.sheet().contains;
        if let Some((.., contains)) = contains.as_ref().filter(known) {
            return *contains;
        }
        contains.insert((Arc::downgrade(live), made.clone(), workload::contains(live, made))).2
    }

    /// What is asked at the end of a step.
    pub(super) fn checks(&self, settings: analysis::Settings, templates: Live) -> Arc<Checks> {
        let Sheet { basis: Basis { canary, .. }, checks, .. } = &mut *self.sheet();
        checks.always(&(settings, templates), |(settings, templates)| {
            // A template that cannot be read is as good as none: the check says so.
            let readable = |(of, object)| Some((of, MetricTemplate::deserialize(object).ok()?));
            let templates: Vec<(&ObjectRef, MetricTemplate)> =
                templates.iter().filter_map(readable).collect();
            Arc::new(analysis::plan(canary, settings, |namespace, name| {
                let found = templates.iter().find(|(of, _)| of.namespace == namespace && of.name == name);
                found.map(|(_, template)| template)
            }))
        })
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
