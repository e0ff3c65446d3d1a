//! Probes and metrics over plain HTTP: `/healthz`, `/readyz`, `/metrics`. Readiness turns false as soon as the
//! shutdown begins, so that no new connection is sent here while the old ones are still served.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

/// A question to a part of the process: all well, or the reason why not.
pub type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the probes ask.
pub struct Status {
    live: Vec<(&'static str, Check)>,
    ready: Vec<(&'static str, Check)>,
    registry: Arc<Registry>,
    shutdown: CancellationToken,
}

impl Status {
    /// Nothing is asked yet. `shutdown` cancelled means not ready.
    pub fn new(registry: Arc<Registry>, shutdown: CancellationToken) -> Self {
        Self { live: Vec::new(), ready: Vec::new(), registry, shutdown }
    }

    /// Adds a condition of life: if it fails for long, the kubelet restarts us.
    pub fn live(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.live.push((name, Box::new(check)));
        self
    }

    /// Adds a condition of readiness.
    pub fn ready(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.ready.push((name, Box::new(check)));
        self
    }

    /// The routes.
    pub fn router(self) -> Router {
        let status = Arc::new(self);
        let (live, ready) = (status.clone(), status.clone());
        Router::new()
            .route("/healthz", get(move || async move { verdict("not alive", failures(&live.live)) }))
            .route("/readyz", get(move || async move { ready.readiness() }))
            .route("/metrics", get(move || async move { metrics(&status.registry) }))
    }

    fn readiness(&self) -> Response {
        let mut failures = failures(&self.ready);
        if self.shutdown.is_cancelled() {
            failures.push("shutdown: the process is ending".to_owned());
        }
        verdict("not ready", failures)
    }
}

fn failures(checks: &[(&'static str, Check)]) -> Vec<String> {
    let failed =
        |(name, check): &(&'static str, Check)| check().err().map(|reason| format!("{name}: {reason}"));
    checks.iter().filter_map(failed).collect()
}

fn verdict(bad: &str, failures: Vec<String>) -> Response {
    if failures.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("{bad}\n{}\n", failures.join("\n"))).into_response()
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {error}\n")).into_response(),
    }
}
