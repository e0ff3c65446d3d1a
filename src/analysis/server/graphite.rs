//! Graphite: the render API as JSON, one series back.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Answer, Need, Needs, Question, Request, Server, ServerError, point};
use crate::analysis::verdict::Sample;
use crate::api::MetricProviderType;

/// Graphite's render API.
pub(super) struct Graphite;

const KEYS: &[&[&str]] = &[&["username", "password"]];

#[derive(Deserialize)]
struct Series {
    /// Value and time of each point; the time in seconds.
    #[serde(rename = "datapoints")]
    points: Vec<(Box<RawValue>, i64)>,
}

impl Server for Graphite {
    fn kind(&self) -> MetricProviderType {
        MetricProviderType::Graphite
    }

    fn needs(&self) -> Needs {
        Needs {
            region: false,
            secret: Need::Optional,
            keys: KEYS,
            value: "the newest complete point of the one target, of the last 10 intervals unless the query says from",
        }
    }

    fn address(&self, _: &str) -> Option<String> {
        None
    }

    fn request(&self, question: &Question<'_>) -> Result<Request, ServerError> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(question.check.query.as_bytes())
            .filter(|(name, _)| name != "format")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if !pairs.iter().any(|(name, _)| name == "target") {
            return Err(ServerError::Query { what: "parameters of the render API (target=…)".to_owned() });
        }
        let from = format!("-{}s", question.window().saturating_mul(10));
        let mut request = Request::get(question, &["render"])?;
        request.url.query_pairs_mut().extend_pairs(&pairs);
        // Without it Graphite looks back for a day, and an old value would pass for one of now.
        if !pairs.iter().any(|(name, _)| name == "from") {
            request = request.with(&[("from", &from)]);
        }
        request = request.with(&[("format", "json")]);
        match question.credentials.login(KEYS)?.as_slice() {
            [(_, name), (_, password)] => request.basic(question, name, password),
            _ => Ok(request),
        }
    }

    fn sample(&self, answer: &Answer, question: &Question<'_>) -> Result<Sample, ServerError> {
        let body: Vec<Series> = answer.json(self.kind(), words)?;
        match body.as_slice() {
            [] => Ok(Sample::NoData),
            [series] => {
                let times = series.points.iter().map(|(_, time)| time.saturating_mul(1000));
                let mut points = Vec::new();
                for (value, time) in &series.points {
                    let bad = |_| answer.malformed(self.kind(), "a value is no number");
                    // As text: Graphite writes the infinite as 1e9999, which is no number of JSON's.
                    let value = match value.get() {
                        "null" => None,
                        text => Some(text.parse::<f64>().map_err(bad)?),
                    };
                    points.push((time.saturating_mul(1000), value));
                }
                Ok(point::newest(points, point::step(times), question.now))
            }
            several => {
                let way_out = "aggregate them, for example with sumSeries() or averageSeries()";
                Err(ServerError::Ambiguous { count: several.len(), way_out })
            }
        }
    }
}

/// What graphite-web says of parameters that it cannot use: JSON or a line of text. Pages are others' and not told.
fn words(body: &Value) -> Option<String> {
    if let Some(text) = body.as_str() {
        return (text.starts_with("Invalid parameters") && !text.contains('<')).then(|| text.to_owned());
    }
    if let Some(errors) = body["errors"].as_object() {
        let texts: Vec<_> = errors.iter().map(|(field, text)| format!("{field}: {text}")).collect();
        return Some(texts.join(", "));
    }
    body["error"].as_str().map(str::to_owned)
}
