//! When a hook is called again; as the peer does it.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Pause before the first repetition; it doubles each time.
pub(super) const FIRST: Duration = Duration::from_secs(1);
/// Longest pause, whoever asks for it.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// The pause that a server asks for, in seconds; dates are not read.
pub(super) fn after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
