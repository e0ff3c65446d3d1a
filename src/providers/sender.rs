//! Sends requests to metric servers within limits: time, bytes, queries at once per server, and no redirect to
//! another server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Response, Url, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Answer, ProviderError, Request};

/// How much one query may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest wait for a free place, and longest time of one request with its answer.
    pub timeout: Duration,
    /// Longest answer in bytes.
    pub body: usize,
    /// Queries that one server is asked at once.
    pub per_host: usize,
}

impl Default for Limits {
    /// 5 s as the peer, 1 MiB, 8 queries at once.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), body: 1024 * 1024, per_host: 8 }
    }
}

/// Redirects that are followed within one server.
const MAX_REDIRECTS: usize = 3;
/// Servers that are remembered before those that nobody is asking are forgotten: addresses come from users.
const REMEMBERED_HOSTS: usize = 1024;

/// Clients and places, shared by all checks: connections are reused and never pile up.
#[derive(Debug)]
pub(super) struct Sender {
    strict: Client,
    insecure: Client,
    limits: Limits,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Sender {
    pub(super) fn new(limits: Limits) -> Result<Self, ProviderError> {
        // The client panics without a process-wide TLS provider; an error only says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let build = |insecure| {
            let builder = Client::builder()
                .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
                .timeout(limits.timeout)
                .redirect(redirect::Policy::custom(follow))
                .pool_max_idle_per_host(limits.per_host)
                .tls_danger_accept_invalid_certs(insecure);
            // A developer's proxy must not stand between a test and its server on loopback.
            let builder = if cfg!(test) { builder.no_proxy() } else { builder };
            builder.build().map_err(ProviderError::Client)
        };
        Ok(Self { strict: build(false)?, insecure: build(true)?, limits, places: Mutex::default() })
    }

    /// Sends a request and reads its answer whole.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, ProviderError> {
        let host = host(&request.url);
        let _place = self.place(&host).await?;
        let client = if request.insecure { &self.insecure } else { &self.strict };
        let sent = client.get(request.url).headers(request.headers).send().await;
        let response = sent.map_err(|error| self.failed(&host, error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(ProviderError::Redirect { host });
        }
        let body = self.read(&host, response).await?;
        Ok(Answer { host, status, body })
    }

    /// Waits until the server is asked less than it may be.
    pub(super) async fn place(&self, host: &str) -> Result<OwnedSemaphorePermit, ProviderError> {
        let places = self.places_of(host);
        match tokio::time::timeout(self.limits.timeout, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(ProviderError::Busy {
                host: host.to_owned(),
                places: self.limits.per_host,
                seconds: self.limits.timeout.as_secs_f64(),
            }),
        }
    }

    fn places_of(&self, host: &str) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= REMEMBERED_HOSTS && !places.contains_key(host) {
            places.retain(|_, places| Arc::strong_count(places) > 1);
        }
        places
            .entry(host.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(self.limits.per_host)))
            .clone()
    }

    async fn read(&self, host: &str, mut response: Response) -> Result<Bytes, ProviderError> {
        let limit = self.limits.body;
        let too_large = || ProviderError::TooLarge { host: host.to_owned(), limit };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(host, error))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Names what broke. The URL goes, for it holds the query and may hold credentials.
    fn failed(&self, host: &str, error: reqwest::Error) -> ProviderError {
        let source = error.without_url();
        let host = host.to_owned();
        let cause = innermost(&source);
        if source.is_timeout() {
            ProviderError::Timeout { host, seconds: self.limits.timeout.as_secs_f64() }
        } else if source.is_connect() {
            ProviderError::Connect { host, cause, source }
        } else {
            ProviderError::Broken { host, cause, source }
        }
    }
}

/// Follows a redirect only within one server: another one may be nobody's to ask, and would get our headers.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if first == Some(attempt.url().origin()) && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// `host:port` of a URL, without credentials.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
