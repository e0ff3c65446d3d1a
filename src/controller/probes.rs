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

/// The watch without which nothing is known. What any other one would tell of is read by GET meanwhile.
pub(super) const INDISPENSABLE: &str = "Canary";

/// Of these watches the one that nobody can do without.
pub(super) fn indispensable(watches: &WatchHealth) -> WatchHealth {
    watches.iter().filter(|(kind, _)| *kind == INDISPENSABLE).cloned().collect()
}

/// Waits for the first list of Canaries, and until then for those of other kinds; returns the kinds that are late.
pub(super) async fn known(watches: &WatchHealth, until: Instant) -> Vec<&'static str> {
    let mut late = Vec::new();
    for (kind, health) in watches {
        let mut health = health.clone();
        // An error is a watch that ended: whoever holds it tells of it.
        let listed = health.wait_for(|health| health.synced);
        if *kind == INDISPENSABLE {
            let _ = listed.await;
        } else if tokio::time::timeout_at(until, listed).await.is_err() {
            late.push(*kind);
        }
    }
    late
}

/// Adds the watches to what the probes ask.
pub(super) fn hearing(status: Status, watches: &WatchHealth) -> Status {
    let (live, ready) = (watches.clone(), watches.clone());
    status
        .live("watches", move || watching(&live, LAST_PATIENCE))
        .ready("watches", move || watching(&ready, PATIENCE))
}

/// Whether no watch has failed for longer than `patience`; those that have are named, with the way out.
fn watching(watches: &WatchHealth, patience: Duration) -> Result<(), String> {
    let now = Instant::now();
    let failing = |(kind, health): &(&str, watch::Receiver<Health>)| {
        let health = health.borrow();
        let age = now - health.failing_since(now)?;
        let why = health.lapse.as_ref().map(|lapse| format!(": {}; {}", lapse.words, lapse.way_out()));
        let told = format!("no word from the API server about {kind} objects{}", why.unwrap_or_default());
        (age > patience).then_some(told)
    };
    let failing: Vec<String> = watches.iter().filter_map(failing).collect();
    if failing.is_empty() { Ok(()) } else { Err(failing.join(". ")) }
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

    /// An API server without objects, where nothing ever happens; while `away` it lists none of this kind.
    fn server(away: Arc<AtomicBool>, plural: &'static str) -> kube::Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let fails = request.uri().path().ends_with(plural) && away.load(Ordering::Relaxed);
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
        let (cluster, _touched) = Cluster::new(server(away.clone(), "/canaries"), None);
        let watches = cluster.watch(Duty::Catalog, &stop);
        let status = Status::new(Arc::new(Registry::default()), stop.clone());
        let router = hearing(status, &indispensable(&watches.health())).router();
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
        let why = "watches: no word from the API server about Canary objects: answered with 500; it is tried again; look at the API server, and at the network between\n";
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

    /// The kinds that are late after a minute, and how long that took; none if it took longer than an hour.
    async fn late_without(plural: &'static str) -> Option<(Vec<&'static str>, u64)> {
        let (away, stop) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
        let (cluster, _touched) = Cluster::new(server(away, plural), None);
        let held = cluster.watch(Duty::Catalog, &stop);
        let watches = held.health();
        let begin = Instant::now();
        let known = known(&watches, begin + Duration::from_secs(60));
        let late = tokio::time::timeout(Duration::from_secs(3600), known).await.ok()?;
        let healthy = watching(&indispensable(&watches), Duration::ZERO);
        assert_eq!(healthy, Ok(()), "no probe fails for a kind that is not needed");
        Some((late, begin.elapsed().as_secs()))
    }

    #[tokio::test(start_paused = true)]
    async fn templates_that_cannot_be_watched_hold_a_leader_up_for_a_minute_and_canaries_for_ever() {
        assert_eq!(late_without("/metrictemplates").await, Some((vec!["MetricTemplate"], 60)));
        assert_eq!(late_without("/nothing").await, Some((vec![], 0)));
        assert_eq!(late_without("/canaries").await, None);
    }
}
