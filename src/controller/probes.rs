//! What the probes ask of the watches: a replica that hears nothing of Canaries for a while must not answer from what it knew, and after
//! a longer while is started anew.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use crate::{cluster::Health, server::Status};

/// How long a watch may fail before the process is no longer ready to answer from it.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may fail before the process is no longer alive.
const LAST_PATIENCE: Duration = Duration::from_secs(300);

/// Watches by the name of what they watch.
pub(super) type WatchHealth = Vec<(&'static str, watch::Receiver<Health>)>;

/// Adds the watches to what the probes ask.
pub(super) fn hearing(status: Status, watches: &WatchHealth) -> Status {
    let (live, ready) = (watches.clone(), watches.clone());
    status
        .live("watches", move || watching(&live, LAST_PATIENCE))
        .ready("watches", move || watching(&ready, PATIENCE))
}

/// Whether no watch has failed for longer than `patience`.
fn watching(watches: &WatchHealth, patience: Duration) -> Result<(), String> {
    let now = Instant::now();
    let failing: Vec<&str> = watches
        .iter()
        .filter(|(_, health)| health.borrow().failing_since(now).is_some_and(|since| now - since > patience))
        .map(|(kind, _)| *kind)
        .collect();
    if failing.is_empty() {
        Ok(())
    } else {
        Err(format!("no word from the API server about {}", failing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt;
    use kube::client::Body;
    use prometheus_client::registry::Registry;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt;

    use super::*;
    use crate::cluster::{Cluster, Duty};

    /// An API server without objects, where nothing ever happens; while `away` it lists no Canaries.
    fn server(away: Arc<AtomicBool>) -> kube::Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let fails = request.uri().path().ends_with("/canaries") && away.load(Ordering::Relaxed);
            let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            async move {
                let (code, body) = match (fails, watches) {
                    (true, _) => {
                        (500, json!({"kind": "Status", "status": "Failure", "code": 500, "metadata": {}}))
                    }
                    (false, true) => std::future::pending().await,
                    (false, false) => {
                        (200, json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []}))
                    }
                };
                Response::builder().status(code).body(Body::from(body.to_string().into_bytes()))
            }
        });
        kube::Client::new(service, "default")
    }

    #[tokio::test(start_paused = true)]
    async fn w_ops_2_a_watch_of_canaries_that_fails_ends_readiness_after_a_minute_and_life_after_five() {
        let (away, stop) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
        let (cluster, _touched) = Cluster::new(server(away.clone()), None);
        let watches = cluster.watch(Duty::Catalog, &stop);
        let status = Status::new(Arc::new(Registry::default()), stop.clone());
        let router = hearing(status, &watches.health()).router();
        let begin = Instant::now();
        let probed = async |second: u64| {
            tokio::time::sleep_until(begin + Duration::from_secs(second)).await;
            let get = async |path: &str| {
                let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
                let response = router.clone().oneshot(request).await.unwrap();
                let code = response.status();
                (code, response.into_body().collect().await.unwrap().to_bytes())
            };
            (get("/healthz").await, get("/readyz").await)
        };
        let (ok, not) = (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE);
        let why = "watches: no word from the API server about Canary\n";
        for (second, alive, ready) in [(59, ok, ok), (65, ok, not), (295, ok, not), (305, not, not)] {
            let (healthz, readyz) = probed(second).await;
            assert_eq!((healthz.0, readyz.0), (alive, ready), "after {second} s");
            for (code, text) in [healthz, readyz] {
                assert_eq!(code != ok, text.ends_with(why.as_bytes()), "{text:?}");
            }
        }
        away.store(false, Ordering::Relaxed);
        let (healthz, readyz) = probed(400).await;
        assert_eq!((healthz.0, readyz.0), (ok, ok), "it hears again");
    }
}
