//! Sends requests to metric servers within limits: time, bytes, queries at once per server, no address that is never called,
//! and no redirect to another server.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::{Certificate, Client, ClientBuilder, Response};

use super::ProviderError;
use crate::analysis::server::{CA, Request};
use crate::egress::{self, Places};

/// How much one query may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time of one request with its answer; the wait for a place is not counted.
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

/// Queries under way at once, over all servers.
const AT_ONCE: usize = 64;
/// Clients that are kept before those for certificates of Secrets are forgotten.
const REMEMBERED_CLIENTS: usize = 64;

/// What a server sent back, within the limits.
#[derive(Debug)]
pub(super) struct Reply {
    /// `host:port` of the server.
    pub(super) host: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Who said where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A user: no machine's own services are called, and this machine only where the operator's server is.
    User,
    /// The environment of the process.
    Environment,
}

/// What a client may do, and whom it trusts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Manner {
    /// Whether every address may be called.
    anywhere: bool,
    /// Whether this machine may be called.
    own: bool,
    /// Whether any certificate is accepted.
    insecure: bool,
    /// Certificates of a Secret that are trusted beside those of the machine.
    ca: Option<Vec<u8>>,
}

/// Clients and places, shared by all checks: connections are reused and never pile up.
pub(super) struct Sender {
    clients: Mutex<HashMap<Manner, Client>>,
    limits: Limits,
    pub(super) places: Places,
    own: Own,
}

/// Whether a server, `host:port`, may be on this machine.
pub(super) type Own = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Sender {
    pub(super) fn new(limits: Limits, own: Own) -> Result<Self, ProviderError> {
        // The client panics without a process-wide TLS provider; an error only says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // One is built now, for a machine whose certificates cannot be read has to be told at the start.
        let usual = Manner { anywhere: false, own: false, insecure: false, ca: None };
        let client = builder(limits, &usual).build().map_err(ProviderError::Client)?;
        let clients = Mutex::new(HashMap::from([(usual, client)]));
        Ok(Self { clients, limits, places: Places::new(limits.per_host, AT_ONCE), own })
    }

    /// Sends a request and reads its answer whole. `holder` names where its secrets come from.
    pub(super) async fn send(
        &self,
        request: Request,
        origin: Origin,
        holder: &str,
    ) -> Result<Reply, ProviderError> {
        let host = egress::authority(&request.url);
        let anywhere = origin == Origin::Environment;
        let manner = Manner { anywhere, own: (self.own)(&host), insecure: request.insecure, ca: request.ca };
        // A name is judged when it is looked up; an address is never looked up.
        if let Some(address) = egress::literal(&request.url).filter(|_| !anywhere) {
            egress::judge(address, manner.own).map_err(ProviderError::Forbidden)?;
        }
        let client = self.client(manner, holder)?;
        let _place = self.places.at(&host).await;
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

    fn client(&self, manner: Manner, holder: &str) -> Result<Client, ProviderError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&manner) {
            return Ok(client.clone());
        }
        let mut builder = builder(self.limits, &manner);
        if let Some(pem) = manner.ca.as_ref().filter(|_| !manner.insecure) {
            let bad = || ProviderError::Certificate { key: CA, holder: holder.to_owned() };
            let certificates = Certificate::from_pem_bundle(pem).map_err(|_| bad())?;
            if certificates.is_empty() {
                return Err(bad());
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(ProviderError::Client)?;
        if clients.len() >= REMEMBERED_CLIENTS {
            clients.retain(|manner, _| manner.ca.is_none());
        }
        clients.insert(manner, client.clone());
        Ok(client)
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
        let cause = egress::innermost(&source);
        if source.is_timeout() {
            ProviderError::Timeout { host, seconds: self.limits.timeout.as_secs_f64() }
        } else if source.is_connect() {
            ProviderError::Connect { host, cause, source }
        } else {
            ProviderError::Broken { host, cause, source }
        }
    }
}

fn builder(limits: Limits, manner: &Manner) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .timeout(limits.timeout)
        .redirect(egress::redirects())
        .pool_max_idle_per_host(limits.per_host)
        .tls_danger_accept_invalid_certs(manner.insecure);
    let builder = if manner.anywhere { builder } else { builder.dns_resolver(egress::resolver(manner.own)) };
    // A developer's proxy must not stand between a test and its server on loopback.
    if cfg!(test) { builder.no_proxy() } else { builder }
}
