//! The Observation, read: what runs, what serves, what is ready. One place where objects become answers.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;

use super::{Observation, Plan, Settings, conditions::Blocker, observation::serves, refs, text::whole};
use crate::{
    analysis,
    api::{
        Analysis, Canary, CanaryStatus, Duration, MetricTemplate, Object, ObjectRef, ObservedTarget,
        Provider, TargetKind, names, owned,
    },
    routing::{self, Acceptance, Route, Router, Weight, Weights},
    workload::{self, Readiness, RevisionId, Selector, Snapshot},
};

/// Shortest time between two checks in seconds; less is coerced, as with the peer.
const SHORTEST_INTERVAL: i64 = 10;
/// Interval where none can be read, in seconds; the peer's.
const DEFAULT_INTERVAL: i64 = 60;
/// Deadline of a phase where none is given, in seconds; the peer's.
const DEFAULT_DEADLINE: i32 = 600;

/// The target, as far as decisions need it.
pub(super) struct Target<'a> {
    pub(super) object: &'a Object,
    pub(super) selector: Selector,
    pub(super) snapshot: Snapshot,
    pub(super) observed: ObservedTarget,
    pub(super) replicas: i32,
    deployment: Deployment,
}

/// Everything that a decision looks at.
pub(super) struct Scene<'a> {
    pub(super) observation: &'a Observation,
    pub(super) canary: &'a Canary,
    pub(super) settings: &'a Settings,
    pub(super) now: Timestamp,
    pub(super) router: &'static dyn Router,
    pub(super) plan: Plan,
    pub(super) target: Option<Target<'a>>,
    pub(super) primary: Option<Deployment>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) route: Option<Route>,
    pub(super) canary_endpoints: usize,
    pub(super) primary_endpoints: usize,
}

/// How a target relates to what was last judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revised {
    /// Nothing that matters has moved.
    Same,
    /// It asks for what the primary runs.
    Promoted,
    /// It asks for something new.
    New(RevisionId),
}

/// The provider that routes a Canary.
pub fn provider(canary: &Canary, settings: &Settings) -> Provider {
    canary.spec.provider.unwrap_or(settings.provider)
}

fn blocked(reason: &'static str, message: impl std::fmt::Display) -> Blocker {
    Blocker { reason, message: message.to_string() }
}

impl<'a> Scene<'a> {
    /// Reads an Observation; the error names what must be mended before anything can be done.
    pub(super) fn read(
        observation: &'a Observation,
        settings: &'a Settings,
        now: Timestamp,
    ) -> Result<Self, Blocker> {
        let canary = observation.canary.as_ref();
        if !observation.problems.is_empty() {
            return Err(blocked("Refused", observation.problems.join(" ")));
        }
        let provider = provider(canary, settings);
        let router = routing::router(provider).ok_or_else(|| {
            blocked(
                "NotSupported",
                format!("Provider {provider} cannot be run yet; `sluice routers` lists those that can."),
            )
        })?;
        if canary.spec.target_ref.kind != TargetKind::Deployment {
            return Err(blocked("NotSupported", "Only targets of kind Deployment can be run yet."));
        }
        let live = &observation.live;
        let malformed = |error| blocked("Malformed", error);
        let target = Target::read(observation, settings)?;
        if let Some(primary) =
            live.get(&refs::primary(canary)).filter(|primary| !owned::controls(canary, primary))
        {
            // Anything else would take over what a user has made, and delete it with the Canary.
            let name = primary["metadata"]["name"].as_str().unwrap_or_default();
            return Err(blocked(
                "PrimaryTaken",
                format!(
                    "Deployment {name} exists and is not this Canary's: delete or rename it, or rename the target."
                ),
            ));
        }
        let route = router.read(canary, live).map_err(|error| blocked("RouteNotReadable", error))?;
        let snapshots =
            live.of_kind("ControllerRevision").filter_map(|(_, o)| Snapshot::from_object(o).ok()).collect();
        let endpoints = |service: &str| {
            workload::ready_endpoints(live.of_kind("EndpointSlice").map(|(_, slice)| slice), service)
        };
        Ok(Scene {
            observation,
            canary,
            settings,
            now,
            router,
            plan: Plan::of(&canary.spec.analysis.clone().unwrap_or_default(), router.capabilities()),
            target,
            primary: live.typed(&refs::primary(canary)).map_err(malformed)?,
            snapshots,
            route,
            canary_endpoints: endpoints(&canary.canary_service_name()),
            primary_endpoints: endpoints(&canary.primary_service_name()),
        })
    }

    /// The analysis; empty where an old object has none.
    pub(super) fn analysis(&self) -> Analysis {
        self.canary.spec.analysis.clone().unwrap_or_default()
    }

    /// What is asked at the end of a step, or why it cannot be asked.
    pub(super) fn checks(&self) -> Vec<Result<analysis::Check, analysis::Problem>> {
        let settings = analysis::Settings {
            provider: provider(self.canary, self.settings),
            metrics_server: self.settings.metrics_server.clone(),
            no_cross_namespace_refs: self.settings.no_cross_namespace_refs,
        };
        // A template that cannot be read is as good as none: the check says so.
        let templates: Vec<(ObjectRef, MetricTemplate)> = refs::metric_templates(self.canary)
            .filter_map(|of| self.observation.live.typed(&of).ok().flatten().map(|template| (of, template)))
            .collect();
        analysis::plan(self.canary, &settings, |namespace, name| {
            let found = templates.iter().find(|(of, _)| of.namespace == namespace && of.name == name);
            found.map(|(_, template)| template)
        })
    }

    /// Whether revisions are promoted without analysis.
    pub(super) fn skips_analysis(&self) -> bool {
        self.canary.spec.skip_analysis || self.canary.spec.analysis.is_none()
    }

    /// Time between two checks, at least ten seconds.
    pub(super) fn interval(&self) -> SignedDuration {
        let wished = self
            .analysis()
            .interval
            .and_then(|text| text.parse::<Duration>().ok())
            .map_or(SignedDuration::from_secs(DEFAULT_INTERVAL), |d| {
                SignedDuration::from_nanos(d.nanoseconds())
            });
        wished.max(SignedDuration::from_secs(SHORTEST_INTERVAL))
    }

    /// How long a phase may wait.
    pub(super) fn deadline(&self) -> SignedDuration {
        let seconds = self.canary.spec.progress_deadline_seconds.unwrap_or(DEFAULT_DEADLINE);
        SignedDuration::from_secs(i64::from(seconds.max(1)))
    }

    /// How long nothing is scaled down after traffic has left.
    pub(super) fn settle(&self) -> SignedDuration {
        SignedDuration::try_from(self.settings.route_settle).unwrap_or(SignedDuration::from_secs(5))
    }

    /// A stored snapshot, or the target's own while it still asks for that revision.
    pub(super) fn snapshot(&self, revision: &str) -> Option<&Snapshot> {
        let target = self.target.as_ref().map(|target| &target.snapshot);
        self.snapshots.iter().chain(target).find(|snapshot| snapshot.revision.as_str() == revision)
    }

    /// Whether a revision's snapshot is stored.
    pub(super) fn is_stored(&self, revision: &str) -> bool {
        self.snapshots.iter().any(|snapshot| snapshot.revision.as_str() == revision)
    }

    /// How the target relates to what was last judged. A hash alone does not decide: defaults are applied on read, so
    /// a newer Kubernetes changes it. Generation first, hash next, and the tie is broken by the live primary, which is
    /// read under the same defaults.
    pub(super) fn revised(&self, status: &CanaryStatus) -> Revised {
        let Some(target) = &self.target else { return Revised::Same };
        let revision = target.snapshot.revision.as_str();
        if status.target.as_ref() == Some(&target.observed)
            || status.last_applied_spec.as_deref() == Some(revision)
        {
            Revised::Same
        } else if status.last_promoted_spec.as_deref() == Some(revision) || self.primary_runs_target() {
            Revised::Promoted
        } else {
            Revised::New(target.snapshot.revision.clone())
        }
    }

    fn primary_runs_target(&self) -> bool {
        let (Some(target), Some(primary)) =
            (&self.target, self.observation.live.get(&refs::primary(self.canary)))
        else {
            return false;
        };
        workload::same_revision(primary, self.canary, &target.snapshot, &target.selector)
    }

    /// The primary's objects as a revision wants them; none without the target's selector or the snapshot.
    pub(super) fn render_primary(&self, revision: &str, replicas: i32) -> Option<Object> {
        let target = self.target.as_ref()?;
        Some(workload::render_primary(
            self.canary,
            self.snapshot(revision)?,
            &target.selector,
            Some(replicas),
            &self.settings.include_label_prefix,
        ))
    }

    /// Whether the primary runs a revision and is ready for all traffic.
    pub(super) fn primary_readiness(&self, revision: &str) -> Readiness {
        let name = self.canary.primary_name();
        let Some(primary) = &self.primary else {
            return Readiness::Waiting(format!("Deployment {name} is being made."));
        };
        let live = self.observation.live.get(&refs::primary(self.canary));
        let replicas = primary_replicas(primary);
        let up_to_date = match (live, self.render_primary(revision, replicas)) {
            // The fingerprint, not the content: a mutating policy may have added to what we applied.
            (Some(live), Some(wanted)) => owned::is_applied(live, &wanted),
            // Neither snapshot nor target to compare with: what the primary says that it is.
            (Some(live), None) => live["metadata"]["annotations"][names::REVISION]
                .as_str()
                // The peer's primaries say nothing: what runs is what counts.
                .is_none_or(|runs| runs == revision),
            (None, _) => false,
        };
        if !up_to_date {
            return Readiness::Waiting(format!("Deployment {name} is being brought to revision {revision}."));
        }
        if replicas == 0 {
            return Readiness::Waiting(format!("Deployment {name} is scaled to zero; scale it up."));
        }
        let readiness = workload::readiness(primary, self.analysis().primary_ready_threshold.unwrap_or(100));
        match named(&name, readiness) {
            Readiness::Ready if self.primary_endpoints == 0 && serves(self.canary) => Readiness::Waiting(
                format!("Service {} has no ready endpoint yet.", self.canary.primary_service_name()),
            ),
            readiness => readiness,
        }
    }

    /// Whether any pod of the primary is available.
    pub(super) fn primary_is_up(&self) -> bool {
        let status = self.primary.as_ref().and_then(|primary| primary.status.as_ref());
        status.and_then(|status| status.available_replicas).unwrap_or(0) > 0
    }

    /// Whether the primary can take traffic back right now although it may lack pods: it serves, and its pods are not
    /// being replaced.
    pub(super) fn primary_can_carry(&self, revision: Option<&str>) -> bool {
        let Some(primary) = &self.primary else { return false };
        if revision.is_some_and(|revision| self.primary_readiness(revision) == Readiness::Ready) {
            return true;
        }
        let status = primary.status.clone().unwrap_or_default();
        let wanted = primary_replicas(primary);
        let being_replaced = status.observed_generation < primary.metadata.generation
            || status.updated_replicas.unwrap_or(0) < wanted
            || status.replicas.unwrap_or(0) > status.updated_replicas.unwrap_or(0);
        self.primary_endpoints > 0 && !being_replaced
    }

    /// Whether the target's pods are ready for traffic.
    pub(super) fn canary_readiness(&self) -> Readiness {
        let Some(target) = &self.target else {
            return Readiness::Waiting(format!("{} does not exist.", refs::target(self.canary)));
        };
        if target.replicas == 0 {
            return Readiness::Waiting(format!("{} is being scaled up.", refs::target(self.canary)));
        }
        let threshold = self.analysis().canary_ready_threshold.unwrap_or(100);
        match named(self.canary.target_name(), workload::readiness(&target.deployment, threshold)) {
            Readiness::Ready if self.canary_endpoints == 0 => Readiness::Waiting(format!(
                "Service {} has no ready endpoint yet.",
                self.canary.canary_service_name()
            )),
            readiness => readiness,
        }
    }

    /// The share that the route may give the canary: none while nothing of it is ready.
    pub(super) fn safe(&self, weight: Weight) -> Weight {
        if self.canary_endpoints > 0 { weight } else { Weight::ZERO }
    }

    /// Whether the route stands at a weight and its router has taken it over; otherwise what is awaited.
    pub(super) fn routed(&self, weight: Weight) -> Result<(), String> {
        match &self.route {
            None => Err("The route is being made.".to_owned()),
            Some(route) if route.weights != Weights::of_canary(weight) => {
                Err(format!("The route is being set to {weight} %."))
            }
            Some(Route { acceptance: Acceptance::Accepted, .. }) => Ok(()),
            Some(Route { acceptance: Acceptance::Pending(why) | Acceptance::Refused(why), .. }) => {
                let routes: Vec<String> =
                    self.router.needs(self.canary).iter().map(ToString::to_string).collect();
                Err(whole(format!("{}: {why}", routes.join(", "))))
            }
        }
    }

    /// Replicas that the primary has, or shall have when it is made.
    pub(super) fn primary_replicas(&self) -> i32 {
        match &self.primary {
            Some(primary) => primary_replicas(primary),
            None => self.wished_replicas(),
        }
    }

    /// Replicas that the user wishes for what serves; at least one.
    pub(super) fn wished_replicas(&self) -> i32 {
        let target = self.target.as_ref();
        let running = target.map(|target| target.replicas).filter(|replicas| *replicas > 0);
        running.or_else(|| target.and_then(|target| workload::wished(target.object))).unwrap_or(1)
    }
}

impl<'a> Target<'a> {
    fn read(observation: &'a Observation, settings: &Settings) -> Result<Option<Self>, Blocker> {
        let reference = refs::target(&observation.canary);
        let Some(object) = observation.live.get(&reference) else { return Ok(None) };
        let deployment: Deployment = observation
            .live
            .typed(&reference)
            .map_err(|error| blocked("Malformed", error))?
            .unwrap_or_default();
        let selector = Selector::of(&deployment, &settings.selector_labels)
            .map_err(|error| blocked("NoSelectorLabel", error))?;
        let snapshot = Snapshot::of_target(object).map_err(|error| blocked("Malformed", error))?;
        Ok(Some(Target {
            object,
            selector,
            snapshot,
            observed: ObservedTarget {
                uid: deployment.metadata.uid.clone().unwrap_or_default(),
                generation: deployment.metadata.generation.unwrap_or_default(),
            },
            replicas: deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            deployment,
        }))
    }

    /// The Deployment.
    pub(super) fn deployment(&self) -> &Deployment {
        &self.deployment
    }
}

/// What is awaited or wrong, told of the Deployment by its name.
fn named(name: &str, readiness: Readiness) -> Readiness {
    let told = |why: String| whole(format!("Deployment {name}: {why}"));
    match readiness {
        Readiness::Ready => Readiness::Ready,
        Readiness::Waiting(why) => Readiness::Waiting(told(why)),
        Readiness::Failed(why) => Readiness::Failed(told(why)),
    }
}

/// Replicas that a primary is asked to have.
fn primary_replicas(primary: &Deployment) -> i32 {
    primary.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}
