//! A load: requests to one address.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// Requests to one address, as they were asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Load {
    /// The address, as it was written.
    pub(super) url: String,
    /// The method of each request.
    pub(super) method: Method,
    /// The headers of each request.
    pub(super) headers: HeaderMap,
    /// The body of each request.
    pub(super) body: Bytes,
    /// Requests under way at once, each on a connection of its own.
    pub(super) connections: u32,
    /// Requests a second on each connection; as many as are answered if none.
    pub(super) rate: Option<f64>,
    /// When it ends.
    pub(super) end: End,
    /// Time for one answer.
    pub(super) timeout: Duration,
    /// Whether connections are used again.
    pub(super) keep_alive: bool,
    /// Whether redirects are followed, within one server.
    pub(super) redirects: bool,
    /// Whether HTTP/2 is spoken where the server offers it.
    pub(super) http2: bool,
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// After so many requests.
    After(u64),
    /// After this time.
    In(Duration),
}
