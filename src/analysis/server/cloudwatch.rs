//! Amazon CloudWatch: GetMetricData in its JSON protocol, signed; one series back.

use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::signature::{Keys, sign};
use super::{Answer, Need, Needs, Question, Request, Server, ServerError, point};
use crate::analysis::verdict::Sample;
use crate::api::MetricProviderType;

/// CloudWatch's GetMetricData.
pub(super) struct CloudWatch;

const KEYS: &[&[&str]] = &[&["aws_access_key_id", "aws_secret_access_key"]];
const SESSION: &str = "aws_session_token";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    metric_data_results: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    /// Beginning of each period, in seconds.
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<Option<f64>>,
    #[serde(default)]
    status_code: String,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    value: String,
}

impl Server for CloudWatch {
    fn kind(&self) -> MetricProviderType {
        MetricProviderType::CloudWatch
    }

    fn needs(&self) -> Needs {
        Needs {
            region: true,
            secret: Need::Ambient,
            keys: KEYS,
            value: "the newest complete point of the one result, of the last 10 intervals",
        }
    }

    fn address(&self, region: &str) -> Option<String> {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Some(format!("https://monitoring.{region}.{domain}"))
    }

    fn request(&self, question: &Question<'_>) -> Result<Request, ServerError> {
        let bad = |what: String| ServerError::Query { what };
        let queries: Value = serde_json::from_str(&question.check.query).map_err(|error| {
            bad(format!(
                "JSON list of metric data queries (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        if !queries.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object)) {
            return Err(bad("JSON list of metric data queries (objects with an Id)".to_owned()));
        }
        let body = json!({
            "MetricDataQueries": capital(queries),
            "StartTime": question.begin(),
            "EndTime": question.now.as_second(),
            "ScanBy": "TimestampDescending",
            "MaxDatapoints": 20,
        });
        let mut request = Request::get(question, &[])?.post(body.to_string());
        let headers = &mut request.headers;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        headers.insert(
            HeaderName::from_static("x-amz-target"),
            HeaderValue::from_static("GraniteServiceVersion20100801.GetMetricData"),
        );
        let credentials = question.credentials;
        let texts = credentials.first_of(KEYS)?;
        let text = |index: usize| texts.get(index).map(|(_, text)| *text).unwrap_or_default();
        let keys = Keys { id: text(0), secret: text(1), session: credentials.text(SESSION)? };
        let region = &question.check.endpoint.region;
        sign(&mut request, &keys, region, "monitoring", question.now).ok_or_else(|| ServerError::Key {
            holder: credentials.holder().to_owned(),
            key: KEYS[0][0].to_owned(),
        })?;
        Ok(request)
    }

    fn sample(&self, answer: &Answer, question: &Question<'_>) -> Result<Sample, ServerError> {
        let body: Body = answer.json(self.kind(), words)?;
        match body.metric_data_results.as_slice() {
            [] => Ok(Sample::NoData),
            [series] if matches!(series.status_code.as_str(), "InternalError" | "Forbidden") => {
                let said = series.messages.first().map(|message| message.value.as_str());
                Err(answer.refused(&format!("{} {}", series.status_code, said.unwrap_or_default())))
            }
            [series] => {
                let times = series.timestamps.iter().map(|time| (time * 1000.0) as i64);
                let points = times.zip(series.values.iter().copied());
                Ok(point::newest(points, period(&question.check.query), question.now))
            }
            several => {
                let way_out = "set ReturnData to false in all queries but one";
                Err(ServerError::Ambiguous { count: several.len(), way_out })
            }
        }
    }
}

/// The longest period of the queries, in milliseconds: for so long a point of the result goes on changing.
fn period(queries: &str) -> i64 {
    fn longest(value: &Value) -> i64 {
        match value {
            Value::Array(items) => items.iter().map(longest).max().unwrap_or(0),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| match value.as_i64() {
                    Some(seconds) if name.eq_ignore_ascii_case("period") => seconds.saturating_mul(1000),
                    _ => longest(value),
                })
                .max()
                .unwrap_or(0),
            _ => 0,
        }
    }
    serde_json::from_str(queries).map_or(0, |queries| longest(&queries))
}

/// Field names with a capital, as the API has them; the peer reads them in any case.
fn capital(value: Value) -> Value {
    let name = |name: String| {
        let mut letters = name.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    match value {
        Value::Array(items) => items.into_iter().map(capital).collect(),
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| (name(key), capital(value))).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

fn words(body: &Value) -> Option<String> {
    let kind = body["__type"].as_str()?;
    let kind = kind.rsplit_once('#').map_or(kind, |(_, name)| name);
    let said = body["message"].as_str().or_else(|| body["Message"].as_str());
    Some(said.map_or_else(|| kind.to_owned(), |said| format!("{kind}: {said}")))
}
