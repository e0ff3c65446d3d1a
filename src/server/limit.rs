//! Bounds the number of connections: one too many is closed before its handshake.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// Hands out as many places as it was made with.
#[derive(Debug, Clone)]
pub(super) struct Limit(Arc<Semaphore>);

impl Limit {
    pub(super) fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections)))
    }
}

impl<S> Accept<TcpStream, S> for Limit {
    type Stream = TcpStream;
    type Service = Placed<S>;
    type Future = Ready<io::Result<(TcpStream, Placed<S>)>>;

    fn accept(&self, stream: TcpStream, inner: S) -> Self::Future {
        let place = self.0.clone().try_acquire_owned().map_err(|_| io::Error::other("too many connections"));
        let placed = place.and_then(|place| {
            // Answers are small: do not wait for more to send.
            stream.set_nodelay(true)?;
            Ok((stream, Placed { inner, _place: Arc::new(place) }))
        });
        ready(placed)
    }
}

/// The service of a connection; its place is free again when the connection drops it.
#[derive(Debug, Clone)]
pub(super) struct Placed<S> {
    inner: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Placed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}
