//! What happens to a rollout from outside: what people and GitOps write, and what machines do.

use fastrand::Rng;
use serde_json::{Value, json};

use super::subject::{NAME, NAMESPACE, Subject, Trigger};
use crate::{
    api::{ObjectRef, Provider},
    rollout::Cause,
};

/// Marks that nobody may take off again; on objects that others share with us.
pub(super) const FOREIGN: &str = "someone.else/note";

/// Something that happens, and that ends after a while if it lasts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Happening {
    /// Milliseconds after the release.
    pub(super) at: i64,
    /// Milliseconds until its end.
    pub(super) lasts: i64,
    pub(super) what: What,
}

/// Groups of happenings and faults that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Calls: 409, 500, time-outs of what happened, crashes between any two writes.
    Calls,
    /// Watches: late and reordered news, and news that comes twice.
    Watches,
    /// Leaders: crashes, hand-overs, two leaders for a while.
    Leaders,
    /// People and GitOps: edits, deletions and recreations of everything, at any instant.
    Edits,
    /// The cluster: pods that die, gateways that are away.
    Cluster,
    /// Metric servers: bad values, no data, no answer, late answers.
    Metrics,
    /// Hooks: gates that stay closed for a while, tests that fail, no usable answer, revisions that are called back.
    Hooks,
    /// Clocks that jump.
    Clock,
    /// The gate is away, from the beginning or for a while, or only warns: nothing adjusts what people write, or refuses it.
    Gate,
    /// Policies: for a while nobody can write objects of one kind, because one denies it or its webhook is down, or nobody can read.
    Policy,
}

impl Group {
    /// All of them, with their names.
    pub const ALL: [(&str, Group); 10] = [
        ("calls", Group::Calls),
        ("watches", Group::Watches),
        ("leaders", Group::Leaders),
        ("edits", Group::Edits),
        ("cluster", Group::Cluster),
        ("metrics", Group::Metrics),
        ("hooks", Group::Hooks),
        ("clock", Group::Clock),
        ("gate", Group::Gate),
        ("policy", Group::Policy),
    ];
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A newer revision, or the first one again.
    Released(u8),
    /// The analysis is edited.
    Plan(Value),
    Threshold(i32),
    Skipped,
    /// For a while.
    Suspended,
    Scaled(i32),
    /// The target's file is applied again.
    Reapplied,
    /// For a while; then it is made again from its file.
    TargetDeleted,
    PrimaryDeleted,
    PrimaryEdited,
    /// For a while new pods of the primary do not get ready; those before them go on.
    PrimaryRestarted,
    /// The canary's share is edited in the route.
    Rerouted(i64),
    RouteDeleted,
    ServiceDeleted(&'static str),
    ServiceEdited(&'static str),
    ConfigEdited,
    AutoscalerEdited,
    /// The Canary is deleted; some are made again after a while.
    CanaryDeleted {
        reverts: bool,
        again: bool,
    },
    /// Somebody leaves a mark on an object.
    Marked(ObjectRef),
    /// For a while.
    GatewayAway,
    /// Pods of a workload are not ready for a while.
    PodsLost(ObjectRef),
    /// One pod of the primary alone is ready for a while, also if its pods are replaced meanwhile.
    PrimarySlow,
    /// The leader dies.
    Crashed,
    /// The leader ends in good order.
    Replaced,
    /// For a while the leader does not reach its lease.
    CutOff,
    /// The same, and the leader goes on although another one, whose clock is so many seconds ahead, leads.
    Deluded(i64),
    /// The leader's clock jumps by so many seconds.
    Jumped(i64),
    /// News are late for a while, each for another time.
    Lagged,
    /// No news comes for a while; then all is read anew, and what was in between is lost.
    Deaf,
    /// For a while.
    GateAway,
    /// For a while no write of objects of this kind passes.
    Unwritable {
        kind: String,
        cause: Cause,
    },
    /// For a while no read passes: each is denied, or the server cannot.
    Unreadable {
        denied: bool,
    },
    /// The Canary is edited so that it breaks a rule, and put right after a while.
    Misruled {
        edited: Value,
        mended: Value,
    },
    /// Another provider, if the Canary is at rest.
    Moved(Provider),
    /// Snapshots of revisions are deleted: all, or one of them.
    SnapshotsDeleted(Option<usize>),
    /// News come twice.
    Repeated,
}

impl What {
    fn draw(subject: &Subject, group: Group, random: &mut Rng) -> Option<What> {
        let service = |random: &mut Rng| ["shop", "shop-primary", "shop-canary"][random.usize(0..3)];
        Some(match group {
            Group::Edits => match random.u8(0..20) {
                0..=2 => What::Released(random.u8(1..5)),
                3 => What::Plan(edited(subject, random)),
                4 => What::Threshold(random.i32(1..5)),
                5 => What::Skipped,
                6 => What::Suspended,
                7 => What::Scaled(random.i32(0..5)),
                8 => What::Reapplied,
                9 => What::TargetDeleted,
                10 => What::PrimaryDeleted,
                11 => What::PrimaryEdited,
                12 => What::Rerouted(random.i64(0..101)),
                13 => What::RouteDeleted,
                14 => What::ServiceDeleted(service(random)),
                15 => What::ServiceEdited(service(random)),
                16 if subject.trigger != Trigger::Image => What::ConfigEdited,
                17 if subject.autoscaled => What::AutoscalerEdited,
                _ => What::Marked(match random.u8(0..4) {
                    0 => subject.workload(NAME),
                    1 => subject.primary(),
                    2 => ObjectRef::new("v1", "Service", NAMESPACE, service(random)),
                    _ => subject.route(),
                }),
            },
            Group::Cluster => match random.u8(0..4) {
                0 => What::GatewayAway,
                1 => What::PrimaryRestarted,
                2 => What::PodsLost(subject.workload(NAME)),
                _ => What::PodsLost(subject.primary()),
            },
            Group::Leaders => match random.u8(0..6) {
                0..=1 => What::Crashed,
                2 => What::Replaced,
                3 => What::CutOff,
                _ => What::Deluded(if random.bool() { 0 } else { random.i64(-5..6) }),
            },
            Group::Clock => {
                let most = if random.bool() { 90 } else { 3600 };
                What::Jumped(random.i64(-most..=most))
            }
            Group::Watches => match random.u8(0..4) {
                0 => What::Repeated,
                1 => What::Deaf,
                _ => What::Lagged,
            },
            Group::Gate => What::GateAway,
            Group::Calls | Group::Metrics | Group::Hooks | Group::Policy => return None,
        })
    }

    /// Whether its end makes anew what may not have been gone yet.
    pub(super) fn comes_again(&self) -> bool {
        matches!(self, What::CanaryDeleted { again: true, .. })
    }

    /// Whether the primary cannot take traffic back while it lasts.
    fn binds(&self, subject: &Subject) -> bool {
        *self == What::PrimaryRestarted || *self == What::PodsLost(subject.primary())
    }
}

/// What somebody makes of the analysis in mid-run.
fn edited(subject: &Subject, random: &mut Rng) -> Value {
    let there = |field: &str| !subject.analysis[field].is_null();
    let gone: Vec<&str> =
        ["match", "sessionAffinity", "mirror", "webhooks"].into_iter().filter(|field| there(field)).collect();
    if !gone.is_empty() && random.bool() {
        return json!({ gone[random.usize(0..gone.len())]: null });
    }
    if there("iterations") {
        return json!({ "iterations": random.i32(1..5) });
    }
    let plans = [json!([7, 15, 30, 70]), json!([60]), json!([10, 20]), json!([1, 100])];
    json!({ "stepWeights": plans[random.usize(0..plans.len())] })
}

/// What happens in the first `span` milliseconds after the release.
pub(super) fn draw(subject: &Subject, groups: &[Group], span: i64, random: &mut Rng) -> Vec<Happening> {
    let eventful: Vec<Group> = groups
        .iter()
        .copied()
        .filter(|group| !matches!(group, Group::Calls | Group::Metrics | Group::Hooks | Group::Policy))
        .collect();
    if eventful.is_empty() {
        return Vec::new();
    }
    // A quarter of the rollouts is left in peace.
    let count =
        random.usize(0..8).saturating_sub(1) / 2 + usize::from(random.u8(0..8) == 0) * random.usize(0..6);
    let mut happenings: Vec<Happening> = (0..count)
        .filter_map(|_| {
            let group = eventful[random.usize(0..eventful.len())];
            let what = What::draw(subject, group, random)?;
            // Whole seconds are when the controller itself does something.
            let at = if random.bool() { random.i64(0..span / 1000) * 1000 } else { random.i64(0..span) };
            Some(Happening { at, lasts: random.i64(1..40_000), what })
        })
        .collect();
    if eventful.contains(&Group::Edits) && random.bool() {
        // A newer revision takes over a share that the primary cannot take back: hardly ever by chance.
        let binding = happenings.iter().find(|happening| happening.what.binds(subject)).cloned();
        happenings.extend(binding.map(|Happening { at, lasts, .. }| {
            let at = at + random.i64(0..lasts);
            Happening { at, lasts, what: What::Released(random.u8(2..4)) }
        }));
    }
    happenings.sort_by_key(|happening| happening.at);
    happenings
}

/// A policy that comes in the first `span` milliseconds after the release and goes again, or whose webhook is down for some
/// minutes; in half of the rollouts none does.
pub(super) fn policy(subject: &Subject, span: i64, random: &mut Rng) -> Option<Happening> {
    let kinds = [subject.primary().kind, subject.route().kind, "Service".into(), "ControllerRevision".into()];
    let kind = kinds.into_iter().nth(random.usize(0..8))?;
    let (cause, longest) =
        if random.bool() { (Cause::WriteRefused, 90_000) } else { (Cause::WriteFailed, 240_000) };
    let what = What::Unwritable { kind, cause };
    Some(Happening { at: random.i64(0..span), lasts: random.i64(1..longest), what })
}
