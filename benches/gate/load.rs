//! The client, the same for every server: HTTP/1.1 over TLS on connections that are kept, as the API server has them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::{Certificate, Client};

use super::reviews::{Kind, Mix, Review};

/// Longest time until the first answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections to one server.
pub(crate) struct Line {
    address: SocketAddr,
    connections: Vec<Client>,
    /// The place in the mix: each phase goes on where the last one ended.
    next: Arc<AtomicUsize>,
}

impl Line {
    pub(crate) fn new(address: SocketAddr, certificate: &str, connections: usize) -> Line {
        let client = || {
            let trusted = Certificate::from_pem(certificate.as_bytes()).unwrap();
            Client::builder()
                .tls_certs_only([trusted])
                .http1_only()
                .pool_max_idle_per_host(1)
                .no_proxy()
                .build()
                .unwrap()
        };
        Line { address, connections: (0..connections).map(|_| client()).collect(), next: Arc::default() }
    }

    /// Waits until the server answers.
    pub(crate) async fn until_answered(&self, mix: &Mix) {
        let begun = Instant::now();
        let url = format!("https://{}{}", self.address, mix.0[0].path);
        while let Err(error) = self.connections[0].post(&url).body(mix.0[0].body.clone()).send().await {
            assert!(begun.elapsed() < PATIENCE, "no answer from {}: {error:?}", self.address);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks one question on the first connection.
    pub(crate) async fn one(&self, review: &Review) -> Duration {
        ask(&self.connections[0], self.address, review).await
    }

    /// Asks at a constant rate for a time; each connection has its share and waits for its answer.
    pub(crate) async fn paced(&self, mix: &Mix, rate: u32, time: Duration) -> Vec<(Kind, Duration)> {
        let pause = Duration::from_secs(1) * u32::try_from(self.connections.len()).unwrap() / rate;
        let begun = Instant::now();
        let asking = self.connections.iter().enumerate().map(|(place, connection)| async move {
            // Side by side, not all at once.
            let offset =
                pause * u32::try_from(place).unwrap() / u32::try_from(self.connections.len()).unwrap();
            let mut clock = tokio::time::interval_at((begun + offset).into(), pause);
            clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let mut answered = Vec::new();
            while begun.elapsed() < time {
                clock.tick().await;
                let review = self.next(mix);
                answered.push((review.kind, ask(connection, self.address, review).await));
            }
            answered
        });
        join_all(asking).await.concat()
    }

    /// Asks as fast as each connection is answered; returns how many answers there were and in what time.
    pub(crate) async fn sprint(&self, mix: &Mix, time: Duration) -> (usize, Duration) {
        let begun = Instant::now();
        let asking = self.connections.iter().map(|connection| async move {
            let mut answered = 0;
            while begun.elapsed() < time {
                ask(connection, self.address, self.next(mix)).await;
                answered += 1;
            }
            answered
        });
        let answered: Vec<usize> = join_all(asking).await;
        (answered.into_iter().sum(), begun.elapsed())
    }

    fn next<'a>(&self, mix: &'a Mix) -> &'a Review {
        &mix.0[self.next.fetch_add(1, Ordering::Relaxed) % mix.0.len()]
    }
}

/// The time from the first byte sent to the last received. An answer that does not allow ends the bench: what was measured then
/// would be something else.
async fn ask(connection: &Client, address: SocketAddr, review: &Review) -> Duration {
    let request = connection.post(format!("https://{address}{}", review.path)).body(review.body.clone());
    let begun = Instant::now();
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    let took = begun.elapsed();
    let text = String::from_utf8_lossy(&body);
    assert!(status.is_success() && text.contains(r#""allowed":true"#), "{:?}: {status} {text}", review.kind);
    took
}
