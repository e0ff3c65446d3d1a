//! When a hook is called again; as the peer does it.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Pause before the first repetition; it doubles each time.
pub(super) const FIRST: Duration = Duration::from_secs(1);
/// Longest pause, whoever asks for it: a step of the Canary waits meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause before the next attempt: the one that the server asks for, else our own.
pub(super) fn pause(own: Duration, asked: Option<Duration>) -> Duration {
    asked.unwrap_or(own).min(LONGEST)
}

/// The pause that a server asks for at a time: seconds, or a date.
pub(super) fn after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(text).ok()?.timestamp();
    // One that is past asks for no pause.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seconds(Some("7"), 7)]
    #[case::none_at_all(Some("0"), 0)]
    #[case::a_date(Some("Sun, 06 Nov 1994 08:49:47 GMT"), 10)]
    #[case::a_date_that_is_past(Some("Sun, 06 Nov 1994 08:49:00 GMT"), 0)]
    #[case::longer_than_a_step_may_wait(Some("3600"), 30)]
    #[case::a_date_far_away(Some("Sat, 06 Nov 2094 08:49:47 GMT"), 30)]
    #[case::no_time(Some("soon"), 2)]
    #[case::a_negative_one(Some("-5"), 2)]
    #[case::nothing(None, 2)]
    fn a_server_is_left_alone_as_long_as_it_asks_for_within_bounds(
        #[case] asked: Option<&'static str>,
        #[case] seconds: u64,
    ) {
        let mut headers = HeaderMap::new();
        headers.extend(asked.map(|text| (RETRY_AFTER, text.parse().unwrap())));
        let now = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(pause(Duration::from_secs(2), after(&headers, now)), Duration::from_secs(seconds));
    }
}
