//! A server of the test's own behind a Service of the cluster: it agrees to everything and keeps what it is told, as whoever
//! listens to hooks does, and a chat room.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::space::Space;
use super::{api, bed, wait};

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    /// The header `Authorization`; empty if absent.
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// The server; it ends with this.
#[derive(Debug)]
pub(crate) struct Receiver {
    heard: Arc<Mutex<Vec<Heard>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Listens, and is a Service of this name to the pods of the cluster; `None` where these do not reach this machine.
    #[track_caller]
    pub(crate) fn behind(space: &Space, name: &str) -> Option<Self> {
        let host = bed::bed().address("TESTBED_HOST")?;
        let listener = api::runtime().block_on(TcpListener::bind((host, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        });
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": [host], "conditions": {"ready": true}}],
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        });
        space.apply(&[&service, &slice]);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&heard);
        let keep = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
            writer.lock().unwrap_or_else(PoisonError::into_inner).push(Heard {
                path: uri.path().to_owned(),
                authorization: authorization.unwrap_or_default().to_owned(),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            });
            std::future::ready("heard\n")
        };
        let task = api::runtime()
            .spawn(async move { drop(axum::serve(listener, Router::new().fallback(keep)).await) });
        Some(Receiver { heard, task })
    }

    /// What was heard at a path so far.
    pub(crate) fn at(&self, path: &str) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|heard| heard.path == path).cloned().collect()
    }

    /// Waits for a call at a path whose body fits, and returns the first one.
    #[track_caller]
    pub(crate) fn hears(
        &self,
        path: &str,
        limit: Duration,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Heard {
        wait::until(limit, &format!("{path} to hear {what}"), || {
            let heard = self.at(path);
            heard.iter().find(|heard| fits(&heard.body)).cloned().ok_or_else(|| format!("{heard:?}"))
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}
