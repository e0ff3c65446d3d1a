//! Watches a rollout: after each look, asks every invariant.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    Violation,
    case::Case,
    happening::What,
    invariant::{self, End, Invariant},
    moment::{Course, Moment, Share},
    subject::NAME,
};
use crate::{
    api::{Canary, CanaryStatus, ObjectRef, Phase},
    rollout::Settings,
    simulation::{Deed, Kubernetes, Look, Memory},
};

/// How long after a hurt nobody need serve: pods start, the controller repairs.
const HEALING: SignedDuration = SignedDuration::from_secs(30);
/// How long after late news or a second leader what they led to may show.
const ECHO: SignedDuration = SignedDuration::from_secs(10);

/// The eyes on one rollout.
pub(super) struct Watch<'a> {
    case: &'a Case,
    settings: Settings,
    canary: Option<Arc<Canary>>,
    reference: ObjectRef,
    /// Whether the Canary that was looked at last is gone.
    gone: bool,
    target: ObjectRef,
    primary: ObjectRef,
    route: Share,
    course: Course,
    invariants: Vec<Box<dyn Invariant>>,
    /// The first rule that was broken.
    pub(super) violation: Option<Box<Violation>>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        Watch {
            case,
            settings: case.subject.settings(),
            canary: None,
            reference: super::canary(),
            gone: false,
            target: case.subject.workload(NAME),
            primary: case.subject.primary(),
            route: Share::default(),
            course: Course::default(),
            invariants: invariant::all(),
            violation: None,
        }
    }

    /// The rollout begins with this status.
    pub(super) fn begin(&mut self, status: Arc<CanaryStatus>) {
        self.course.status = status;
    }

    /// A look ended, and did this.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        memory: &Memory,
        kubernetes: &Kubernetes,
        look: &Look,
        deeds: &[(Timestamp, Deed)],
    ) {
        if self.violation.is_some() {
            return;
        }
        let uid = look.seen.canary.metadata.uid.as_deref();
        let stored = memory.get(&self.reference).and_then(|stored| stored["metadata"]["uid"].as_str());
        let is_known = self.canary.as_ref().is_none_or(|known| known.metadata.uid.as_deref() == uid);
        if is_known && self.gone || !is_known && stored != uid {
            // Somebody has not heard yet that this one is gone.
            return;
        }
        if !is_known {
            self.course.status = Arc::default();
            self.invariants = invariant::all();
        }
        self.gone = stored != uid;
        self.canary = Some(look.seen.canary.clone());
        let share = if deeds.is_empty() {
            self.course.share
        } else {
            self.route.of(memory, &look.seen.canary, &self.case.subject, &self.settings)
        };
        let moment = Moment {
            case: self.case,
            now,
            settings: &self.settings,
            memory,
            kubernetes,
            workloads: (&self.target, &self.primary),
            look,
            deeds,
            before: &self.course,
            share,
        };
        let broken =
            self.invariants.iter_mut().find_map(|rule| Some((rule.name(), rule.look(&moment).err()?)));
        if let Some((name, told)) = broken {
            self.broken(name, now, told);
        }
        for (_, deed) in deeds {
            if let Deed::Status(status) = deed {
                self.course.status = status.clone();
            }
        }
        self.shared(share, now);
    }

    /// A write changed nothing. Where news are late, or two lead, nobody knows better.
    pub(super) fn wrote_in_vain(&mut self, now: Timestamp, of: &ObjectRef) {
        if now >= self.course.late_until.max(self.course.split_until) {
            self.broken("only-on-difference", now, format!("{of} was written and was so before"));
        }
    }

    fn shared(&mut self, share: i64, now: Timestamp) {
        if share != self.course.share {
            self.course.share = share;
            self.course.share_since = now;
        }
    }

    /// Something happened outside, and lasts until then.
    pub(super) fn happened(&mut self, what: &What, now: Timestamp, until: Timestamp, memory: &Memory) {
        let course = &mut self.course;
        match what {
            What::Jumped(_) => {
                course.jumped = true;
                course.jumps += 1;
            }
            What::Lagged | What::Deaf => course.late_until = course.late_until.max(until + ECHO),
            What::Deluded(ahead) => {
                course.split_until = course.split_until.max(until + ECHO);
                course.jumped |= *ahead != 0;
                course.jumps += u32::from(*ahead != 0);
            }
            What::Crashed
            | What::Replaced
            | What::CutOff
            | What::Repeated
            | What::Released(_)
            | What::Reapplied
            | What::Skipped
            | What::Threshold(_)
            | What::Plan(_)
            | What::ConfigEdited
            | What::AutoscalerEdited
            | What::GateAway
            | What::CanaryDeleted { .. }
            | What::Moved(_)
            | What::SnapshotsDeleted(_)
            | What::Marked(_) => {}
            What::Suspended
            | What::GatewayAway
            | What::Unwritable { .. }
            | What::Unreadable { .. }
            | What::Misruled { .. } => course.hurt_until = course.hurt_until.max(until + HEALING),
            // A mended object needs its time, and nothing is mended while the Canary is suspended.
            _ => course.hurt_until = course.hurt_until.max(now.max(until) + HEALING),
        }
        if let Some(canary) = &self.canary {
            let share = self.route.of(memory, canary, &self.case.subject, &self.settings);
            self.shared(share, now);
        }
    }

    /// All has had its time: how the rollout ended. Nobody is to look again for nothing.
    pub(super) fn end(&mut self, now: Timestamp, memory: &Memory, wakes: bool) -> Phase {
        let end = End { case: self.case, now, memory, course: &self.course };
        let broken = self.invariants.iter().find_map(|rule| Some((rule.name(), rule.end(&end).err()?)));
        if let Some((name, told)) = broken {
            self.broken(name, now, told);
        }
        if wakes {
            self.broken("idle-is-free", now, "somebody will look although nothing happens".to_owned());
        }
        self.course.status.phase
    }

    /// A rule is broken.
    pub(super) fn broken(&mut self, invariant: &'static str, now: Timestamp, told: String) {
        let at = now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
        let (seed, trace, timeline) = (self.case.seed, self.case.told(), Vec::new());
        let violation = Violation { seed, invariant, at, told, trace, timeline };
        self.violation.get_or_insert_with(|| Box::new(violation));
    }
}
