//! What is read for a look at a Canary, and what came of the reads of the last one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    api::{CanaryKey, Live},
    cluster::ClusterError,
    rollout::{Failure, Lost, Unread},
    workload::configs::Configs,
};

/// What was read for a Canary.
pub(super) struct Gathered {
    pub(super) live: Live,
    pub(super) configs: Configs,
    /// Why nobody may act on it.
    pub(super) problems: Vec<String>,
    /// What could not be read.
    pub(super) lost: Option<(Lost, ClusterError)>,
}

impl Gathered {
    /// One read failed without which nothing can be decided.
    pub(super) fn nothing(error: ClusterError) -> Self {
        let (live, configs, problems) = Default::default();
        Gathered { live, configs, problems, lost: Some((Lost::All, error)) }
    }
}

/// The Canaries for which reads do not pass.
#[derive(Debug, Default)]
pub(super) struct Reads(Mutex<HashMap<CanaryKey, Unread>>);

impl Reads {
    /// What did not pass in the last look at a Canary.
    pub(super) fn failing(&self, key: &CanaryKey) -> Option<Unread> {
        self.all().get(key).cloned()
    }

    /// Keeps what did not pass in this look.
    pub(super) fn keep(&self, key: &CanaryKey, unread: Option<&Unread>) {
        let mut all = self.all();
        let before = match unread {
            Some(unread) => all.insert(key.clone(), unread.clone()),
            None => all.remove(key),
        };
        match (before.is_some(), unread) {
            (false, Some(Unread { failure: Failure { what, why, .. }, .. })) => {
                tracing::warn!(canary = %key, what, why, "a read does not pass");
            }
            (true, None) => tracing::info!(canary = %key, "all reads pass again"),
            _ => {}
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<CanaryKey, Unread>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU16, atomic::Ordering};

    use http::{Request, Response};
    use http_body_util::BodyExt;
    use jiff::SignedDuration;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        cluster::Duty,
        controller::{look::tests::looker, queue::Again},
    };

    /// An API server with one Canary, the statuses that were written, and the code that it answers with when asked for its target.
    struct Server {
        canary: Mutex<Value>,
        written: Mutex<Vec<Value>>,
        target: AtomicU16,
    }

    impl Server {
        fn new() -> Arc<Server> {
            let canary = json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
                "metadata": {"name": "app", "namespace": "shop", "uid": "u", "resourceVersion": "1", "generation": 1},
                "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                    "provider": "kubernetes", "service": {"port": 80}, "analysis": {"interval": "10s", "threshold": 1, "iterations": 1}},
            });
            let canary = Mutex::new(canary);
            Arc::new(Server { canary, written: Mutex::default(), target: AtomicU16::new(404) })
        }

        fn client(self: &Arc<Server>) -> kube::Client {
            let server = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let query = head.uri.query().unwrap_or_default();
                    if query.contains("watch=true") {
                        std::future::pending::<()>().await;
                    }
                    let (code, answer) = server.answer(head.uri.path(), query, &body);
                    Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()))
                }
            });
            kube::Client::new(service, "default")
        }

        fn answer(&self, path: &str, query: &str, body: &[u8]) -> (u16, Value) {
            let mut canary = self.canary.lock().unwrap();
            let code = match path.rsplit_once("/namespaces/shop/").map(|(_, rest)| rest) {
                None if query.contains("limit=") => {
                    let items = if path.ends_with("/canaries") { vec![canary.clone()] } else { Vec::new() };
                    return (
                        200,
                        json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}),
                    );
                }
                Some("canaries/app/status") => {
                    let patch: json_patch::Patch = serde_json::from_slice(body).unwrap();
                    json_patch::patch(&mut canary, &patch).unwrap();
                    let mut written = self.written.lock().unwrap();
                    written.push(canary["status"].clone());
                    canary["metadata"]["resourceVersion"] = json!((1 + written.len()).to_string());
                    return (200, canary.clone());
                }
                Some("deployments/app") => self.target.load(Ordering::Relaxed),
                _ => 404,
            };
            let refused = json!({"kind": "Status", "status": "Failure", "code": code, "message": "not now", "metadata": {}});
            (code, refused)
        }

        /// The reasons of `Stalled` that were written, with the last message.
        fn told(&self) -> (Vec<String>, String) {
            let written = self.written.lock().unwrap();
            let of = |status: &Value, field: &str| {
                let conditions = status["conditions"].as_array().unwrap();
                let stalled = conditions.iter().find(|condition| condition["type"] == "Stalled").unwrap();
                stalled[field].as_str().unwrap().to_owned()
            };
            let message = written.last().map(|status| of(status, "message")).unwrap_or_default();
            (written.iter().map(|status| of(status, "reason")).collect(), message)
        }
    }

    #[tokio::test]
    async fn a_read_that_goes_on_failing_is_told_once_and_no_more_when_it_passes() {
        let (server, stop, key) = (Server::new(), CancellationToken::new(), CanaryKey::new("shop", "app"));
        let looker = looker(server.client());
        let watches = [Duty::Catalog, Duty::Loop].map(|duty| looker.cluster.watch(duty, &stop));
        watches[0].synced().await;
        watches[1].synced().await;
        let look = async || looker.clone().look(key.clone()).await;

        server.target.store(500, Ordering::Relaxed);
        assert_eq!((look().await, look().await), (Again::Failed, Again::Failed));
        assert_eq!(server.told().0, Vec::<String>::new(), "it may be over in a moment");
        let mut unread = looker.reads.failing(&key).unwrap();
        unread.since -= SignedDuration::from_secs(60);
        looker.reads.keep(&key, Some(&unread));
        assert_eq!((look().await, look().await), (Again::Failed, Again::Failed));
        let (reasons, message) = server.told();
        assert_eq!(reasons, ["ReadFailed"]);
        assert_eq!(message, "Reading Deployment shop/app: not now. It is tried again.");

        server.target.store(404, Ordering::Relaxed);
        look().await;
        look().await;
        let (reasons, _) = server.told();
        let still = reasons.iter().rposition(|reason| reason == "ReadFailed");
        assert_eq!((still, reasons.len()), (Some(0), 2), "what is read decides again: {reasons:?}");
        assert_eq!(looker.reads.failing(&key), None);
    }

    #[tokio::test]
    async fn a_read_that_is_denied_is_told_at_once_with_the_way_out() {
        let (server, stop, key) = (Server::new(), CancellationToken::new(), CanaryKey::new("shop", "app"));
        let looker = looker(server.client());
        let watches = [Duty::Catalog, Duty::Loop].map(|duty| looker.cluster.watch(duty, &stop));
        watches[0].synced().await;
        watches[1].synced().await;
        server.target.store(403, Ordering::Relaxed);
        assert_eq!(looker.clone().look(key.clone()).await, Again::Failed);
        assert_eq!(looker.clone().look(key).await, Again::Failed);
        let (reasons, message) = server.told();
        assert_eq!(reasons, ["ReadDenied"]);
        assert!(message.contains("Allow it to Sluice's service account; it is tried again."), "{message}");
    }
}
