//! Takes bodies off the wire within bounds: of each in size and time, and of all that are under way together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use futures::StreamExt;
use http::header::CONTENT_LENGTH;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body in bytes. etcd takes 1.5 MiB for an object by default, and a review of an update holds two.
pub const BODY_LIMIT: usize = 3 * 1024 * 1024;
/// Longest time that a body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(5);
/// Most bytes of all bodies that are arriving or being judged. An ordinary review has some 20 KiB and takes a millisecond; a
/// hostile one may take many times its size as values, and the chart gives us 256 MiB.
pub const IN_FLIGHT: usize = 16 * 1024 * 1024;

/// Hands out room for bodies; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Intake(Arc<Semaphore>);

/// A body; its room is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    /// All of it.
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is over [`BODY_LIMIT`].
    TooLarge,
    /// It took longer than [`BODY_TIME`] or broke off.
    Slow,
    /// There are [`IN_FLIGHT`] bytes under way.
    Full,
}

impl Intake {
    /// Nothing is under way yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT)))
    }

    /// Takes the body of a request. Room is taken by what has arrived, not by what is announced, so that who sends nothing
    /// holds nothing; nobody waits for room, so that bodies cannot wait for each other.
    pub(super) async fn take(&self, request: Request) -> Result<Taken, Refused> {
        match tokio::time::timeout(BODY_TIME, self.read(request)).await {
            Ok(taken) => taken,
            Err(_) => Err(Refused::Slow),
        }
    }

    async fn read(&self, request: Request) -> Result<Taken, Refused> {
        let announced =
            request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let announced: usize = announced.unwrap_or_default();
        if announced > BODY_LIMIT {
            return Err(Refused::TooLarge);
        }
        // Memory that was never written to costs nothing yet.
        let mut bytes = Vec::with_capacity(announced);
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut parts = request.into_body().into_data_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| Refused::Slow)?;
            if bytes.len() + part.len() > BODY_LIMIT {
                return Err(Refused::TooLarge);
            }
            let size = u32::try_from(part.len()).map_err(|_| Refused::TooLarge)?;
            let more = self.0.clone().try_acquire_many_owned(size).map_err(|_| Refused::Full)?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Taken { bytes: bytes.into(), _room: room })
    }
}
