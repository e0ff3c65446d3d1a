//! The paths, as the peer's load tester has them: `/gate/…` and `/rollback/…`, a load at any other; probes and metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use http::{HeaderMap, Method, StatusCode, header};
use prometheus_client::registry::Registry;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    gates::{GateError, Gates, Kind},
    loads::{Loads, Refusal},
    task::{self, TaskError},
};
use crate::{sentence, server::Status};

/// Largest body in bytes.
const BODY: usize = 64 * 1024;
/// Longest time that a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);

/// What answers.
pub(super) struct Service {
    pub(super) gates: Gates,
    pub(super) loads: Arc<Loads>,
    pub(super) token: Option<String>,
    pub(super) registry: Arc<Registry>,
}

type Shared = State<Arc<Service>>;

/// All paths.
pub(super) fn router(service: Service, shutdown: CancellationToken) -> Router {
    let status = Status::new(service.registry.clone(), shutdown).router();
    let mut router = Router::new()
        .route("/gate/approve", any(|| async { "approved\n" }))
        .route("/gate/halt", any(|| async { (StatusCode::FORBIDDEN, "halted: /gate/halt never opens\n") }));
    for kind in [Kind::Gate, Kind::Rollback] {
        let path = |verb: &str| format!("/{}/{verb}", kind.word());
        let check = move |service: Shared, request: Request| check(kind, service, request);
        router = router.route(&path("check"), any(check));
        for (verb, open) in [("open", true), ("close", false)] {
            let turn = move |service: Shared, request: Request| turn(kind, open, service, request);
            router = router.route(&path(verb), post(turn));
        }
    }
    router.fallback(load).with_state(Arc::new(service)).merge(status)
}

/// What cannot be answered with what was asked for.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the body is larger than 64 KiB")]
    Large,
    #[error("the body did not arrive in time")]
    Slow,
    #[error("a load is asked for by POST, with a hook's payload")]
    Method,
    #[error(
        "opening and closing gates needs the header `Authorization: Bearer <token>` with the operator's token"
    )]
    Token,
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Load(#[from] Refusal),
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Fault::Large => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Slow => StatusCode::REQUEST_TIMEOUT,
            Fault::Method => StatusCode::METHOD_NOT_ALLOWED,
            Fault::Token => StatusCode::UNAUTHORIZED,
            Fault::Task(_) | Fault::Load(Refusal::Line(_)) => StatusCode::BAD_REQUEST,
            Fault::Load(Refusal::Address(_)) => StatusCode::FORBIDDEN,
            Fault::Load(Refusal::Full(_)) => StatusCode::TOO_MANY_REQUESTS,
            Fault::Gate(_) | Fault::Load(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let text = sentence::of(&self);
        tracing::warn!(status = self.status().as_u16(), "refused: {text}");
        (self.status(), format!("{text}\n")).into_response()
    }
}

async fn body(request: Request) -> Result<Bytes, Fault> {
    let reading = axum::body::to_bytes(request.into_body(), BODY);
    let read = tokio::time::timeout(BODY_TIME, reading).await.map_err(|_| Fault::Slow)?;
    read.map_err(|_| Fault::Large)
}

async fn check(kind: Kind, State(service): Shared, request: Request) -> Result<Response, Fault> {
    let subject = task::subject(&body(request).await?)?;
    let word = kind.word();
    Ok(if service.gates.is_open(kind, &subject).await {
        format!("the {word} gate of {subject} is open\n").into_response()
    } else {
        let text =
            format!("the {word} gate of {subject} is closed; who may opens it by POST to /{word}/open\n");
        (StatusCode::FORBIDDEN, text).into_response()
    })
}

async fn turn(kind: Kind, open: bool, State(service): Shared, request: Request) -> Result<Response, Fault> {
    if !service.token.as_deref().is_none_or(|token| bears(request.headers(), token)) {
        return Err(Fault::Token);
    }
    let subject = task::subject(&body(request).await?)?;
    service.gates.set(kind, &subject, open).await?;
    let how = if open { "open" } else { "closed" };
    Ok((StatusCode::ACCEPTED, format!("the {} gate of {subject} is {how}\n", kind.word())).into_response())
}

async fn load(State(service): Shared, request: Request) -> Result<Response, Fault> {
    if request.method() != Method::POST {
        return Err(Fault::Method);
    }
    let task = task::task(&body(request).await?)?;
    let waits = task.wait;
    let answer = service.loads.ask(task).await?;
    // Neither 5xx nor 429: asking again at once would bring nothing else.
    let status = match (answer.reached_nobody(), waits) {
        (true, _) => StatusCode::FAILED_DEPENDENCY,
        (false, true) => StatusCode::OK,
        (false, false) => StatusCode::ACCEPTED,
    };
    Ok((status, format!("{answer}\n")).into_response())
}

/// Whether the token is brought; the time that this takes says nothing of how much of it was right.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let brought =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    brought.is_some_and(|brought| Sha256::digest(brought) == Sha256::digest(token))
}
