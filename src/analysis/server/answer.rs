//! What a metric server sent back, and what every kind of server means by it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ServerError, shown};
use crate::api::MetricProviderType;

/// A metric server's answer, read whole and within limits.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `host:port` of the server, for messages.
    pub host: String,
    /// Where the credentials of the question came from, for messages.
    pub holder: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as this type, if the status says that it is one. `words` finds in a JSON body what the server says of
    /// a refusal.
    pub(super) fn json<T: DeserializeOwned>(
        &self,
        kind: MetricProviderType,
        words: fn(&Value) -> Option<String>,
    ) -> Result<T, ServerError> {
        let (host, status) = (self.host.clone(), self.status.as_u16());
        match status {
            200..300 => serde_json::from_slice(&self.body).map_err(|error| {
                // Not the error's own text, which repeats pieces of an answer that may be anyone's.
                self.malformed(kind, format!("line {}, column {}", error.line(), error.column()))
            }),
            // No words: some servers repeat there what they were sent.
            401 | 403 | 407 => Err(ServerError::Denied { host, status, holder: self.holder.clone() }),
            429 => Err(ServerError::TooMany { host, after: self.retry_after() }),
            _ => {
                // Text that is no JSON is handed on as a string; only a server that refuses in plain text takes it.
                let text = || Value::String(String::from_utf8_lossy(&self.body).into_owned());
                let said = words(&serde_json::from_slice(&self.body).unwrap_or_else(|_| text()));
                Err(match said.filter(|said| !said.trim().is_empty()) {
                    Some(reason) => ServerError::Refused { host, reason: shown(&reason) },
                    None if status >= 500 => ServerError::Trouble { host, status },
                    None => ServerError::Status { host, status },
                })
            }
        }
    }

    /// The error of an answer that leaves the form of its API.
    pub(super) fn malformed(&self, kind: MetricProviderType, cause: impl Into<String>) -> ServerError {
        ServerError::Malformed { host: self.host.clone(), kind, cause: cause.into() }
    }

    /// The error of an answer in which the server refuses under a status of success.
    pub(super) fn refused(&self, reason: &str) -> ServerError {
        ServerError::Refused { host: self.host.clone(), reason: shown(reason) }
    }

    /// How long the server says to wait: seconds, or a time of day as HTTP writes it.
    fn retry_after(&self) -> Option<String> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        match text.parse::<u32>() {
            Ok(seconds) => Some(format!("{seconds} s")),
            Err(_) if text.ends_with("GMT") => Some(format!("until {}", shown(text))),
            Err(_) => None,
        }
    }
}
