//! A load tester and what it loads, over real sockets.

mod bounds;
mod gates;
mod lines;
mod loads;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::Request};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Client;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

fn options() -> Options {
    Options {
        http_address: SocketAddr::from(([127, 0, 0, 1], 0)),
        hosts: "cluster,127.0.0.1".parse().unwrap(),
        bounds: Bounds::default(),
        gates_file: None,
        gate_token: None,
        shutdown_delay: Duration::ZERO,
    }
}

/// Serves a router until the guard is dropped.
async fn serve(router: Router) -> (String, DropGuard) {
    let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(server::http(listener, router, stop.clone(), Drain::default()));
    (url, stop.drop_guard())
}

/// A load tester that answers.
struct Tester {
    url: String,
    client: Client,
    _stop: DropGuard,
}

impl Tester {
    async fn with(options: &Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let stop = CancellationToken::new();
        let service = service(options, &stop).await.unwrap();
        let (url, guard) = serve(api::router(service, stop)).await;
        Tester { url, client: Client::builder().no_proxy().build().unwrap(), _stop: guard }
    }

    async fn new() -> Self {
        Self::with(&options()).await
    }

    /// Posts a body, perhaps with a token.
    async fn post(&self, path: &str, body: String, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.client.post(format!("{}{path}", self.url)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Asks for a gate as a hook and as a person with curl would.
    async fn gate(&self, path: &str) -> StatusCode {
        self.post(path, json!({"name": "podinfo", "namespace": "test"}).to_string(), None).await.0
    }

    /// Calls it as a hook of one revision would.
    async fn hook(&self, checksum: &str, metadata: Value) -> (StatusCode, String) {
        let payload = json!({
            "name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": checksum,
            "id": "ab12/1/rollout/load", "metadata": metadata,
        });
        self.post("/", payload.to_string(), None).await
    }

    /// Asks for a load and waits for its end.
    async fn load(&self, cmd: &str) -> (StatusCode, String) {
        self.hook("ab12", json!({"cmd": cmd, "wait": "true"})).await
    }
}

/// What a request brought.
#[derive(Debug)]
struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A server that keeps what it was asked.
struct Site {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _stop: DropGuard,
}

impl Site {
    /// Answers after a time.
    async fn slow(delay: Duration) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        let router = Router::new().fallback(move |request: Request| {
            let kept = kept.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
                let path = parts.uri.path().to_owned();
                let headers = parts.headers;
                kept.lock().unwrap().push(Asked { method: parts.method, path: path.clone(), headers, body });
                tokio::time::sleep(delay).await;
                match path.as_str() {
                    "/broken" => (StatusCode::SERVICE_UNAVAILABLE, [("location", "")], ""),
                    "/old" => (StatusCode::PERMANENT_REDIRECT, [("location", "/new")], ""),
                    _ => (StatusCode::OK, [("location", "")], "fine"),
                }
            }
        });
        let (url, guard) = serve(router).await;
        Site { url, asked, _stop: guard }
    }

    async fn new() -> Self {
        Self::slow(Duration::ZERO).await
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1/";
