//! The primary gets traffic back only with the pods for it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Invariant, Moment};
use crate::{
    api::{CanaryStatus, Object, Phase},
    simulation::search::{
        moment::runs,
        subject::{CANARY_SERVICE, NAME},
    },
};

/// While what serves as canary is good, the primary's share is raised only if it has, as far as the controller saw, as many ready
/// pods as serve that share as canary now, or as it is itself to have. That is so in a promotion and after one that failed, and
/// when the target is back at the promoted revision; after a run only until the deadline.
#[derive(Default)]
pub(super) struct Capacity {
    taken_back: bool,
    /// What the target asked for when the present phase began.
    asked: Vec<Value>,
}

impl Invariant for Capacity {
    fn name(&self) -> &'static str {
        "capacity"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let mut looked = Ok(());
        let asked = || moment.case.subject.served(moment.memory, NAME);
        for (_, before, after) in moment.statuses() {
            let lowered = after.canary_weight < before.canary_weight && !self.taken_back;
            // Somebody has made the target another thing, which nobody has analysed.
            if lowered && is_good(moment, before, after) && self.asked == asked() {
                looked = enough(moment, 100 - after.canary_weight);
            }
            if before.phase != after.phase {
                self.asked = asked();
            }
            let wished = before.phase == Phase::Promoting && moment.is_called_back();
            let ends = runs(before.phase) || before.phase == Phase::Waiting || wished;
            let failed = after.phase == Phase::Failed;
            self.taken_back = failed && (ends || self.taken_back && before.phase == Phase::Failed);
        }
        looked
    }
}

/// Whether nothing speaks against what has the traffic, and its time is not over.
fn is_good(moment: &Moment<'_>, before: &CanaryStatus, after: &CanaryStatus) -> bool {
    let seen = &moment.look.seen;
    let nobody_decides = !seen.problems.is_empty()
        || seen.unread.is_some()
        || moment.canary().metadata.deletion_timestamp.is_some();
    // What chose its requests is gone.
    let late = moment.now < moment.before.late_until;
    if nobody_decides || late || before.matched && !moment.chooses() {
        return false;
    }
    // The same of what the look could see of it.
    let target = seen.live.get(moment.workloads.0).map(|target| &target["metadata"]);
    let is_judged = before.target.as_ref().zip(target).is_some_and(|(judged, now)| {
        now["uid"] == *judged.uid && now["generation"].as_i64() == Some(judged.generation)
    });
    match before.phase {
        // A clock that jumps shortens a wait.
        _ if !is_judged || moment.before.jumped => false,
        Phase::Promoting => true,
        Phase::Initialized | Phase::Succeeded | Phase::Failed => {
            let rests = matches!(after.phase, Phase::Initialized | Phase::Succeeded | Phase::Failed);
            let deadline = moment.canary().spec.progress_deadline_seconds.unwrap_or_default();
            // It is kept in whole seconds.
            let since = before.last_transition_time.as_ref().map(|since| since.0.as_second());
            let since = since.and_then(|since| Timestamp::from_second(since).ok());
            let waited = since.map(|since| moment.now.duration_since(since));
            let in_time = waited.is_some_and(|waited| waited < SignedDuration::from_secs(deadline.into()));
            rests && in_time
        }
        _ => false,
    }
}

/// Whether the primary has the pods for a share in percent.
fn enough(moment: &Moment<'_>, share: i32) -> Result<(), String> {
    let number = |object: &Object, at: &str| object.pointer(at).and_then(Value::as_u64);
    let (serving, ready) =
        (moment.seen_endpoints(CANARY_SERVICE), moment.seen_endpoints(&format!("{NAME}-primary")));
    let live = &moment.look.seen.live;
    let primary = live.get(moment.workloads.1);
    let of_primary = ["/spec/replicas", "/status/desiredNumberScheduled"];
    let most = match live.get(&moment.case.subject.autoscaler()) {
        Some(scaler) => number(scaler, "/spec/maxReplicas"),
        None => of_primary.into_iter().find_map(|at| number(primary?, at)),
    };
    // A pod of which only a part is needed is needed.
    let parts = serving * usize::try_from(share).unwrap_or(0);
    let needs = parts.div_ceil(100);
    let needs = most.and_then(|most| usize::try_from(most).ok()).map_or(needs, |most| needs.min(most));
    if ready < needs {
        return Err(format!("the primary gets {share} % with {ready} ready pods and needs {needs}"));
    }
    Ok(())
}
