//! Writes straight to an API server, at a rate and timed: what a test measures must not cost a process each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::Method;
use kube::Client;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::api;

/// Longer than any webhook may take.
const LIMIT: Duration = Duration::from_secs(30);

/// An API server by which to write.
#[derive(Clone)]
pub(crate) struct Server(Client);

/// How a write ended.
#[derive(Debug)]
pub(crate) struct Written {
    /// How long the answer took.
    pub(crate) took: Duration,
    /// What was stored, or why nothing was.
    pub(crate) result: Result<Value, String>,
}

impl Server {
    /// The one of the kubeconfig.
    pub(crate) fn first() -> Self {
        Server(api::client().clone())
    }

    /// One at an address of its own.
    pub(crate) fn at(address: &str) -> Self {
        Server(api::client_of(Some(address)))
    }

    /// Creates an object.
    pub(crate) fn create(&self, plural: &str, namespace: &str, object: &Value) -> Written {
        api::runtime().block_on(self.post(api::collection(plural, namespace), object.clone()))
    }

    /// Deletes an object, with what it owns afterwards.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) -> Written {
        let path = format!("{}/{name}?propagationPolicy=Background", api::collection(plural, namespace));
        api::runtime().block_on(self.send(Method::DELETE, path, Vec::new()))
    }

    async fn post(&self, path: String, object: Value) -> Written {
        self.send(Method::POST, path, object.to_string().into_bytes()).await
    }

    async fn send(&self, method: Method, path: String, body: Vec<u8>) -> Written {
        let request =
            http::Request::builder().method(method).uri(path).header("Content-Type", "application/json");
        let request = request.body(body).unwrap();
        let began = Instant::now();
        let result = match tokio::time::timeout(LIMIT, self.0.request::<Value>(request)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        };
        Written { took: began.elapsed(), result }
    }
}

/// Writes under way at once: a machine that does not keep up makes fewer a second, instead of ever more that wait.
const UNDER_WAY: usize = 100;

/// Dry runs of one create at a constant rate, until it is stopped.
pub(crate) struct DryRuns {
    stop: Arc<AtomicBool>,
    writer: JoinHandle<Vec<Written>>,
    began: Instant,
}

/// What they came to.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) writes: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) seconds: f64,
}

impl DryRuns {
    /// Starts: so many creates a second of an object that has to be accepted.
    pub(crate) fn start(plural: &str, namespace: &str, object: &Value, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, object) = (Arc::clone(&stop), object.clone());
        let path = format!("{}?dryRun=All", api::collection(plural, namespace));
        let writer = std::thread::spawn(move || {
            api::runtime().block_on(async {
                let server = Server::first();
                let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                let (mut writes, mut done) = (JoinSet::new(), Vec::new());
                while !stopped.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    if writes.len() >= UNDER_WAY {
                        done.extend(writes.join_next().await.map(Result::unwrap));
                    }
                    let (server, path, object) = (server.clone(), path.clone(), object.clone());
                    writes.spawn(async move { server.post(path, object).await });
                    while let Some(written) = writes.try_join_next() {
                        done.push(written.unwrap());
                    }
                }
                done.extend(writes.join_all().await);
                done
            })
        });
        DryRuns { stop, writer, began: Instant::now() }
    }

    /// Ends; answers under way are waited for.
    pub(crate) fn stop(self) -> Sum {
        let seconds = self.began.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Relaxed);
        let written = self.writer.join().unwrap();
        let writes = written.len();
        let failed = written.into_iter().filter_map(|written| written.result.err()).collect();
        Sum { writes, failed, seconds }
    }
}

impl Sum {
    /// Checks that none failed.
    #[track_caller]
    pub(crate) fn none_failed(&self, what: &str) {
        let (failed, all) = (self.failed.len(), self.writes);
        assert!(failed == 0, "{what}: {failed} of {all} writes failed, the first: {}", self.failed[0]);
        assert!(all > 100, "{what}: only {all} writes were made");
    }
}

/// The value that half of the samples do not exceed, and the largest, in milliseconds.
pub(crate) fn middle_and_most(mut samples: Vec<Duration>) -> (f64, f64) {
    samples.sort_unstable();
    let milliseconds = |sample: Option<&Duration>| {
        sample.map_or(0.0, |sample| (sample.as_secs_f64() * 10_000.0).round() / 10.0)
    };
    (milliseconds(samples.get(samples.len() / 2)), milliseconds(samples.last()))
}
