//! Prometheus and what speaks its HTTP API: one instant query, one number back. The answer's types are those of
//! `prometheus-http-query`, fed from bytes that are bounded already (its own client reads
//! without a bound).

use http::{HeaderMap, HeaderName, HeaderValue, header};
use prometheus_http_query::error::PrometheusError;
use prometheus_http_query::response::{Data, PromqlResult};
use reqwest::Url;
use serde::Deserialize;

use super::{Answer, MetricProvider, ProviderError, Request};
use crate::analysis::{Check, Endpoint, Sample};
use crate::api::MetricProviderType;

/// The Prometheus HTTP API.
pub(super) struct Prometheus;

/// Headers that belong to the connection; a user's value would break its framing.
const OURS: &[HeaderName] = &[
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Longest text of the server that is shown, in characters.
const LONGEST_REASON: usize = 300;

/// What every answer of the API is wrapped in; the library keeps its own to itself.
#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Envelope {
    Success { data: PromqlResult },
    Error(PrometheusError),
}

impl MetricProvider for Prometheus {
    fn kind(&self) -> MetricProviderType {
        MetricProviderType::Prometheus
    }

    fn request(&self, check: &Check) -> Result<Request, ProviderError> {
        let Endpoint { address, headers: given, insecure } = &check.endpoint;
        let bad = ProviderError::Address;
        let mut url = Url::parse(address).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("the scheme is {}", url.scheme())));
        }
        url.path_segments_mut()
            .map_err(|()| bad("it has no path".to_owned()))?
            .pop_if_empty()
            .extend(["api", "v1", "query"]);
        url.query_pairs_mut().append_pair("query", &check.query);
        Ok(Request { url, headers: headers(given)?, insecure: *insecure })
    }

    fn sample(&self, answer: &Answer) -> Result<Sample, ProviderError> {
        let host = answer.host.clone();
        match (serde_json::from_slice(&answer.body), answer.status) {
            (Ok(Envelope::Error(error)), _) => {
                Err(ProviderError::Refused { host, reason: shown(&error.to_string()) })
            }
            (_, status) if !status.is_success() => {
                Err(ProviderError::Status { host, status: status.as_u16() })
            }
            (Ok(Envelope::Success { data }), _) => value(data.data()),
            (Err(error), _) => {
                // Not the error's own text, which repeats pieces of an answer that may be anyone's.
                let cause = format!("line {}, column {}", error.line(), error.column());
                Err(ProviderError::Malformed { host, kind: self.kind(), cause })
            }
        }
    }
}

/// The peer takes the last of several series, whichever that is; here more than one is an error.
fn value(data: &Data) -> Result<Sample, ProviderError> {
    let value = match data {
        Data::Scalar(sample) => sample.value(),
        Data::Vector(series) => match series.as_slice() {
            [] => return Ok(Sample::NoData),
            [only] => only.sample().value(),
            several => return Err(ProviderError::Ambiguous(several.len())),
        },
        Data::Matrix(_) => return Err(ProviderError::Range),
    };
    Ok(if value.is_nan() { Sample::NoData } else { Sample::Value(value) })
}

fn headers(given: &std::collections::BTreeMap<String, Vec<String>>) -> Result<HeaderMap, ProviderError> {
    let mut headers = HeaderMap::new();
    for (name, values) in given {
        let bad = |reason| ProviderError::Header { name: shown(name), reason };
        let parsed: HeaderName = name.parse().map_err(|_| bad("it is no header name"))?;
        if OURS.contains(&parsed) {
            return Err(bad("it belongs to the connection"));
        }
        for value in values {
            let mut value: HeaderValue =
                value.parse().map_err(|_| bad("its value has signs that no header may have"))?;
            value.set_sensitive(true);
            headers.append(&parsed, value);
        }
    }
    Ok(headers)
}

/// A foreign text as it may stand in a message: one line, not too long.
fn shown(text: &str) -> String {
    let line: String =
        text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(LONGEST_REASON).collect();
    if text.chars().nth(LONGEST_REASON).is_some() { line + "…" } else { line }
}
