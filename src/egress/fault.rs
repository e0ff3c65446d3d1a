//! Why no answer came, in words for people.

use std::{error::Error, time::Duration};

/// Why no answer came from `host` within `timeout`, without the URL: it may hold secrets.
pub fn why(error: &reqwest::Error, host: &str, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("{host} did not answer within {} s", timeout.as_secs_f64());
    }
    let cause = innermost(error);
    if error.is_connect() {
        format!("{host} cannot be reached ({cause})")
    } else {
        format!("the exchange with {host} broke off ({cause})")
    }
}

/// The innermost cause of an error, which says most.
pub fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
