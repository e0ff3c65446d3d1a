//! What the bed's Prometheus answers.

use std::time::Duration;

use serde_json::Value;

use super::{api, bed};

const LIMIT: Duration = Duration::from_secs(10);

/// The series that an expression has now, or what is wrong with it.
pub(crate) fn query(expression: &str) -> Result<Vec<Value>, String> {
    let url = format!("{}/api/v1/query", bed::bed().prometheus());
    // Made with the client of the API server, which brings what TLS wants, also where there is none.
    api::client();
    let answer: Result<Value, reqwest::Error> = api::runtime().block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
        client.get(url).query(&[("query", expression)]).send().await?.json().await
    });
    let answer = answer.map_err(|error| error.to_string())?;
    match (answer["status"].as_str(), answer["data"]["result"].as_array()) {
        (Some("success"), Some(series)) => Ok(series.clone()),
        _ => Err(answer.to_string()),
    }
}
