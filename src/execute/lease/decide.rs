//! What a candidate does next: a pure function of the lease as last read, of who we are and of our own clock.
//!
//! Clocks of different machines are never compared. A foreign lease counts as held for its duration from the moment at which
//! *we* saw it change; the times written in it are for people.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::time::Instant;

/// A lease as it was read, and when we first saw it in this state.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    /// Who leads; empty after a release.
    pub(super) holder: String,
    /// How long the holder leads after a renewal.
    pub(super) duration: Duration,
    /// How often the holder changed.
    pub(super) transitions: i32,
    /// The version for the next write.
    pub(super) version: String,
    /// What tells one renewal from the next.
    mark: String,
    /// When we first saw this renewal, by our clock.
    since: Instant,
}

impl Sighting {
    /// The lease as read at `now`; `before` is how we saw it last.
    pub(super) fn of(spec: &LeaseSpec, version: &str, before: Option<&Sighting>, now: Instant) -> Sighting {
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let mark = spec.renew_time.as_ref().map(|time| time.0.to_string()).unwrap_or_default();
        let seconds =
            spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
        let same = before.filter(|before| before.holder == holder && before.mark == mark);
        Sighting {
            holder,
            mark,
            duration: Duration::from_secs(seconds),
            transitions: spec.lease_transitions.unwrap_or(0),
            version: version.to_owned(),
            since: same.map_or(now, |before| before.since),
        }
    }

    /// Until when the holder leads.
    pub(super) fn expires(&self) -> Instant {
        self.since + self.duration
    }
}

/// What a candidate does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no lease: create it.
    Create,
    /// It is ours, free or expired: write ourselves into it.
    Take,
    /// Somebody else leads at least until then.
    Wait(Instant),
}

/// What to do about a lease.
pub(super) fn decide(lease: Option<&Sighting>, identity: &str, now: Instant) -> Step {
    match lease {
        None => Step::Create,
        Some(lease) if lease.holder == identity || lease.holder.is_empty() => Step::Take,
        Some(lease) if now >= lease.expires() => Step::Take,
        Some(lease) => Step::Wait(lease.expires()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use rstest::rstest;

    fn spec(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(jiff::Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[rstest]
    #[case::ours("me", 0, Some(Step::Take))]
    #[case::ours_but_expired("me", 60, Some(Step::Take))]
    #[case::released("", 0, Some(Step::Take))]
    #[case::held("other", 14, None)]
    #[case::expired("other", 15, Some(Step::Take))]
    fn a_candidate_takes_what_is_free_or_expired_by_its_own_clock(
        #[case] holder: &str,
        #[case] seconds_later: u64,
        #[case] expected: Option<Step>,
    ) {
        let start = Instant::now();
        let lease = Sighting::of(&spec(holder, 1), "1", None, start);
        let now = start + Duration::from_secs(seconds_later);
        let expected = expected.unwrap_or(Step::Wait(start + Duration::from_secs(15)));
        assert_eq!(decide(Some(&lease), "me", now), expected);
    }

    #[test]
    fn without_a_lease_one_is_created() {
        assert_eq!(decide(None, "me", Instant::now()), Step::Create);
    }

    #[rstest]
    #[case::clock_far_behind(-1_000_000)]
    #[case::clock_far_ahead(4_000_000_000)]
    fn a_holder_whose_clock_is_wrong_still_leads_for_the_whole_duration(#[case] renewed: i64) {
        let start = Instant::now();
        let first = Sighting::of(&spec("other", renewed), "1", None, start);
        let later = start + Duration::from_secs(10);
        let renewed = Sighting::of(&spec("other", renewed + 5), "2", Some(&first), later);
        assert_eq!(renewed.expires(), later + Duration::from_secs(15), "a renewal starts it anew");
        let unchanged = Sighting::of(&spec("other", 0), "3", None, start);
        let seen_again = Sighting::of(&spec("other", 0), "4", Some(&unchanged), later);
        assert_eq!(seen_again.expires(), start + Duration::from_secs(15), "a mere look does not");
    }
}
