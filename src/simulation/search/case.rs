//! One simulated rollout, whole: all that is drawn from its seed, so that parts of it can be left out and the rest replays.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::{
    RELEASE,
    desk::Desk,
    happening::{self, Group, Happening, What},
    rare,
    subject::Subject,
};
use crate::{
    admission::Mode,
    analysis::Sample,
    rollout::{AskId, Measured, Reply},
    simulation::Fault,
};

/// How long after the release things happen, in milliseconds.
const SPAN: i64 = 120_000;
/// The calls to the API server that may go wrong are among the first so many.
const CALLS: u32 = 120;

/// How a revision does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quality {
    Good,
    Bad,
    /// Good and bad at times.
    Mixed,
}

/// A rollout and what happens to it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) subject: Subject,
    pub(super) quality: Quality,
    /// Whether metric servers fail to answer at times.
    pub(super) silent: bool,
    pub(super) happenings: Vec<Happening>,
    /// What goes wrong, by the number of the call.
    pub(super) calls: BTreeMap<u32, Fault>,
    /// Whether the gate adjusts what people write, and how much its word counts.
    pub(super) gate: Option<Mode>,
    /// Who answers its hooks.
    pub(super) desk: Desk,
    /// How long an answer takes, in seconds.
    pub(super) slow: i64,
}

impl Case {
    /// The rollout of a seed, with faults of these groups.
    pub(super) fn draw(seed: u64, groups: &[Group]) -> Self {
        // Neighbours among the seeds are to have nothing in common.
        let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed);
        let subject = Subject::draw(&mut random);
        let has = |group| groups.contains(&group);
        let quality = match random.u8(0..10) {
            _ if !has(Group::Metrics) => Quality::Good,
            0..=5 => Quality::Good,
            6 | 7 => Quality::Bad,
            _ => Quality::Mixed,
        };
        let silent = has(Group::Metrics) && quality != Quality::Good && random.bool();
        let mut happenings = happening::draw(&subject, groups, SPAN, &mut random);
        let mut calls = BTreeMap::new();
        if has(Group::Calls) && random.u8(0..3) > 0 {
            let often = random.u32(5..40);
            for call in 0..CALLS {
                if random.u32(0..often) == 0 {
                    calls.insert(call, fault(&mut random));
                }
            }
        }
        let gate = match random.u8(0..5) {
            _ if !has(Group::Gate) => Some(Mode::Enforce),
            0 | 1 => None,
            2 => Some(Mode::Warn),
            _ => Some(Mode::Enforce),
        };
        let hooks = has(Group::Hooks) && subject.has_hooks();
        let desk = if hooks { Desk::draw(SPAN, &mut random) } else { Desk::default() };
        let slow = if has(Group::Metrics) && random.u8(0..6) == 0 { random.i64(0..45) } else { 0 };
        if has(Group::Policy) {
            happenings.extend(happening::policy(&subject, SPAN, &mut random));
        }
        rare::draw(&subject, groups, SPAN, &mut random, &mut happenings);
        // Of two leaders the one whose time has come would tell of its write, and the other, with none to try yet, take that back.
        if happenings.iter().any(|happening| matches!(happening.what, What::Unwritable { .. })) {
            for happening in &mut happenings {
                if let What::Deluded(ahead) = &mut happening.what {
                    *ahead = 0;
                }
            }
        }
        happenings.sort_by_key(|happening| happening.at);
        Case { seed, subject, quality, silent, happenings, calls, gate, desk, slow }
    }

    /// What a hook answers.
    pub(super) fn said(&self, now: Timestamp, id: &AskId) -> Reply {
        self.desk.answer(self.seed, now.duration_since(Timestamp::UNIX_EPOCH) - RELEASE, id)
    }

    /// Whether the Canary breaks a rule at any time.
    pub(super) fn is_misruled(&self) -> bool {
        self.happenings.iter().any(|happening| matches!(happening.what, What::Misruled { .. }))
    }

    /// Whether another provider may be chosen.
    pub(super) fn is_moved(&self) -> bool {
        self.happenings.iter().any(|happening| matches!(happening.what, What::Moved(_)))
    }

    /// How long after the release nothing happens any more but the rollout itself.
    pub(super) fn quiet_after(&self) -> SignedDuration {
        let last = self.happenings.iter().map(|happening| happening.at + happening.lasts).max().unwrap_or(0);
        SignedDuration::from_millis(if self.desk.is_harmless() { last } else { last.max(SPAN) })
    }

    /// What a metric server answers: the same question gets the same answer.
    pub(super) fn measured(&self, id: &AskId) -> Measured {
        let due = u64::try_from(id.due.duration_since(Timestamp::UNIX_EPOCH).as_millis()).unwrap_or_default();
        let mut dice = Rng::with_seed(self.seed ^ due.rotate_left(17) ^ 0x5851_f42d_4c95_7f2d);
        let good = match self.quality {
            Quality::Good => true,
            Quality::Bad => false,
            Quality::Mixed => dice.u8(0..4) > 0,
        };
        match dice.u8(0..4) {
            _ if good => Ok(Sample::Value(100.0)),
            0 if self.silent => Err("the server is away".to_owned()),
            1 if self.silent => Ok(Sample::NoData),
            _ => Ok(Sample::Value(12.0)),
        }
    }

    /// The case as lines for people.
    pub(super) fn told(&self) -> Vec<String> {
        let Case { seed, subject, quality, silent, happenings, calls, gate, desk, slow } = self;
        let mut lines = vec![
            format!("seed {seed}: {subject:?}"),
            format!(
                "the revision is {quality:?}, metric servers are silent at times: {silent}, the gate: {gate:?}"
            ),
            format!("hooks: {desk:?}, an answer takes {slow} s"),
        ];
        lines.extend(happenings.iter().map(|Happening { at, lasts, what }| {
            format!("{at} ms after the release, for {lasts} ms if it lasts: {what:?}")
        }));
        lines.extend(calls.iter().map(|(call, fault)| format!("call {call} to the API server: {fault:?}")));
        lines
    }
}

fn fault(random: &mut Rng) -> Fault {
    match random.u8(0..5) {
        0 => Fault::Conflict,
        1 => Fault::Refused,
        2 => Fault::TimedOut,
        3 => Fault::CrashBefore,
        _ => Fault::CrashAfter,
    }
}
