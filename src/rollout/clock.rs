//! Times of a status: the ends of waits, and what becomes of them where a clock jumps back and they lie in a future that is none.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::{
    Settings,
    scene::{deadline, interval, settle},
};
use crate::api::{Canary, CanaryStatus};

/// The clocks of two leaders may differ by so much: what one stored is no fault to the other.
const APART: SignedDuration = SignedDuration::from_secs(30);

/// `now` plus a duration, at most the end of time. The status keeps milliseconds: rounded up, so that nothing is early.
pub(super) fn later(now: Timestamp, duration: SignedDuration) -> Timestamp {
    rounded_up(now.checked_add(duration).unwrap_or(Timestamp::MAX), Unit::Millisecond)
}

/// The first whole unit that is not before a time.
pub(super) fn rounded_up(at: Timestamp, unit: Unit) -> Timestamp {
    at.round(TimestampRound::new().smallest(unit).mode(RoundMode::Ceil)).unwrap_or(Timestamp::MAX)
}

/// The whole second that began last: not in the future.
pub(super) fn this_second(now: Timestamp) -> Timestamp {
    now.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor)).unwrap_or(now)
}

/// Brings each time of a status that lies further ahead than the longest wait for it to the end of a wait that begins now, and what
/// is said to have happened in the future to now. Otherwise a clock that jumps back by an hour would hold a run up for that hour.
pub(super) fn bound(status: &mut CanaryStatus, canary: &Canary, settings: &Settings, now: Timestamp) {
    let waits = [
        (&mut status.next_step_at, interval(canary)),
        (&mut status.deadline_at, deadline(canary)),
        (&mut status.settle_until, settle(settings)),
    ];
    for (end, longest) in waits {
        within(end.as_mut().map(|end| &mut end.0), longest, now);
    }
    let past = status.hooks.iter_mut().map(|hook| &mut hook.time).chain([&mut status.last_transition_time]);
    past.for_each(|time| within(time.as_mut().map(|time| &mut time.0), SignedDuration::ZERO, now));
}

fn within(time: Option<&mut Timestamp>, longest: SignedDuration, now: Timestamp) {
    let latest = later(now, longest);
    if let Some(time) = time.filter(|time| time.duration_since(latest) > APART) {
        *time = latest;
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::what_is_whole_stays("2026-01-01T00:00:10.250Z", "2026-01-01T00:00:20.25Z")]
    #[case::nothing_is_early("2026-01-01T00:00:10.2500001Z", "2026-01-01T00:00:20.251Z")]
    #[case::nor_before_1970("1969-01-01T00:00:10.2500001Z", "1969-01-01T00:00:20.251Z")]
    #[case::nothing_is_after_the_end_of_time("9999-12-30T22:00:00.9Z", "9999-12-30T22:00:00.999999999Z")]
    fn an_end_of_a_wait_is_the_first_millisecond_that_is_not_too_early(
        #[case] now: Timestamp,
        #[case] end: &str,
    ) {
        assert_eq!(later(now, SignedDuration::from_secs(10)).to_string(), end);
    }

    #[rstest]
    #[case::whole("2026-01-01T00:00:10Z", "2026-01-01T00:00:10Z")]
    #[case::begun("2026-01-01T00:00:10.9Z", "2026-01-01T00:00:10Z")]
    #[case::before_1970("1969-12-31T23:59:58.9Z", "1969-12-31T23:59:58Z")]
    fn a_second_that_has_begun_is_not_in_the_future(#[case] now: Timestamp, #[case] second: &str) {
        assert_eq!(this_second(now).to_string(), second);
    }

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
        let at = |seconds: i64| Some(MicroTime(now + SignedDuration::from_secs(seconds)));
        let times = |status: &CanaryStatus| [status.next_step_at.clone(), status.deadline_at.clone()];
        let mut status =
            CanaryStatus { next_step_at: at(stored), deadline_at: at(stored), ..CanaryStatus::default() };
        bound(&mut status, &canary, &Settings::default(), now);
        assert_eq!(times(&status), [at(kept), at(kept)]);
    }
}
