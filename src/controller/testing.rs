//! What tests of this room act on: all that a term shares, around a client of an API server that the test plays.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::{
    cluster::{Announcer, Cluster, ClusterWorld, Duty, Told, Watches},
    execute::lease::Leadership,
};

/// One replica that leads for ever.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) announcer: Announcer,
    pub(super) metrics: Metrics,
    pub(super) world: ClusterWorld,
    pub(super) told: mpsc::UnboundedReceiver<Told>,
}

impl Stage {
    pub(super) fn on(client: kube::Client) -> Stage {
        let (cluster, _) = Cluster::new(client.clone(), None);
        let (announcer, poster) = Announcer::new(client, "test");
        tokio::spawn(poster.run());
        let metrics =
            Metrics::new(&mut Registry::default(), "kubernetes", &announcer.lost(), cluster.failures());
        let (tell, told) = mpsc::unbounded_channel();
        let (_, leadership) = watch::channel(Leadership::forever());
        let (ask, _) = mpsc::unbounded_channel();
        let world = ClusterWorld::new(cluster.clone(), announcer.clone(), ask, tell, leadership);
        Stage { cluster, announcer, metrics, world, told }
    }
}

/// All watches of a replica that leads, each with its first list.
pub(super) async fn watched(cluster: &Cluster) -> [Watches; 2] {
    let mut watches = [Duty::Catalog, Duty::Loop].map(|duty| cluster.watch(duty, &CancellationToken::new()));
    for watches in &mut watches {
        watches.synced().await;
    }
    watches
}

/// An API server with one Canary in namespace `shop` and nothing else. What was written and told is kept.
pub(super) struct Server {
    pub(super) canary: Mutex<Value>,
    codes: Mutex<BTreeMap<&'static str, u16>>,
    written: Mutex<Vec<Value>>,
    events: Mutex<Vec<(String, String)>>,
}

impl Server {
    pub(super) fn new() -> Arc<Server> {
        let canary = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "app", "namespace": "shop", "uid": "u", "resourceVersion": "1", "generation": 1},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "provider": "kubernetes", "service": {"port": 80}, "analysis": {"interval": "10s", "threshold": 1, "iterations": 1}},
        });
        let (codes, written, events) = Default::default();
        Arc::new(Server { canary: Mutex::new(canary), codes, written, events })
    }

    /// From now on this request (`GET deployments/app`, `LIST canaries`) is answered with that code.
    pub(super) fn answers(&self, request: &'static str, code: u16) {
        self.codes.lock().unwrap().insert(request, code);
    }

    pub(super) fn client(self: &Arc<Server>) -> kube::Client {
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
                let (code, answer) = match head.uri.path().rsplit_once("/namespaces/shop/") {
                    None if query.contains("limit=") => server.list(head.uri.path()),
                    Some((_, rest)) => server.answer(&format!("{} {rest}", head.method), &body),
                    None => (404, refused(404)),
                };
                Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()))
            }
        });
        kube::Client::new(service, "default")
    }

    fn list(&self, path: &str) -> (u16, Value) {
        let plural = path.rsplit('/').next().unwrap_or_default();
        if let Some(refused) = self.refusal(&format!("LIST {plural}")) {
            return refused;
        }
        let canary = self.canary.lock().unwrap().clone();
        let items = if plural == "canaries" { vec![canary] } else { Vec::new() };
        (200, json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}))
    }

    fn refusal(&self, request: &str) -> Option<(u16, Value)> {
        let code = self.codes.lock().unwrap().get(request).copied().filter(|code| *code != 200)?;
        Some((code, refused(code)))
    }

    fn answer(&self, request: &str, body: &[u8]) -> (u16, Value) {
        if let Some(refused) = self.refusal(request) {
            return refused;
        }
        let mut canary = self.canary.lock().unwrap();
        match request {
            "GET canaries/app" => (200, canary.clone()),
            "PATCH canaries/app/status" => {
                match serde_json::from_slice::<json_patch::Patch>(body) {
                    Ok(patch) => json_patch::patch(&mut canary, &patch).unwrap(),
                    Err(_) => json_patch::merge(&mut canary, &serde_json::from_slice(body).unwrap()),
                }
                let mut written = self.written.lock().unwrap();
                written.push(canary["status"].clone());
                canary["metadata"]["resourceVersion"] = json!((1 + written.len()).to_string());
                (200, canary.clone())
            }
            "POST events" => {
                let event: Value = serde_json::from_slice(body).unwrap();
                let of = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
                self.events.lock().unwrap().push((of("reason"), of("note")));
                (201, event)
            }
            _ => (404, refused(404)),
        }
    }

    /// The reasons of `Stalled` that were written, with the last message.
    pub(super) fn told(&self) -> (Vec<String>, String) {
        let written = self.written.lock().unwrap();
        let of = |status: &Value, field: &str| {
            let conditions = status["conditions"].as_array().unwrap();
            let stalled = conditions.iter().find(|condition| condition["type"] == "Stalled").unwrap();
            stalled[field].as_str().unwrap().to_owned()
        };
        let message = written.last().map(|status| of(status, "message")).unwrap_or_default();
        (written.iter().map(|status| of(status, "reason")).collect(), message)
    }

    /// Reasons and notes of the events, once this one has been posted as often as that. They are posted in the background.
    pub(super) async fn events(&self, reason: &str, times: usize) -> Vec<(String, String)> {
        let posted = || self.events.lock().unwrap().clone();
        for _ in 0..1000 {
            if posted().iter().filter(|(posted, _)| posted == reason).count() >= times {
                break;
            }
            tokio::task::yield_now().await;
        }
        posted()
    }
}

fn refused(code: u16) -> Value {
    json!({"kind": "Status", "status": "Failure", "code": code, "message": "not now", "metadata": {}})
}
