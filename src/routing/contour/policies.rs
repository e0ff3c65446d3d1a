//! Time-outs and retries of a route.

use serde_json::{Map, Value};

use crate::{
    api::{Duration, Retries},
    routing::{Problem, object::set},
};

/// The failures that an HTTPProxy can try again after, from the CRD.
const RETRY_ON: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// `spec.service.timeout` as an HTTPProxy writes it; a time-out of 0 is none.
pub(super) fn timeout(text: &Option<String>, problems: &mut Vec<Problem>) -> Option<String> {
    time(text, "spec.service.timeout", problems)
        .map(|time| if time == Duration::ZERO { "infinity".to_owned() } else { time.to_string() })
}

/// `spec.service.retries` as a retry policy.
pub(super) fn retries(retries: &Retries, problems: &mut Vec<Problem>) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(attempts) = retries.attempts {
        // 0 is the proxy's default there, which is one more try.
        fields.insert("count".to_owned(), if attempts == 0 { -1 } else { attempts }.into());
    }
    let time = time(&retries.per_try_timeout, "spec.service.retries.perTryTimeout", problems);
    if let Some(time) = time.filter(|time| *time != Duration::ZERO) {
        fields.insert("perTryTimeout".to_owned(), time.to_string().into());
    }
    let words = set(&retries.retry_on).into_iter().flat_map(|words| words.split(',')).map(str::trim);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    for word in words.iter().filter(|word| !RETRY_ON.contains(word)) {
        problems.push(Problem::new(
            "spec.service.retries.retryOn",
            format!("an HTTPProxy cannot try again on {word:?}: use some of {}", RETRY_ON.join(", ")),
        ));
    }
    if !words.is_empty() {
        fields.insert("retryOn".to_owned(), words.into());
    }
    fields
}

fn time(text: &Option<String>, path: &str, problems: &mut Vec<Problem>) -> Option<Duration> {
    let text = set(text)?;
    let time = text.parse::<Duration>().ok().filter(|time| *time >= Duration::ZERO);
    if time.is_none() {
        problems.push(Problem::new(path, format!("{text:?} is no time-out: write 500ms, 15s or 1m")));
    }
    time
}
