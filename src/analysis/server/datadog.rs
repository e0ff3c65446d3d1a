//! Datadog: a query over a span of time, one series back.

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Need, Needs, Question, Request, Server, ServerError, point};
use crate::analysis::verdict::Sample;
use crate::api::MetricProviderType;

/// Datadog's API to query time series, version 1.
pub(super) struct Datadog;

const KEYS: &[&[&str]] = &[&["datadog_api_key", "datadog_application_key"]];

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: Option<String>,
    series: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    /// Time and value of each point; the time in milliseconds.
    #[serde(rename = "pointlist")]
    points: Vec<(f64, Option<f64>)>,
    /// Seconds that a point stands for.
    #[serde(default)]
    interval: Option<i64>,
}

impl Server for Datadog {
    fn kind(&self) -> MetricProviderType {
        MetricProviderType::Datadog
    }

    fn needs(&self) -> Needs {
        Needs {
            region: false,
            secret: Need::Required,
            keys: KEYS,
            value: "the newest complete point of the one series, of the last 10 intervals",
        }
    }

    fn address(&self, _: &str) -> Option<String> {
        Some("https://api.datadoghq.com".to_owned())
    }

    fn request(&self, question: &Question<'_>) -> Result<Request, ServerError> {
        let [from, to] = [question.begin(), question.now.as_second()].map(|time| time.to_string());
        let mut request = Request::get(question, &["api", "v1", "query"])?.with(&[
            ("query", &question.check.query),
            ("from", &from),
            ("to", &to),
        ]);
        let headers = ["dd-api-key", "dd-application-key"];
        for ((key, text), header) in question.credentials.first_of(KEYS)?.into_iter().zip(headers) {
            request = request.secret(question, key, HeaderName::from_static(header), text)?;
        }
        Ok(request)
    }

    fn sample(&self, answer: &Answer, question: &Question<'_>) -> Result<Sample, ServerError> {
        let body: Body = answer.json(self.kind(), words)?;
        if let Some(error) = body.error.filter(|error| !error.is_empty()) {
            return Err(answer.refused(&error));
        }
        if body.status == "error" {
            return Err(answer.refused("no reason is given"));
        }
        match body.series.as_slice() {
            [] => Ok(Sample::NoData),
            [series] => {
                let points = series.points.iter().map(|(time, value)| (*time as i64, *value));
                let step = series.interval.unwrap_or(0).saturating_mul(1000);
                Ok(point::newest(points, step, question.now))
            }
            several => {
                let way_out = "remove `by {…}` from the query, or combine its parts with arithmetic";
                Err(ServerError::Ambiguous { count: several.len(), way_out })
            }
        }
    }
}

fn words(body: &Value) -> Option<String> {
    let texts: Vec<&str> = body["errors"].as_array()?.iter().filter_map(Value::as_str).collect();
    Some(texts.join(", "))
}
