//! Prometheus and what speaks its HTTP API: one instant query, one number back. The answer's types are those of
//! `prometheus-http-query`, fed from bytes that are bounded already (its own client reads
//! without a bound).

use http::header;
use prometheus_http_query::response::{Data, PromqlResult};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Need, Needs, Question, Request, Server, ServerError};
use crate::analysis::verdict::Sample;
use crate::api::MetricProviderType;

/// The Prometheus HTTP API.
pub(super) struct Prometheus;

const KEYS: &[&[&str]] = &[&["token"], &["username", "password"]];

/// What every answer of the API is wrapped in; the library keeps its own to itself.
#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Envelope {
    Success { data: PromqlResult },
    Error(Value),
}

impl Server for Prometheus {
    fn kind(&self) -> MetricProviderType {
        MetricProviderType::Prometheus
    }

    fn needs(&self) -> Needs {
        Needs {
            region: false,
            secret: Need::Optional,
            keys: KEYS,
            value: "the value of the one series of an instant query",
        }
    }

    fn address(&self, _: &str) -> Option<String> {
        None
    }

    fn request(&self, question: &Question<'_>) -> Result<Request, ServerError> {
        let request =
            Request::get(question, &["api", "v1", "query"])?.with(&[("query", &question.check.query)]);
        match question.credentials.login(KEYS)?.as_slice() {
            [(_, name), (_, password)] => request.basic(question, name, password),
            [(key, token)] => {
                request.secret(question, key, header::AUTHORIZATION, &format!("Bearer {token}"))
            }
            _ => Ok(request),
        }
    }

    fn sample(&self, answer: &Answer, _: &Question<'_>) -> Result<Sample, ServerError> {
        match answer.json(self.kind(), words)? {
            Envelope::Success { data } => value(data.data()),
            Envelope::Error(body) => {
                Err(answer.refused(&words(&body).unwrap_or_else(|| "no reason is given".to_owned())))
            }
        }
    }
}

fn words(body: &Value) -> Option<String> {
    Some(format!("{}: {}", body["errorType"].as_str()?, body["error"].as_str()?))
}

/// The peer takes the last of several series, whichever that is; here more than one is an error.
fn value(data: &Data) -> Result<Sample, ServerError> {
    let value = match data {
        Data::Scalar(sample) => sample.value(),
        Data::Vector(series) => match series.as_slice() {
            [] => return Ok(Sample::NoData),
            [only] => only.sample().value(),
            several => {
                let way_out = "aggregate them, for example with sum() or max()";
                return Err(ServerError::Ambiguous { count: several.len(), way_out });
            }
        },
        Data::Matrix(_) => return Err(ServerError::Range),
    };
    Ok(if value.is_nan() { Sample::NoData } else { Sample::Value(value) })
}
