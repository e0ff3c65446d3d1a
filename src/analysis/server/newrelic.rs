//! New Relic: an NRQL query over a span of time, one result back.

use http::HeaderName;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, Need, Needs, Question, Request, Server, ServerError};
use crate::analysis::verdict::Sample;
use crate::api::MetricProviderType;

/// New Relic's API to query events with NRQL.
pub(super) struct NewRelic;

const KEYS: &[&[&str]] = &[&["newrelic_account_id", "newrelic_query_key"]];

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    results: Option<Vec<Map<String, Value>>>,
    /// What FACET and TIMESERIES give instead.
    #[serde(default, alias = "timeSeries")]
    facets: Vec<Value>,
}

impl Server for NewRelic {
    fn kind(&self) -> MetricProviderType {
        MetricProviderType::NewRelic
    }

    fn needs(&self) -> Needs {
        Needs {
            region: false,
            secret: Need::Required,
            keys: KEYS,
            value: "the one number of the one result, over the interval unless the query says SINCE",
        }
    }

    fn address(&self, _: &str) -> Option<String> {
        Some("https://insights-api.newrelic.com".to_owned())
    }

    fn request(&self, question: &Question<'_>) -> Result<Request, ServerError> {
        let texts = question.credentials.first_of(KEYS)?;
        let [(_, account), (key, text)] = texts.as_slice() else {
            return Err(ServerError::NoKey {
                holder: question.credentials.holder().to_owned(),
                keys: super::credentials::spelled(KEYS),
            });
        };
        let query = &question.check.query;
        // A second SINCE is an error of syntax.
        let says_since = query.split_whitespace().any(|word| word.eq_ignore_ascii_case("since"));
        let nrql = match says_since {
            true => query.clone(),
            false => format!("{query} SINCE {} seconds ago", question.window()),
        };
        Request::get(question, &["v1", "accounts", account, "query"])?.with(&[("nrql", &nrql)]).secret(
            question,
            key,
            HeaderName::from_static("x-query-key"),
            text,
        )
    }

    fn sample(&self, answer: &Answer, _: &Question<'_>) -> Result<Sample, ServerError> {
        let body: Body = answer.json(self.kind(), words)?;
        let way_out = "remove FACET and TIMESERIES, and select one value";
        if !body.facets.is_empty() {
            return Err(ServerError::Ambiguous { count: body.facets.len(), way_out });
        }
        match body.results.as_deref() {
            None => Err(answer.malformed(self.kind(), "there are no results")),
            Some([]) => Ok(Sample::NoData),
            Some([only]) => match numbers(only).as_slice() {
                [] => Ok(Sample::NoData),
                [number] => Ok(Sample::Value(*number)),
                several => Err(ServerError::Ambiguous { count: several.len(), way_out }),
            },
            Some(several) => Err(ServerError::Ambiguous { count: several.len(), way_out }),
        }
    }
}

/// The numbers of a result: `result` if it is there, else all, as `average` or those of `percentiles`.
fn numbers(result: &Map<String, Value>) -> Vec<f64> {
    fn of(value: &Value) -> Vec<f64> {
        match value {
            Value::Number(number) => number.as_f64().into_iter().collect(),
            Value::Object(fields) => fields.values().flat_map(of).collect(),
            _ => Vec::new(),
        }
    }
    match result.get("result") {
        Some(value) => of(value),
        None => result.values().flat_map(of).collect(),
    }
}

fn words(body: &Value) -> Option<String> {
    body["error"].as_str().or_else(|| body["errorMessage"].as_str()).map(str::to_owned)
}
