//! The admission endpoints: takes bytes off the wire, hands them to the gate, puts its answer back. Bounds the
//! size and the time of a body and contains panics; knows nothing of what a review says.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::FutureExt;
use http::{StatusCode, header};

use super::Metrics;
use crate::admission::Endpoint;

/// Largest body in bytes. etcd takes 1.5 MiB for an object by default, and a review of an update holds two.
pub const BODY_LIMIT: usize = 3 * 1024 * 1024;
/// Longest time that a body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(5);

/// How a request ended, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The object may be written.
    Allowed,
    /// The object was refused.
    Denied,
    /// The body is no review; answered with 400.
    Malformed,
    /// The body is over [`BODY_LIMIT`]; answered with 413.
    TooLarge,
    /// The body took longer than [`BODY_TIME`] or broke off; answered with 408.
    Slow,
    /// The gate panicked; answered with 500.
    Failed,
}

impl Verdict {
    /// Every way to end.
    pub const ALL: [Verdict; 6] =
        [Self::Allowed, Self::Denied, Self::Malformed, Self::TooLarge, Self::Slow, Self::Failed];

    /// Its name as a label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
            Self::Failed => "failed",
        }
    }
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The review as JSON.
    pub body: Vec<u8>,
    /// What it says, for counting; [`Verdict::Malformed`] turns the status into 400.
    pub verdict: Verdict,
}

/// Judges a review. May wait (a look at the target), must be quick: the API server waits with it.
pub trait Gate: Send + Sync + 'static {
    /// Judges the body of a request to `endpoint`.
    fn review(&self, endpoint: Endpoint, body: Bytes) -> impl Future<Output = Answer> + Send;
}

/// The routes of all endpoints. POST only; the content type is not looked at.
pub fn router<G: Gate>(gate: Arc<G>, metrics: Metrics) -> Router {
    let mut router = Router::new();
    for endpoint in Endpoint::ALL {
        let (gate, metrics) = (gate.clone(), metrics.clone());
        let handler = move |request: Request| {
            let (gate, metrics) = (gate.clone(), metrics.clone());
            async move {
                let start = Instant::now();
                let (verdict, response) = answer(gate.as_ref(), endpoint, request).await;
                metrics.observe(endpoint, verdict, start.elapsed());
                response
            }
        };
        router = router.route(endpoint.path(), post(handler));
    }
    let unknown =
        || async { (StatusCode::NOT_FOUND, "no such endpoint: this is the admission port of Sluice\n") };
    router.fallback(unknown).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

async fn answer<G: Gate>(gate: &G, endpoint: Endpoint, request: Request) -> (Verdict, Response) {
    let body = match tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let text =
                format!("the admission review is larger than {BODY_LIMIT} bytes; make the object smaller\n");
            return (Verdict::TooLarge, (StatusCode::PAYLOAD_TOO_LARGE, text).into_response());
        }
        Ok(Err(_)) | Err(_) => {
            let text = format!("the body did not arrive within {} s\n", BODY_TIME.as_secs());
            return (Verdict::Slow, (StatusCode::REQUEST_TIMEOUT, text).into_response());
        }
    };
    // A panic must cost this one request only; the API server applies the failure policy.
    match AssertUnwindSafe(gate.review(endpoint, body)).catch_unwind().await {
        Ok(Answer { body, verdict }) => {
            let status = if verdict == Verdict::Malformed { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            let json = [(header::CONTENT_TYPE, "application/json")];
            (verdict, (status, json, Body::from(body)).into_response())
        }
        Err(panic) => {
            let what = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let what = what.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(endpoint = endpoint.path(), panic = what, "the gate panicked over a review");
            let text = "Sluice failed on this review; its log tells more\n";
            (Verdict::Failed, (StatusCode::INTERNAL_SERVER_ERROR, text).into_response())
        }
    }
}
