//! HTTP clients for hooks.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use reqwest::Client;

use crate::{egress, rollout::Reach};

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
        .redirect(egress::redirects())
        .pool_max_idle_per_host(IDLE)
        .tls_danger_accept_invalid_certs(manner.insecure);
    // A developer's proxy must not stand between a test and its server on loopback.
    let builder = if manner.proxy && !cfg!(test) { builder } else { builder.no_proxy() };
    builder.build()
}
