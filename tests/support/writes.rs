//! Writes straight to an API server, of which there may be several: what is written at once must not cost a process each time.

use std::time::Duration;

use http::Method;
use kube::Client;
use serde_json::Value;

use super::api;

/// Longer than any webhook may take.
const LIMIT: Duration = Duration::from_secs(30);

/// An API server by which to write.
#[derive(Clone)]
pub(crate) struct Server(Client);

impl Server {
    /// The one of the kubeconfig.
    pub(crate) fn first() -> Self {
        Server(api::client().clone())
    }

    /// One at an address of its own.
    pub(crate) fn at(address: &str) -> Self {
        Server(api::client_of(Some(address)))
    }

    /// Creates an object: what was stored, or why nothing was.
    pub(crate) fn create(&self, plural: &str, namespace: &str, object: &Value) -> Result<Value, String> {
        api::runtime().block_on(self.post(api::collection(plural, namespace), object.clone()))
    }

    /// Deletes an object, with what it owns afterwards.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let path = format!("{}/{name}?propagationPolicy=Background", api::collection(plural, namespace));
        api::runtime().block_on(self.send(Method::DELETE, path, Vec::new()))
    }

    async fn post(&self, path: String, object: Value) -> Result<Value, String> {
        self.send(Method::POST, path, object.to_string().into_bytes()).await
    }

    async fn send(&self, method: Method, path: String, body: Vec<u8>) -> Result<Value, String> {
        let request =
            http::Request::builder().method(method).uri(path).header("Content-Type", "application/json");
        let request = request.body(body).unwrap();
        match tokio::time::timeout(LIMIT, self.0.request::<Value>(request)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        }
    }
}
