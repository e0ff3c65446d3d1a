//! Posts alerts: a few attempts, five seconds each, no redirects.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Proxy, StatusCode, Url, redirect};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::Room;
use crate::{api::AlertProviderType, egress, rollout::Alert};

/// Time for one attempt; the peer's.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts in all.
const ATTEMPTS: u32 = 3;
/// Pause before the first repetition; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// Alerts under way at once.
const AT_ONCE: usize = 32;
/// Proxies for which a client is kept.
const REMEMBERED_PROXIES: usize = 16;

/// Why an alert did not reach its room. No message holds the address, which is a secret.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Reading the address.
    #[error(
        "its address is no URL with http or https; correct it in the AlertProvider, its Secret or the flag"
    )]
    Address,
    /// Reading the address of the proxy.
    #[error("its proxy is no URL; correct it in the AlertProvider or the flag")]
    Proxy,
    /// An address that nobody may make us call.
    #[error("{0}")]
    Forbidden(String),
    /// Building the HTTP client.
    #[error("no HTTP client could be built; check the certificate store of the image")]
    Client(#[source] reqwest::Error),
    /// Sending.
    #[error("{host} cannot be reached ({cause})")]
    Unreachable {
        /// The server.
        host: String,
        /// The innermost cause.
        cause: String,
    },
    /// The server's answer.
    #[error("{host} answered {status}")]
    Refused {
        /// The server.
        host: String,
        /// Its status.
        status: u16,
    },
}

/// Posts alerts. Connections and limits are shared.
pub struct Sender {
    /// Whether rooms on this machine are spoken to.
    own: bool,
    clients: Mutex<HashMap<Option<String>, Client>>,
    slots: Arc<Semaphore>,
}

impl Sender {
    /// A sender to the rooms of Canaries, or, with `own`, of the operator, which may be on this machine.
    pub fn new(own: bool) -> Self {
        Sender { own, clients: Mutex::default(), slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Tells a room.
    pub async fn send(&self, room: &Room, alert: &Alert) -> Result<(), NotifyError> {
        let (url, body) = room.message(alert)?;
        if let Some(address) = egress::literal(&url) {
            egress::judge(address, self.own).map_err(NotifyError::Forbidden)?;
        }
        // A name is judged when it is looked up; an address is never looked up, and a proxy is as much a place as the room.
        let proxy = room.proxy.as_deref().filter(|proxy| !proxy.is_empty());
        let written = |proxy| Url::parse(proxy).or_else(|_| Url::parse(&format!("http://{proxy}")));
        if let Some(address) = proxy.and_then(|proxy| egress::literal(&written(proxy).ok()?)) {
            egress::judge(address, self.own)
                .map_err(|why| NotifyError::Forbidden(format!("of its proxy, {why}")))?;
        }
        let client = self.client(proxy)?;
        let _slot = self.slots.acquire().await;
        let mut pause = PAUSE;
        for left in (0..ATTEMPTS).rev() {
            match post(&client, &url, room, &body).await {
                Ok(()) => return Ok(()),
                Err((error, again)) if !again || left == 0 => return Err(error),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        Ok(())
    }

    fn client(&self, proxy: Option<&str>) -> Result<Client, NotifyError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = proxy.map(str::to_owned);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .dns_resolver(egress::resolver(self.own));
        builder = match proxy {
            Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(|_| NotifyError::Proxy)?),
            // A developer's proxy must not stand between a test and its server on loopback.
            None if cfg!(test) => builder.no_proxy(),
            None => builder,
        };
        let client = builder.build().map_err(|error| NotifyError::Client(error.without_url()))?;
        if clients.len() >= REMEMBERED_PROXIES {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// One attempt; the error says whether another may bring something else.
async fn post(client: &Client, url: &Url, room: &Room, body: &Value) -> Result<(), (NotifyError, bool)> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let mut request = client.post(url.clone()).json(body);
    if let Some(token) = room.token.as_deref().filter(|_| room.kind == AlertProviderType::Slack) {
        request = request.bearer_auth(token);
    }
    match request.send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => {
            let status = response.status();
            let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            Err((NotifyError::Refused { host, status: status.as_u16() }, again))
        }
        Err(error) => {
            let cause = egress::innermost(&error.without_url());
            Err((NotifyError::Unreachable { host, cause }, true))
        }
    }
}
