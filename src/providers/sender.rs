//! Sends requests to metric servers within limits: time, bytes, queries at once per server, and no redirect to
//! another server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::{Certificate, Client, ClientBuilder, Response, Url, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ProviderError;
use crate::analysis::server::{CA, Request};

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
/// Sets of certificates from Secrets for which a client is kept.
const REMEMBERED_CERTIFICATES: usize = 64;

/// What a server sent back, within the limits.
#[derive(Debug)]
pub(super) struct Reply {
    /// `host:port` of the server.
    pub(super) host: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Clients and places, shared by all checks: connections are reused and never pile up.
#[derive(Debug)]
pub(super) struct Sender {
    strict: Client,
    insecure: Client,
    /// Clients that trust the certificates of a Secret beside those of the machine.
    trusting: Mutex<HashMap<Vec<u8>, Client>>,
    limits: Limits,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Sender {
    pub(super) fn new(limits: Limits) -> Result<Self, ProviderError> {
        // The client panics without a process-wide TLS provider; an error only says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let strict = builder(limits).build().map_err(ProviderError::Client)?;
        let insecure = builder(limits).tls_danger_accept_invalid_certs(true).build();
        let insecure = insecure.map_err(ProviderError::Client)?;
        Ok(Self { strict, insecure, trusting: Mutex::default(), limits, places: Mutex::default() })
    }

    /// Sends a request and reads its answer whole. `holder` names where its secrets come from.
    pub(super) async fn send(&self, request: Request, holder: &str) -> Result<Reply, ProviderError> {
        let host = host(&request.url);
        let client = match &request.ca {
            _ if request.insecure => self.insecure.clone(),
            Some(pem) => self.trusting(pem, holder)?,
            None => self.strict.clone(),
        };
        let _place = self.place(&host).await?;
        let sent = client.request(request.method, request.url).headers(request.headers).body(request.body);
        let response = sent.send().await.map_err(|error| self.failed(&host, error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(ProviderError::Redirect { host });
        }
        let headers = response.headers().clone();
        let body = self.read(&host, response).await?;
        Ok(Reply { host, status, headers, body })
    }

    /// The client for the certificates of a Secret.
    fn trusting(&self, pem: &[u8], holder: &str) -> Result<Client, ProviderError> {
        let mut clients = self.trusting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(pem) {
            return Ok(client.clone());
        }
        let bad = || ProviderError::Certificate { key: CA, holder: holder.to_owned() };
        let certificates = Certificate::from_pem_bundle(pem).map_err(|_| bad())?;
        if certificates.is_empty() {
            return Err(bad());
        }
        let client = builder(self.limits).tls_certs_merge(certificates).build().map_err(|_| bad())?;
        if clients.len() >= REMEMBERED_CERTIFICATES {
            clients.clear();
        }
        clients.insert(pem.to_vec(), client.clone());
        Ok(client)
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

fn builder(limits: Limits) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .timeout(limits.timeout)
        .redirect(redirect::Policy::custom(follow))
        .pool_max_idle_per_host(limits.per_host);
    // A developer's proxy must not stand between a test and its server on loopback.
    if cfg!(test) { builder.no_proxy() } else { builder }
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
