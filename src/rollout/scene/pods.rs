//! Which pods are ready, and how many there shall be.

use super::Scene;
use crate::{
    api::{names, owned},
    rollout::{observation::serves, refs, text::whole},
    workload::{self, Readiness},
};

impl Scene<'_> {
    /// Whether the primary runs a revision and is ready for all traffic.
    pub(in super::super) fn primary_readiness(&self, revision: &str) -> Readiness {
        let name = || refs::primary_name(self.canary);
        let Some(primary) = self.primary else {
            return Readiness::Waiting(format!("{} is being made.", name()));
        };
        let up_to_date = match self.render_primary(revision, self.primary_replicas()) {
            // The fingerprint, not the content: a mutating policy may have added to what we applied.
            Some(wanted) => owned::is_applied(primary, &wanted),
            // Neither snapshot nor target to compare with: what the primary says that it is.
            None => primary["metadata"]["annotations"][names::REVISION]
                .as_str()
                // The peer's primaries say nothing: what runs is what counts.
                .is_none_or(|runs| runs == revision),
        };
        if !up_to_date {
            return Readiness::Waiting(format!("{} is being brought to revision {revision}.", name()));
        }
        if self.kind.is_idle(primary) {
            return Readiness::Waiting(format!("{} is scaled to zero; scale it up.", name()));
        }
        let threshold = self.analysis().and_then(|analysis| analysis.primary_ready_threshold).unwrap_or(100);
        match named(name, workload::readiness(self.kind, primary, threshold)) {
            Readiness::Ready if self.primary_endpoints == 0 && serves(self.canary) => Readiness::Waiting(
                format!("Service {} has no ready endpoint yet.", self.canary.primary_service_name()),
            ),
            readiness => readiness,
        }
    }

    /// Whether the primary was given a revision, ready or not.
    pub(in super::super) fn primary_is_given(&self, revision: &str) -> bool {
        let given = self.primary.map(|primary| &primary["metadata"]["annotations"][names::REVISION]);
        given.is_some_and(|given| given == revision)
    }

    /// Whether any pod of the primary is available.
    pub(in super::super) fn primary_is_up(&self) -> bool {
        self.primary.is_some_and(|primary| self.kind.pods(primary).available > 0)
    }

    /// Whether the primary can take traffic back right now although it may lack pods: it serves, and its pods are not
    /// being replaced.
    pub(in super::super) fn primary_can_carry(&self, revision: Option<&str>) -> bool {
        let Some(primary) = self.primary else { return false };
        if revision.is_some_and(|revision| self.primary_readiness(revision) == Readiness::Ready) {
            return true;
        }
        self.primary_endpoints > 0 && !self.kind.pods(primary).are_being_replaced()
    }

    /// Whether the primary is good enough to take traffic back from a canary that failed: nobody replaces its pods but by a strategy
    /// that keeps enough of them, or some are missing alone and it has as many as the canary.
    pub(in super::super) fn primary_can_relieve(&self) -> bool {
        let Some(primary) = self.primary.filter(|_| self.primary_endpoints > 0) else { return false };
        let pods = self.kind.pods(primary);
        let enough = self.primary_endpoints >= self.canary_endpoints;
        pods.seen && pods.holds || pods.are_only_missing() && enough
    }

    /// Whether the target's pods are ready for traffic.
    pub(in super::super) fn canary_readiness(&self) -> Readiness {
        match self.target_readiness() {
            Readiness::Ready if self.canary_endpoints == 0 => Readiness::Waiting(format!(
                "Service {} has no ready endpoint yet.",
                self.canary.canary_service_name()
            )),
            readiness => readiness,
        }
    }

    /// Whether the target has its pods, whatever leads to them.
    pub(in super::super) fn target_readiness(&self) -> Readiness {
        let reference = refs::target(self.canary);
        let Some(target) = &self.target else {
            return Readiness::Waiting(format!("{reference} does not exist."));
        };
        if target.idle {
            return Readiness::Waiting(format!("{reference} is being scaled up."));
        }
        let threshold = self.analysis().and_then(|analysis| analysis.canary_ready_threshold).unwrap_or(100);
        let name = || format!("{} {}", self.kind.name(), self.canary.target_name());
        named(name, workload::readiness(self.kind, target.object, threshold))
    }

    /// Replicas that the primary has, or shall have when it is made.
    pub(in super::super) fn primary_replicas(&self) -> i32 {
        self.primary.and_then(|primary| self.kind.replicas(primary)).unwrap_or_else(|| self.wished_replicas())
    }

    /// Replicas that the user wishes for what serves; at least one.
    pub(in super::super) fn wished_replicas(&self) -> i32 {
        let target = self.target.as_ref();
        let running = target.and_then(|target| target.replicas).filter(|replicas| *replicas > 0);
        let wished = running.or_else(|| target.and_then(|target| workload::wished(target.object)));
        wished.unwrap_or(1).max(self.fewest())
    }
}

/// What is awaited or wrong, told of the workload by its name.
fn named(name: impl Fn() -> String, readiness: Readiness) -> Readiness {
    let told = |why: String| whole(format!("{}: {why}", name()));
    match readiness {
        Readiness::Ready => Readiness::Ready,
        Readiness::Waiting(why) => Readiness::Waiting(told(why)),
        Readiness::Failed(why) => Readiness::Failed(told(why)),
    }
}
