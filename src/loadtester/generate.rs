//! Sends the requests of a load.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::future;
use reqwest::{Client, Url, redirect};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    bounds::Held,
    load::{End, Load},
    metrics::Metrics,
    tally::Tally,
};
use crate::{egress, rollout::Reach};

/// Bytes of one answer that are read; a connection with more to come is closed.
const BODY: usize = 1024 * 1024;
/// Shortest time between two requests of one connection.
const SHORTEST: f64 = 1e-6;

/// The client of a load, for a host that is reached like this. Certificates are not looked at, as with hey: answers are counted
/// and dropped.
pub(super) fn client(load: &Load, reach: &Reach) -> reqwest::Result<Client> {
    // The client panics without a process-wide TLS provider; an error only says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let idle = if load.keep_alive { usize::MAX } else { 0 };
    let builder = Client::builder()
        .dns_resolver(egress::resolver(*reach == Reach::Named))
        .redirect(if load.redirects { egress::redirects() } else { redirect::Policy::none() })
        .pool_max_idle_per_host(idle)
        .tls_danger_accept_invalid_certs(true)
        // A proxy of the environment would be loaded instead.
        .no_proxy();
    let builder = if load.http2 { builder } else { builder.http1_only() };
    builder.build()
}

/// Sends the requests until the load ends, or is stopped.
pub(super) async fn run(
    held: &Held,
    client: &Client,
    url: &Url,
    tally: &Tally,
    metrics: &Metrics,
    stop: &CancellationToken,
) {
    let Held { load, rate, time, .. } = held;
    let connections = f64::from(load.connections);
    let period = Duration::from_secs_f64((connections / rate).max(SHORTEST));
    let now = Instant::now();
    let sender = Sender {
        load,
        client,
        url,
        host: egress::authority(url),
        tally,
        metrics,
        left: AtomicU64::new(match load.end {
            End::After(requests) => requests,
            End::In(_) => u64::MAX,
        }),
        until: now + *time,
    };
    // Spread over the period, so that the connections do not send all at once.
    let connections =
        (0..load.connections).map(|index| sender.connection(now + period * index / load.connections, period));
    tokio::select! {
        _ = future::join_all(connections) => {}
        () = stop.cancelled() => {}
    }
    tally.end();
}

struct Sender<'a> {
    load: &'a Load,
    client: &'a Client,
    url: &'a Url,
    host: String,
    tally: &'a Tally,
    metrics: &'a Metrics,
    /// Requests that are still to be sent.
    left: AtomicU64,
    until: Instant,
}

impl Sender<'_> {
    /// One request after the other, at most one in a period.
    async fn connection(&self, first: Instant, period: Duration) {
        let mut pace = interval_at(first, period);
        // A late answer takes its turns with it: a slow server is not asked in bursts.
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = sleep_until(self.until) => return,
                _ = pace.tick() => {}
            }
            let taken =
                self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if taken.is_err() {
                return;
            }
            self.request().await;
        }
    }

    async fn request(&self) {
        let began = Instant::now();
        let request = self.client.request(self.load.method.clone(), self.url.clone());
        let request = request.headers(self.load.headers.clone()).body(self.load.body.clone());
        match exchange(request.timeout(self.load.timeout)).await {
            Ok(status) => {
                self.tally.answered(status, began.elapsed());
                self.metrics.answered(status, began.elapsed());
            }
            Err(error) => {
                self.tally.failed(egress::why(&error, &self.host, self.load.timeout));
                self.metrics.unanswered();
            }
        }
    }
}

/// Sends a request and reads its answer to the end.
async fn exchange(request: reqwest::RequestBuilder) -> reqwest::Result<u16> {
    let mut response = request.send().await?;
    let mut read = 0;
    while let Some(chunk) = response.chunk().await? {
        read += chunk.len();
        if read > BODY {
            break;
        }
    }
    Ok(response.status().as_u16())
}
