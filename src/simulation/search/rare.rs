//! What happens to a few of the rollouts only: each takes long to play, or ends what all others are about.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    happening::{Group, Happening, What},
    subject::{ROUTES, Subject},
};
use crate::{api::Provider, routing};

/// One rollout in so many.
const DELETED: u8 = 16;
const UNREADABLE: u8 = 16;
const MISRULED: u8 = 24;
const MOVED: u8 = 20;
const FORGOTTEN: u8 = 20;
const SLOW: u8 = 8;
const UNMATCHED: u8 = 4;

/// The longest that no read passes, in milliseconds: denied, and because the server cannot.
const LONGEST: [i64; 2] = [90_000, 240_000];

/// Adds to what happens, in the first `span` milliseconds after the release.
pub(super) fn draw(
    subject: &Subject,
    groups: &[Group],
    span: i64,
    random: &mut Rng,
    happenings: &mut Vec<Happening>,
) {
    let mut add = |random: &mut Rng, what: What, at: i64, longest: i64| {
        happenings.push(Happening { at: random.i64(0..at), lasts: random.i64(1..longest), what });
    };
    let falls = |group, of, random: &mut Rng| groups.contains(&group) && random.u8(0..of) == 0;
    let leaves = falls(Group::Edits, DELETED, random);
    if leaves {
        let what = What::CanaryDeleted { reverts: random.bool(), again: random.u8(0..3) == 0 };
        add(random, what, span, 40_000);
    }
    if falls(Group::Policy, UNREADABLE, random) {
        let denied = random.bool();
        add(random, What::Unreadable { denied }, span, LONGEST[usize::from(!denied)]);
    }
    if falls(Group::Edits, MOVED, random)
        && let Some(provider) = another(subject, random)
    {
        // A run may begin in the same moment, and later there is hardly any.
        let longest = if random.u8(0..4) == 0 { 1 } else { 4 * span };
        add(random, What::Moved(provider), longest, 2);
    }
    let forgotten = falls(Group::Edits, FORGOTTEN, random);
    if forgotten {
        let number = random.bool().then(|| random.usize(0..2));
        add(random, What::SnapshotsDeleted(number), span, 2);
    }
    let misruled = falls(Group::Gate, MISRULED, random);
    if misruled {
        let (edited, mended) = broken(subject, random);
        add(random, What::Misruled { edited, mended }, span, LONGEST[0]);
    }
    if falls(Group::Cluster, SLOW, random) {
        add(random, What::PrimarySlow, span, LONGEST[0]);
    }
    if !subject.analysis["match"].is_null() && falls(Group::Edits, UNMATCHED, random) {
        add(random, What::Plan(json!({"match": null})), span, 2);
    }
    if misruled {
        // What is put right must break no other rule.
        happenings.retain(|happening| !matches!(happening.what, What::Plan(_)));
    }
    if leaves {
        // Nobody makes another primary for a Canary that goes.
        happenings.retain(|happening| !matches!(happening.what, What::PrimaryDeleted));
    }
    if forgotten {
        // What is lost as well, a primary or a target, can be made of nothing.
        let lost = |what: &What| match what {
            What::PrimaryDeleted | What::PrimaryEdited | What::PrimaryRestarted | What::PrimarySlow => true,
            What::TargetDeleted => true,
            What::PodsLost(of) => *of == subject.primary(),
            _ => false,
        };
        happenings.retain(|happening| !lost(&happening.what));
    }
}

/// Another provider, which can do what the analysis asks for.
fn another(subject: &Subject, random: &mut Rng) -> Option<Provider> {
    let asks = |field: &str| !subject.analysis[field].is_null();
    let can = |provider: &Provider| {
        let able = routing::router(*provider).map(|router| router.capabilities()).unwrap_or_default();
        (able.mirror || !asks("mirror"))
            && (able.affinity || !asks("sessionAffinity"))
            && (!able.matching.is_empty() || !asks("match"))
    };
    let others: Vec<Provider> =
        ROUTES.into_iter().filter(|other| *other != subject.provider).filter(can).collect();
    (!others.is_empty()).then(|| others[random.usize(0..others.len())])
}

/// Fields by which a Canary breaks a rule, and those by which it keeps it again.
fn broken(subject: &Subject, random: &mut Rng) -> (Value, Value) {
    let of = |field: &str, wrong: Value| {
        (json!({"analysis": {field: wrong}}), json!({"analysis": {field: subject.analysis[field]}}))
    };
    match random.u8(0..3) {
        // Where there are no builtin metrics, that one breaks nothing.
        0 if subject.provider != Provider::Kubernetes => {
            of("metrics", json!([{"name": "request-success-rate"}]))
        }
        1 => of("interval", json!("soon")),
        _ => of("stepWeights", json!([50, 30])),
    }
}
