//! Writes straight to an API server, of which there may be several, and timed: what a test measures must not cost a process
//! each time.

use std::time::{Duration, Instant};

use http::Method;
use kube::Client;
use serde_json::Value;

use super::api;

/// Longer than any webhook may take.
const LIMIT: Duration = Duration::from_secs(30);

/// An API server by which to write.
#[derive(Clone)]
pub(crate) struct Server(Client);

/// How a write ended.
#[derive(Debug)]
pub(crate) struct Written {
    /// How long the answer took.
    pub(crate) took: Duration,
    /// What was stored, or why nothing was.
    pub(crate) result: Result<Value, String>,
}

impl Server {
    /// The one of the kubeconfig.
    pub(crate) fn first() -> Self {
        Server(api::client().clone())
    }

    /// One at an address of its own.
    pub(crate) fn at(address: &str) -> Self {
        Server(api::client_of(Some(address)))
    }

    /// Creates an object.
    pub(crate) fn create(&self, plural: &str, namespace: &str, object: &Value) -> Written {
        api::runtime().block_on(self.post(api::collection(plural, namespace), object.clone()))
    }

    /// Deletes an object, with what it owns afterwards.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) -> Written {
        let path = format!("{}/{name}?propagationPolicy=Background", api::collection(plural, namespace));
        api::runtime().block_on(self.send(Method::DELETE, path, Vec::new()))
    }

    async fn post(&self, path: String, object: Value) -> Written {
        self.send(Method::POST, path, object.to_string().into_bytes()).await
    }

    async fn send(&self, method: Method, path: String, body: Vec<u8>) -> Written {
        let request =
            http::Request::builder().method(method).uri(path).header("Content-Type", "application/json");
        let request = request.body(body).unwrap();
        let began = Instant::now();
        let result = match tokio::time::timeout(LIMIT, self.0.request::<Value>(request)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        };
        Written { took: began.elapsed(), result }
    }
}

/// The value that half of the samples do not exceed, and the largest, in milliseconds.
pub(crate) fn middle_and_most(mut samples: Vec<Duration>) -> (f64, f64) {
    samples.sort_unstable();
    let milliseconds = |sample: Option<&Duration>| {
        sample.map_or(0.0, |sample| (sample.as_secs_f64() * 10_000.0).round() / 10.0)
    };
    (milliseconds(samples.get(samples.len() / 2)), milliseconds(samples.last()))
}
