//! Serves a router on a listener, with TLS or without: limits on connections and time, and an end that drops no
//! call. Closing is in two parts, because the API server keeps its connections to a pod that is going away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{ConnectionShutdown, Handle, Server};
use http::header::CONNECTION;
use http::{HeaderValue, Version};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::limit::Limit;

/// Most connections at once; more are closed at once. One API server holds far fewer.
pub const CONNECTIONS: usize = 1024;
/// Longest time of a TLS handshake, and again until the first request line and headers are complete.
pub const FIRST_REQUEST: Duration = Duration::from_secs(5);
/// How long a connection may rest between requests, and how long the headers of a later request may take. Longer
/// than the API server keeps an idle connection (90 s): whoever closes first must be the one who sends, because a
/// POST that meets a closing connection is not repeated.
pub const REST: Duration = Duration::from_secs(120);

/// How to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// How long to go on serving, each answer asking its client to connect anew, while readiness is false and the
    /// endpoint of this pod is being removed everywhere.
    pub delay: Duration,
    /// How long calls in flight may take after that.
    pub limit: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { delay: Duration::from_secs(10), limit: Duration::from_secs(15) }
    }
}

/// Opens a listener.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
}

/// Serves HTTPS (h1 and h2) until `shutdown`, then drains.
pub async fn https(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    shutdown: CancellationToken,
    drain: Drain,
) -> Result<(), Error> {
    let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls))
        .handshake_timeout(FIRST_REQUEST)
        .acceptor(Limit::new(CONNECTIONS));
    let handle = Handle::new();
    let service = polite(router, shutdown.clone()).into_make_service();
    let serving = server(listener, handle.clone()).acceptor(acceptor).serve(service);
    until_drained(serving, handle, shutdown, drain).await
}

/// Serves plain HTTP until `shutdown`, then drains.
pub async fn http(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    drain: Drain,
) -> Result<(), Error> {
    let handle = Handle::new();
    let service = polite(router, shutdown.clone()).into_make_service();
    let serving = server(listener, handle.clone()).acceptor(Limit::new(CONNECTIONS)).serve(service);
    until_drained(serving, handle, shutdown, drain).await
}

fn server(listener: TcpListener, handle: Handle<SocketAddr>) -> Server<SocketAddr> {
    let mut server = Server::from_listener(listener)
        .handle(handle)
        .first_request_timeout(FIRST_REQUEST)
        .accept_error_handler(|from, error| tracing::debug!(?from, %error, "connection not accepted"));
    server.http_builder().http1().header_read_timeout(REST);
    server.http_builder().http2().keep_alive_interval(Duration::from_secs(30)).max_concurrent_streams(250);
    server
}

/// Once the shutdown has begun, each answer ends its connection in the words of its protocol, so that the next
/// call goes to another pod. Over h1 the header must be in the answer itself: closing afterwards would be a race
/// with the next request.
fn polite(router: Router, shutdown: CancellationToken) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| {
        let shutdown = shutdown.clone();
        let version = request.version();
        let connection = request.extensions().get::<ConnectionShutdown>().cloned();
        async move {
            let mut response = next.run(request).await;
            match (shutdown.is_cancelled(), version, connection) {
                (true, Version::HTTP_2, Some(connection)) => connection.graceful_shutdown(),
                (true, ..) => {
                    drop(response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close")))
                }
                _ => {}
            }
            response
        }
    }))
}

async fn until_drained(
    serving: impl Future<Output = std::io::Result<()>>,
    handle: Handle<SocketAddr>,
    shutdown: CancellationToken,
    drain: Drain,
) -> Result<(), Error> {
    let ending = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain.delay).await;
        handle.graceful_shutdown(Some(drain.limit));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serving => served.map_err(|source| Error::Serve { source }),
        () = ending => Ok(()),
    }
}
