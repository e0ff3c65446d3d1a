//! Time-outs of a rule.

use serde_json::{Map, Value};

use crate::{
    api::{CanaryService, Duration},
    routing::Problem,
};

const MILLISECOND: i64 = 1_000_000;

/// `timeout` and `backendTimeout` in the Gateway API's own form of durations, if any is set.
pub(super) fn timeouts(service: &CanaryService, problems: &mut Vec<Problem>) -> Option<Value> {
    let request = timeout(&service.timeout, "spec.service.timeout", problems);
    let backend = timeout(&service.backend_timeout, "spec.service.backendTimeout", problems);
    if let (Some(request), Some(backend)) = (request, backend)
        && request > 0
        && backend > request
    {
        problems.push(Problem::new(
            "spec.service.backendTimeout",
            "is longer than spec.service.timeout, which ends the request first: make it at most as long",
        ));
    }
    let mut fields = Map::new();
    for (name, milliseconds) in [("request", request), ("backendRequest", backend)] {
        if let Some(milliseconds) = milliseconds {
            fields.insert(name.to_owned(), text(milliseconds).into());
        }
    }
    (!fields.is_empty()).then(|| fields.into())
}

/// Whole milliseconds; the Gateway API knows nothing shorter, and no more than five digits of hours.
fn timeout(text: &Option<String>, path: &str, problems: &mut Vec<Problem>) -> Option<i64> {
    let text = text.as_deref().filter(|text| !text.is_empty())?;
    let nanoseconds = text.parse::<Duration>().map(Duration::nanoseconds).ok();
    let fits = |nanoseconds: &i64| {
        *nanoseconds >= 0 && nanoseconds % MILLISECOND == 0 && nanoseconds / MILLISECOND < 100_000 * 3_600_000
    };
    let milliseconds = nanoseconds.filter(fits).map(|nanoseconds| nanoseconds / MILLISECOND);
    if milliseconds.is_none() {
        problems.push(Problem::new(
            path,
            format!("{text:?} is no time-out: write whole milliseconds or more, such as 500ms, 15s or 1m"),
        ));
    }
    milliseconds
}

/// Up to four numbers of at most five digits, each with a unit: `1h2m3s4ms`.
fn text(milliseconds: i64) -> String {
    let parts = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let mut rest = milliseconds;
    let mut text = String::new();
    for (size, unit) in parts {
        if rest >= size {
            text += &format!("{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
