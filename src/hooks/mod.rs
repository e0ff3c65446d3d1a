//! Calls the hooks of Canaries: only hosts that the operator allows, within limits of time, size and number, and never the
//! machine's own or the cloud's metadata. What an answer means is decided in [`crate::rollout`].

mod client;
mod retry;
#[cfg(test)]
mod tests;
mod turns;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{StatusCode, Url, header};
use tokio::time::Instant;

use crate::{
    egress,
    rollout::{Call, HookHosts, Reply},
};
use client::Clients;
use turns::Turns;

/// Longest time of a call with all its attempts.
const LONGEST: Duration = Duration::from_secs(3600);
/// Bytes of a body that are read; people are told less.
const BODY: usize = 4096;

/// Calls hooks. Connections and limits are shared by all Canaries.
pub struct Hooks {
    hosts: HookHosts,
    clients: Clients,
    turns: Turns,
}

/// An attempt that may be repeated.
struct Attempt {
    reply: Reply,
    /// Whether another attempt may bring something else.
    again: bool,
    /// How long the server wants to be left alone.
    after: Option<Duration>,
}

impl Hooks {
    /// Calls that go to these hosts only.
    pub fn new(hosts: HookHosts) -> Self {
        Hooks { hosts, clients: Clients::default(), turns: Turns::new() }
    }

    /// Calls a hook, with its retries. Always comes back, in the worst case after an hour.
    pub async fn call(&self, call: &Call) -> Reply {
        match tokio::time::timeout(LONGEST, self.attempts(call)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(why)) => Reply::Silent(why),
            Err(_) => Reply::Silent(format!("no answer within {} s, retries included", LONGEST.as_secs())),
        }
    }

    async fn attempts(&self, call: &Call) -> Result<Reply, String> {
        let (url, reach) = egress::destination("hook", &call.url, &self.hosts, &call.payload.namespace)?;
        let client = self.clients.of(&reach, call.insecure)?;
        let host = egress::authority(&url);
        let _turn = self.turns.of(&call.payload.namespace, &host).await;
        let mut pause = retry::FIRST;
        let mut left = call.retries;
        loop {
            let began = Instant::now();
            let attempt = attempt(&client, &url, call, &host).await;
            if !attempt.again || left == 0 {
                return Ok(attempt.reply);
            }
            tracing::debug!(host, took = ?began.elapsed(), left, "the hook is called again");
            tokio::time::sleep(retry::pause(pause, attempt.after)).await;
            (left, pause) = (left - 1, pause * 2);
        }
    }
}

async fn attempt(client: &reqwest::Client, url: &Url, call: &Call, host: &str) -> Attempt {
    let silent = |error: reqwest::Error| {
        let why = trusted(egress::why(&error, host, call.timeout));
        Attempt { reply: Reply::Silent(why), again: true, after: None }
    };
    let sent = client.post(url.clone()).timeout(call.timeout).json(&call.payload).send().await;
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => return silent(error),
    };
    let (status, after) = (response.status(), retry::after(response.headers(), Timestamp::now()));
    if status.is_redirection() {
        let body = "it redirects to another server, or too often, which is not followed".to_owned();
        return Attempt { reply: Reply::Answered { status: status.as_u16(), body }, again: false, after };
    }
    let mut body = Vec::new();
    while body.len() < BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // The status is what counts.
            Err(_) => break,
        }
    }
    body.truncate(BODY);
    let text = readable(response.headers(), &body);
    let again = status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
    Attempt { reply: Reply::Answered { status: status.as_u16(), body: text }, again, after }
}

/// Why no answer came, with the way out if that is a certificate.
fn trusted(why: String) -> String {
    if !why.contains("invalid peer certificate") {
        return why;
    }
    format!(
        "{why}; give it a certificate for this name of an authority that Sluice's image trusts, or set disableTLS: true for this hook to accept any"
    )
}

/// The body as text; pages for browsers tell nobody anything.
fn readable(headers: &header::HeaderMap, body: &[u8]) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") { String::new() } else { String::from_utf8_lossy(body).into_owned() }
}
