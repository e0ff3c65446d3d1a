//! What invariants look at: one instant after a look of a controller, and what led to it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{case::Case, planned::Planned, subject::Subject};
use crate::{
    api::{
        Canary, CanaryStatus, Condition, ConditionStatus, HookOutcome, Live, ObjectRef, Phase, WebhookType,
        names,
    },
    rollout::{self, Answer, Effect, Manager, Settings, Unread},
    routing,
    simulation::{Deed, Kubernetes, Look, Memory},
    workload,
};

/// What holds over several instants.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// The status as stored.
    pub(super) status: Arc<CanaryStatus>,
    /// The canary's share in the live route.
    pub(super) share: i64,
    /// Since when the share is what it is.
    pub(super) share_since: Timestamp,
    /// Until when what people and machines do may show: nobody serves, say, because a primary was deleted.
    pub(super) hurt_until: Timestamp,
    /// Until when news may be late, and a little longer.
    pub(super) late_until: Timestamp,
    /// Until when two controllers take themselves for the leader, and a little longer.
    pub(super) split_until: Timestamp,
    /// Whether a clock has jumped.
    pub(super) jumped: bool,
    /// How often.
    pub(super) jumps: u32,
}

/// One instant.
pub(super) struct Moment<'a> {
    pub(super) case: &'a Case,
    pub(super) now: Timestamp,
    pub(super) settings: &'a Settings,
    pub(super) memory: &'a Memory,
    pub(super) kubernetes: &'a Kubernetes,
    /// The target and the primary.
    pub(super) workloads: (&'a ObjectRef, &'a ObjectRef),
    /// The look that has just ended.
    pub(super) look: &'a Look,
    /// What it did, in order.
    pub(super) deeds: &'a [(Timestamp, Deed)],
    /// As it was before the look.
    pub(super) before: &'a Course,
    /// The share after it.
    pub(super) share: i64,
}

impl Moment<'_> {
    /// The Canary that was looked at.
    pub(super) fn canary(&self) -> &Canary {
        &self.look.seen.canary
    }

    /// The object whose weights move.
    pub(super) fn route(&self) -> ObjectRef {
        self.case.subject.route_of(rollout::provider(self.canary(), self.settings))
    }

    /// The plan in force, worked out anew.
    pub(super) fn plan(&self) -> Planned {
        let canary = self.canary();
        let router = routing::router(rollout::provider(canary, self.settings));
        let able = router.map(|router| routing::able(router, canary)).unwrap_or_default();
        Planned::of(&canary.spec.analysis.clone().unwrap_or_default(), able)
    }

    /// Whether nothing is analysed.
    pub(super) fn skips(&self) -> bool {
        let spec = &self.canary().spec;
        spec.skip_analysis || spec.analysis.is_none()
    }

    /// Whether the canary's share is one of some requests alone.
    pub(super) fn chooses(&self) -> bool {
        let router = routing::router(rollout::provider(self.canary(), self.settings));
        router.is_some_and(|router| !routing::chosen(router, self.canary()).is_empty())
    }

    /// The hooks of a type, as they stand in the identities of calls.
    pub(super) fn hooks(&self, type_: WebhookType) -> Vec<String> {
        let written = self.canary().spec.analysis.iter().flat_map(|analysis| &analysis.webhooks);
        written.filter(|hook| hook.type_ == type_).map(|hook| format!("{type_}/{}", hook.name)).collect()
    }

    /// Whether the decision knew of a wish to take its revision back.
    pub(super) fn is_called_back(&self) -> bool {
        let revision = self.look.decision.status.last_applied_spec.as_deref();
        let wishes = self.hooks(WebhookType::Rollback);
        self.look.seen.answers.iter().any(|(id, answer)| {
            let Answer::Said(reply) = answer else { return false };
            let passed = reply.outcome() == HookOutcome::Passed && self.look.decision.known.contains(id);
            passed && Some(id.revision.as_str()) == revision && wishes.contains(&id.name)
        })
    }

    /// Time between two checks.
    pub(super) fn interval(&self) -> SignedDuration {
        rollout::interval(self.canary())
    }

    /// Statuses that were stored, each with the one before it and its time.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (Timestamp, &CanaryStatus, &CanaryStatus)> {
        let mut before = self.before.status.as_ref();
        self.deeds.iter().filter_map(move |(at, deed)| {
            let Deed::Status(after) = deed else { return None };
            Some((*at, std::mem::replace(&mut before, after), after.as_ref()))
        })
    }

    /// Effects, each with the status that was stored when it happened and its time.
    pub(super) fn effects(&self) -> impl Iterator<Item = (Timestamp, &CanaryStatus, &Effect)> {
        let mut status = self.before.status.as_ref();
        self.deeds.iter().filter_map(move |(at, deed)| match deed {
            Deed::Status(after) => {
                status = after;
                None
            }
            Deed::Effect(effect) => Some((*at, status, effect)),
            Deed::Told(_) | Deed::Asked(_) => None,
        })
    }

    /// Whether this look wrote a route.
    pub(super) fn routed(&self) -> bool {
        self.effects().any(|(_, _, effect)| {
            matches!(
                effect,
                Effect::Apply { manager: Manager::Route, .. } | Effect::Patch { manager: Manager::Route, .. }
            )
        })
    }

    /// Whether the controller may do nothing about this Canary.
    pub(super) fn held(&self) -> bool {
        let stalled = |c: &Condition| c.type_ == "Stalled" && c.status == ConditionStatus::True;
        let blind = self.look.seen.unread.as_ref().is_some_and(Unread::hides_all);
        blind || self.canary().spec.suspend || self.look.decision.status.conditions.iter().any(stalled)
    }

    /// Ready pods of the target and of the primary.
    pub(super) fn ready(&self) -> (usize, usize) {
        let (target, primary) = self.workloads;
        (self.kubernetes.ready(target, self.now), self.kubernetes.ready(primary, self.now))
    }

    /// Ready endpoints of the canary's Service, as the look saw them.
    pub(super) fn seen_endpoints(&self, service: &str) -> usize {
        let slices = self.look.seen.live.of_kind("EndpointSlice").map(|(_, slice)| slice);
        workload::ready_endpoints(slices, service)
    }
}

/// The canary's share in the live route, with what it was read from last.
#[derive(Default)]
pub(super) struct Share(Option<(Option<i64>, Live, i64)>);

impl Share {
    /// The share; none without a route. Users who are kept on the canary are not counted.
    pub(super) fn of(
        &mut self,
        memory: &Memory,
        canary: &Canary,
        subject: &Subject,
        settings: &Settings,
    ) -> i64 {
        let provider = rollout::provider(canary, settings);
        let Some(router) = routing::router(provider) else { return 0 };
        let route = subject.route_of(provider);
        let known = |of| memory.objects().get_key_value(&of).map(|(of, object)| (of.clone(), object.clone()));
        let read = router.needs(canary).into_iter().chain([route.clone()]);
        let live: Live = read.filter_map(known).collect();
        let generation = canary.metadata.generation;
        if let Some((of, from, share)) = &self.0
            && (*of, from) == (generation, &live)
        {
            return *share;
        }
        let unkept = || unkept(&live.get(&route)?["spec"]);
        let led = || Some(router.read(canary, &live).ok()??.weights.canary);
        let share = unkept().or_else(|| led().map(|share| i64::from(i32::from(share)))).unwrap_or(0);
        self.0 = Some((generation, live, share));
        share
    }
}

/// The canary's share of the requests without a cookie, where a route tells them apart: these are led by its last rule.
fn unkept(spec: &Value) -> Option<i64> {
    let rules = spec.get("rules").or_else(|| spec.get("http"))?.as_array()?;
    let [first, .., last] = rules.as_slice() else { return None };
    let by_cookie =
        first["matches"].to_string().contains("cookie") || first["match"].to_string().contains("cookie");
    let backends = last.get("backendRefs").or_else(|| last.get("route"))?.as_array()?;
    by_cookie.then(|| backends.get(1).and_then(|canary| canary["weight"].as_i64()).unwrap_or_default())
}

/// Whether a revision is being analysed.
pub(super) fn runs(phase: Phase) -> bool {
    matches!(phase, Phase::Progressing | Phase::WaitingPromotion)
}

/// Whether an effect takes the target's pods away.
pub(super) fn rests(effect: &Effect) -> bool {
    let key = names::SCALE_TO_ZERO.replace('/', "~1");
    match effect {
        Effect::Scale { replicas, .. } => *replicas == 0,
        Effect::Merge { patch, .. } => patch
            .pointer(&format!("/spec/template/spec/nodeSelector/{key}"))
            .is_some_and(|value| !value.is_null()),
        _ => false,
    }
}
