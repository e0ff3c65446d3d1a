//! HTTP clients for hooks.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Url, redirect};

use crate::{egress, rollout::Reach};

/// Redirects that are followed within one server.
const MAX_REDIRECTS: usize = 3;
/// Idle connections that are kept to one host.
const IDLE: usize = 4;

/// Clients by what they may do.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<Manner, Client>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Manner {
    /// Whether this machine may be called.
    own: bool,
    /// Whether a proxy of the environment may stand between; never in front of the cluster's Services.
    proxy: bool,
    /// Whether any certificate is accepted.
    insecure: bool,
}

impl Clients {
    /// The client for a host that is reached like this.
    pub(super) fn of(&self, reach: &Reach, insecure: bool) -> Result<Client, String> {
        let proxy = !matches!(reach, Reach::Service(_));
        let manner = Manner { own: *reach == Reach::Named, proxy, insecure };
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&manner) {
            return Ok(client.clone());
        }
        let client = build(manner).map_err(|error| {
            format!("no HTTP client could be built ({error}); check the certificate store of the image")
        })?;
        clients.insert(manner, client.clone());
        Ok(client)
    }
}

fn build(manner: Manner) -> reqwest::Result<Client> {
    // The client panics without a process-wide TLS provider; an error only says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(egress::resolver(manner.own))
        .redirect(redirect::Policy::custom(follow))
        .pool_max_idle_per_host(IDLE)
        .tls_danger_accept_invalid_certs(manner.insecure);
    // A developer's proxy must not stand between a test and its server on loopback.
    let builder = if manner.proxy && !cfg!(test) { builder } else { builder.no_proxy() };
    builder.build()
}

/// Follows a redirect only within one server.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if first == Some(attempt.url().origin()) && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// Why no answer came, without the URL.
pub(super) fn why(error: &reqwest::Error, host: &str, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("{host} did not answer within {} s", timeout.as_secs_f64());
    }
    let cause = egress::innermost(error);
    if error.is_connect() {
        format!("{host} cannot be reached ({cause})")
    } else {
        format!("the exchange with {host} broke off ({cause})")
    }
}
