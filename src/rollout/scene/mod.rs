//! The Observation, read: what runs, what serves, what is ready. One place where objects become answers.

mod capacity;
mod pods;
mod route;
mod target;

pub(super) use target::Target;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Observation, Plan, Settings, conditions::Blocker, refs};
use crate::{
    analysis,
    api::{Analysis, Canary, CanaryStatus, Duration, Object, ObjectRef, Provider, owned},
    routing::{self, Capabilities, Route, Router},
    workload::{self, Kind, RevisionId, Snapshot},
};

/// Shortest time between two checks in seconds; less is coerced, as with the peer.
const SHORTEST_INTERVAL: i64 = 10;
/// Interval where none can be read, in seconds; the peer's.
const DEFAULT_INTERVAL: i64 = 60;
/// Deadline of a phase where none is given, in seconds; the peer's.
const DEFAULT_DEADLINE: i32 = 600;

/// Why nothing is done for a Canary that breaks a rule of the gate.
pub(super) const REFUSED: &str = "Refused";

/// Everything that a decision looks at.
pub(super) struct Scene<'a> {
    pub(super) observation: &'a Observation,
    pub(super) canary: &'a Canary,
    pub(super) settings: &'a Settings,
    pub(super) now: Timestamp,
    pub(super) router: &'static dyn Router,
    pub(super) plan: Plan,
    pub(super) kind: &'static dyn Kind,
    pub(super) target: Option<Target<'a>>,
    pub(super) primary: Option<&'a Arc<Object>>,
    pub(super) snapshots: Vec<(Arc<ObjectRef>, Arc<Snapshot>)>,
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

/// How a run of a Canary goes.
pub fn plan(canary: &Canary, settings: &Settings) -> Plan {
    let able = routing::router(provider(canary, settings)).map(|router| routing::able(router, canary));
    plan_of(canary, able.unwrap_or_default())
}

fn plan_of(canary: &Canary, able: Capabilities) -> Plan {
    match &canary.spec.analysis {
        Some(analysis) => Plan::of(analysis, able),
        None => Plan::of(&Analysis::default(), able),
    }
}

/// Time between two checks of a Canary, at least ten seconds.
pub fn interval(canary: &Canary) -> SignedDuration {
    let analysis = canary.spec.analysis.as_ref();
    let wished = analysis
        .and_then(|analysis| analysis.interval.as_ref())
        .and_then(|text| text.parse::<Duration>().ok())
        .map_or(SignedDuration::from_secs(DEFAULT_INTERVAL), |d| SignedDuration::from_nanos(d.nanoseconds()));
    wished.max(SignedDuration::from_secs(SHORTEST_INTERVAL))
}

/// How long a phase of a Canary may wait.
pub(super) fn deadline(canary: &Canary) -> SignedDuration {
    // No time at all is no deadline that anything could meet.
    let wished = canary.spec.progress_deadline_seconds.filter(|seconds| *seconds > 0);
    SignedDuration::from_secs(i64::from(wished.unwrap_or(DEFAULT_DEADLINE)))
}

/// How long nothing is scaled down after traffic has left.
pub(super) fn settle(settings: &Settings) -> SignedDuration {
    SignedDuration::try_from(settings.route_settle).unwrap_or(SignedDuration::from_secs(5))
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
        if !observation.problems.is_empty() {
            return Err(blocked(REFUSED, observation.problems.join(" ")));
        }
        Self::see(observation, settings, now)
    }

    /// Reads an Observation, also one of a Canary that breaks rules.
    pub(super) fn see(
        observation: &'a Observation,
        settings: &'a Settings,
        now: Timestamp,
    ) -> Result<Self, Blocker> {
        let canary = observation.canary.as_ref();
        let provider = provider(canary, settings);
        let router = routing::router(provider).ok_or_else(|| {
            blocked(
                "NotSupported",
                format!("Provider {provider} cannot be run yet; `sluice routers` lists those that can."),
            )
        })?;
        let kind = workload::kind::of(canary.spec.target_ref.kind).ok_or_else(|| {
            let kind = canary.spec.target_ref.kind;
            blocked("NotSupported", format!("Targets of kind {kind} cannot be run yet."))
        })?;
        let live = &observation.live;
        let names = observation.sketches.begin(canary, settings);
        let target = Target::read(kind, observation, settings, &names.target)?;
        let primary = live.get_shared(&names.primary);
        if primary.is_some_and(|primary| !owned::controls(canary, primary)) {
            // Anything else would take over what a user has made, and delete it with the Canary.
            return Err(blocked(
                "PrimaryTaken",
                format!(
                    "{} exists and is not this Canary's: delete or rename it, or rename the target.",
                    refs::primary_name(canary)
                ),
            ));
        }
        let route =
            observation.sketches.read(router, live).map_err(|error| blocked("RouteNotReadable", error))?;
        let slices: Vec<&Object> = live.of_kind("EndpointSlice").map(|(_, slice)| slice).collect();
        let endpoints =
            |service: &ObjectRef| workload::ready_endpoints(slices.iter().copied(), &service.name);
        let [_, primary_service, canary_service] = &names.services;
        Ok(Scene {
            observation,
            canary,
            settings,
            now,
            router,
            plan: plan_of(canary, routing::able(router, canary)),
            kind,
            target,
            primary,
            snapshots: observation.sketches.snapshots(live),
            route,
            canary_endpoints: endpoints(canary_service),
            primary_endpoints: endpoints(primary_service),
        })
    }

    /// The analysis; an old object may have none.
    pub(super) fn analysis(&self) -> Option<&Analysis> {
        self.canary.spec.analysis.as_ref()
    }

    /// What is asked at the end of a step, or why it cannot be asked.
    pub(super) fn checks(&self) -> Arc<Vec<Result<analysis::Check, analysis::Problem>>> {
        let settings = analysis::Settings {
            provider: provider(self.canary, self.settings),
            metrics_server: self.settings.metrics_server.clone(),
            no_cross_namespace_refs: self.settings.no_cross_namespace_refs,
        };
        let templates = self.observation.live.only(refs::metric_templates(self.canary));
        self.observation.sketches.checks(settings, templates)
    }

    /// Whether revisions are promoted without analysis.
    pub(super) fn skips_analysis(&self) -> bool {
        self.canary.spec.skip_analysis || self.canary.spec.analysis.is_none()
    }

    /// Time between two checks, at least ten seconds.
    pub(super) fn interval(&self) -> SignedDuration {
        interval(self.canary)
    }

    /// How long a phase may wait.
    pub(super) fn deadline(&self) -> SignedDuration {
        deadline(self.canary)
    }

    /// How long nothing is scaled down after traffic has left.
    pub(super) fn settle(&self) -> SignedDuration {
        settle(self.settings)
    }

    /// A stored snapshot, or the target's own while it still asks for that revision.
    pub(super) fn snapshot(&self, revision: &str) -> Option<&Arc<Snapshot>> {
        let target = self.target.as_ref().map(|target| &target.snapshot);
        let stored = self.snapshots.iter().map(|(_, snapshot)| snapshot);
        stored.chain(target).find(|snapshot| snapshot.revision.as_str() == revision)
    }

    /// Whether a revision's snapshot is stored.
    pub(super) fn is_stored(&self, revision: &str) -> bool {
        self.snapshots.iter().any(|(_, snapshot)| snapshot.revision.as_str() == revision)
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
        self.target.as_ref().is_some_and(|target| self.primary_runs(&target.snapshot))
    }

    /// Whether the live primary runs a revision. Only a mark on its pods tells that their configs are the revision's; where
    /// they have none, the copies tell.
    pub(super) fn primary_runs(&self, snapshot: &Snapshot) -> bool {
        let (Some(target), Some(primary)) = (&self.target, self.primary) else { return false };
        workload::same_revision(primary, self.canary, snapshot, &target.selector)
            && (workload::configs_of(primary).is_some() || self.copies_hold(snapshot))
    }

    /// The primary's objects as a revision wants them; none without the target's selector or the snapshot.
    pub(super) fn render_primary(&self, revision: &str, replicas: i32) -> Option<Arc<Object>> {
        let target = self.target.as_ref()?;
        Some(self.observation.sketches.primary(
            self.kind,
            self.adopted(self.snapshot(revision)?),
            &target.selector,
            self.kind.replicas(target.object).map(|_| replicas),
        ))
    }
}
