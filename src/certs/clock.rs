//! The clock by which certificates are dated: the API server's, because it is the one who checks their dates. A node
//! whose own clock is wrong must neither throw away what is good nor issue what nobody can believe yet.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;

/// Differences up to this are nobody's fault: an answer takes its time, and certificates are dated back by more.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// How long the API server may take to tell the time.
const ANSWER: Duration = Duration::from_secs(5);

/// This node's clock beside the API server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// What this node's clock lacks; negative where it is ahead, zero within [`TOLERANCE`].
    lacks: SignedDuration,
}

impl Clock {
    /// Compares the two; a server that did not tell the time leaves us with our own.
    pub(super) fn compare(ours: Timestamp, servers: Option<Timestamp>) -> Self {
        let lacks = servers.map_or(SignedDuration::ZERO, |servers| servers.duration_since(ours));
        Self { lacks: if lacks.abs() > TOLERANCE { lacks } else { SignedDuration::ZERO } }
    }

    /// Asks the API server.
    pub(super) async fn ask(client: &Client) -> Self {
        let servers = tokio::time::timeout(ANSWER, date(client)).await.ok().flatten();
        Self::compare(Timestamp::now(), servers)
    }

    /// The time at which this node's clock shows `ours`.
    pub(super) fn corrected(self, ours: Timestamp) -> Timestamp {
        ours.checked_add(self.lacks).unwrap_or(ours)
    }

    /// What an operator has to know.
    pub(super) fn complaint(self) -> Option<String> {
        let (by, side) = (self.lacks.abs(), if self.lacks.is_negative() { "ahead of" } else { "behind" });
        (!self.lacks.is_zero()).then(|| {
            format!(
                "the clock of this node is {by:#} {side} the API server's; certificates are dated by the API server's: \
                 set the node's clock"
            )
        })
    }
}

/// The `Date` of an answer; `/version` is open to everybody who is known.
async fn date(client: &Client) -> Option<Timestamp> {
    let request = http::Request::get("/version").body(Body::empty()).ok()?;
    let answer = client.send(request).await.ok()?;
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alike(0, None)]
    #[case::within_what_an_answer_takes(299, None)]
    #[case::behind(3600, Some("1h behind the API server's"))]
    #[case::ahead(-7200, Some("2h ahead of the API server's"))]
    fn a_difference_is_told_once_it_is_no_delay_of_an_answer(#[case] lacks: i64, #[case] said: Option<&str>) {
        let ours: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let servers = ours + SignedDuration::from_secs(lacks);
        let clock = Clock::compare(ours, Some(servers));
        assert_eq!(clock.corrected(ours), if said.is_some() { servers } else { ours });
        match (clock.complaint(), said) {
            (None, None) => {}
            (Some(complaint), Some(said)) => assert!(complaint.contains(said), "{complaint}"),
            (complaint, said) => panic!("{complaint:?}, expected {said:?}"),
        }
    }

    #[test]
    fn a_server_that_tells_no_time_leaves_us_our_own() {
        let ours: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        assert_eq!(Clock::compare(ours, None).corrected(ours), ours);
    }
}
