//! What failed does not keep its traffic.

use jiff::Timestamp;

use super::{Invariant, Moment};
use crate::{
    api::{Condition, ConditionStatus, Phase},
    simulation::search::{moment::runs, subject::NAME},
};

/// A revision that was taken back has no share an interval after the primary has as many ready pods as it is to have: also while
/// these are replaced one after the other. Only where the promotion failed, it is the primary that is broken.
#[derive(Default)]
pub(super) struct Handed {
    taken_back: bool,
    /// Since when the primary could have the traffic.
    since: Option<Timestamp>,
}

impl Invariant for Handed {
    fn name(&self) -> &'static str {
        "handed-back"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let kept = self.since.map(|since| moment.now.duration_since(since));
        for (_, before, after) in moment.statuses() {
            let failed = after.phase == Phase::Failed;
            self.taken_back =
                failed && (runs(before.phase) || self.taken_back && before.phase == Phase::Failed);
        }
        let before = moment.before;
        let unseen = moment.now < before.late_until.max(before.split_until);
        let could =
            self.taken_back && moment.share > 0 && moment.look.done && !hindered(moment) && serves(moment);
        self.since = could.then(|| self.since.unwrap_or(moment.now)).filter(|_| !unseen);
        match kept.filter(|kept| *kept > moment.interval() && !unseen) {
            Some(kept) => Err(format!("what was taken back kept {} % for {kept:#}", before.share)),
            None => Ok(()),
        }
    }
}

/// Whether something else than the primary keeps the traffic where it is. That the controller waits for the primary is no excuse.
fn hindered(moment: &Moment<'_>) -> bool {
    let stalled = |c: &Condition| c.type_ == "Stalled" && c.status == ConditionStatus::True;
    let mut conditions = moment.look.decision.status.conditions.iter();
    moment.canary().spec.suspend || conditions.any(|c| stalled(c) && c.reason != "PrimaryNotReady")
}

/// Whether the primary has as many ready pods as it is to have, and requests reach them.
fn serves(moment: &Moment<'_>) -> bool {
    let Some(primary) = moment.memory.get(&moment.case.subject.primary()) else { return false };
    let wanted = [&primary["spec"]["replicas"], &primary["status"]["desiredNumberScheduled"]];
    let wanted = wanted.into_iter().find_map(serde_json::Value::as_u64).unwrap_or(1).max(1);
    let (_, ready) = moment.ready();
    u64::try_from(ready).unwrap_or(u64::MAX) >= wanted
        && moment.seen_endpoints(&format!("{NAME}-primary")) > 0
}
