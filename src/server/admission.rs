//! The admission endpoints: takes bytes off the wire, hands them to the gate, puts its answer back. Bounds the
//! size and the time of a body and contains panics; knows nothing of what a review says.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::FutureExt;
use http::{StatusCode, header};

use super::Metrics;
use super::intake::{BODY_LIMIT, BODY_TIME, Intake, Refused};
use crate::admission::{Endpoint, Mode};

/// How a request ended, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The object may be written as it is.
    Allowed,
    /// The object may be written and is changed, or would be if the mode enforced.
    Changed,
    /// The object is refused, or would be if the mode enforced.
    Denied,
    /// The body is no review; answered with 400.
    Malformed,
    /// The body is over [`BODY_LIMIT`]; answered with 413.
    TooLarge,
    /// The body took longer than [`BODY_TIME`] or broke off; answered with 408.
    Slow,
    /// Too many bytes of other bodies are under way; answered with 429, upon which the API server asks again.
    Busy,
    /// The gate panicked; answered with 500.
    Failed,
}

impl Verdict {
    /// Every way to end.
    pub const ALL: [Verdict; 8] = [
        Self::Allowed,
        Self::Changed,
        Self::Denied,
        Self::Malformed,
        Self::TooLarge,
        Self::Slow,
        Self::Busy,
        Self::Failed,
    ];

    /// Its name as a label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Changed => "changed",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
            Self::Busy => "busy",
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
    /// Judges the body of a request to `endpoint` from a namespace of this mode.
    fn review(&self, endpoint: Endpoint, mode: Mode, body: Bytes) -> impl Future<Output = Answer> + Send;
}

/// The routes of all endpoints. POST only; the content type is not looked at.
pub fn router<G: Gate>(gate: Arc<G>, metrics: Metrics) -> Router {
    let mut router = Router::new();
    let intake = Intake::new();
    for (endpoint, mode) in
        Endpoint::ALL.into_iter().flat_map(|endpoint| Mode::ALL.map(|mode| (endpoint, mode)))
    {
        let (gate, metrics, intake) = (gate.clone(), metrics.clone(), intake.clone());
        let handler = move |request: Request| {
            let (gate, metrics, intake) = (gate.clone(), metrics.clone(), intake.clone());
            async move {
                let start = Instant::now();
                let (verdict, response) = answer(gate.as_ref(), endpoint, mode, &intake, request).await;
                metrics.observe(endpoint, mode, verdict, start.elapsed());
                response
            }
        };
        router = router.route(&endpoint.path_in(mode), post(handler));
    }
    let unknown =
        || async { (StatusCode::NOT_FOUND, "no such endpoint: this is the admission port of Sluice\n") };
    router.fallback(unknown)
}

async fn answer<G: Gate>(
    gate: &G,
    endpoint: Endpoint,
    mode: Mode,
    intake: &Intake,
    request: Request,
) -> (Verdict, Response) {
    let body = match intake.take(request).await {
        Ok(body) => body,
        Err(why) => return refusal(why),
    };
    // A panic must cost this one request only; the API server applies the failure policy.
    match AssertUnwindSafe(gate.review(endpoint, mode, body.bytes.clone())).catch_unwind().await {
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

/// The answer to a body that was not taken.
fn refusal(why: Refused) -> (Verdict, Response) {
    match why {
        Refused::TooLarge => {
            let text =
                format!("the admission review is larger than {BODY_LIMIT} bytes; make the object smaller\n");
            (Verdict::TooLarge, (StatusCode::PAYLOAD_TOO_LARGE, text).into_response())
        }
        Refused::Slow => {
            let text = format!("the body did not arrive within {} s\n", BODY_TIME.as_secs());
            (Verdict::Slow, (StatusCode::REQUEST_TIMEOUT, text).into_response())
        }
        Refused::Full => {
            let text = "too many large admission reviews are under way; ask again in a second\n";
            let later = [(header::RETRY_AFTER, "1")];
            (Verdict::Busy, (StatusCode::TOO_MANY_REQUESTS, later, text).into_response())
        }
    }
}
