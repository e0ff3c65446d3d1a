//! Times that a clock has left behind: what was stored before it jumped back lies in a future that is none.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    Settings,
    draft::later,
    scene::{deadline, interval, settle},
};
use crate::api::{Canary, CanaryStatus};

/// The clocks of two leaders may differ by so much: what one stored is no fault to the other.
const APART: SignedDuration = SignedDuration::from_secs(30);

/// Brings each time of a status that lies further ahead than the longest wait for it to the end of a wait that begins now, and what
/// is said to have happened in the future to now. Otherwise a clock that jumps back by an hour would hold a run up for that hour.
pub(super) fn bound(status: &mut CanaryStatus, canary: &Canary, settings: &Settings, now: Timestamp) {
    within(&mut status.next_step_at, interval(canary), now);
    within(&mut status.deadline_at, deadline(canary), now);
    within(&mut status.settle_until, settle(settings), now);
    within(&mut status.last_transition_time, SignedDuration::ZERO, now);
    for hook in &mut status.hooks {
        within(&mut hook.time, SignedDuration::ZERO, now);
    }
}

fn within(time: &mut Option<Time>, longest: SignedDuration, now: Timestamp) {
    let latest = later(now, longest);
    if let Some(time) = time.as_mut().filter(|time| time.0.duration_since(latest) > APART) {
        time.0 = latest;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::a_time_within_its_wait_stays(20, 20)]
    #[case::two_clocks_may_differ_a_little(50, 50)]
    #[case::one_that_jumped_back_is_waited_out_from_now_on(3600, 20)]
    #[case::what_is_past_stays(-3600, -3600)]
    fn a_due_time_is_at_most_as_far_ahead_as_its_wait_is_long(#[case] stored: i64, #[case] kept: i64) {
        let canary: Canary = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "progressDeadlineSeconds": 20,
                "analysis": {"interval": "20s"},
            },
        }))
        .unwrap();
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let at = |seconds: i64| Some(Time(now + SignedDuration::from_secs(seconds)));
        let times = |status: &CanaryStatus| [status.next_step_at.clone(), status.deadline_at.clone()];
        let mut status =
            CanaryStatus { next_step_at: at(stored), deadline_at: at(stored), ..CanaryStatus::default() };
        bound(&mut status, &canary, &Settings::default(), now);
        assert_eq!(times(&status), [at(kept), at(kept)]);
    }
}
