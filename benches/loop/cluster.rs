//! The rest of a cluster, as far as Sluice sees it: Deployments whose pods are ready at once, endpoints of Services, a gateway
//! that takes every route, and a metric server whose every answer is good.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use axum::Router;
use futures::StreamExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::objects::place;
use super::store::Store;

/// Workers; all that concerns one app is done by one of them, in its order.
const WORKERS: usize = 16;
/// Group, version, kind and plural of what is watched.
const KINDS: [[&str; 4]; 3] = [
    ["apps", "v1", "Deployment", "deployments"],
    ["", "v1", "Service", "services"],
    ["gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"],
];

/// Plays the rest of the cluster until the runtime ends.
pub(crate) fn play(store: &Store) {
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(work(Worker { store: store.clone(), apps: HashMap::new() }, receiver));
            sender
        })
        .collect();
    for kind in KINDS {
        let [group, version, name, plural] = kind;
        let (mut changes, workers) = (store.watch(group, version, name, plural), workers.clone());
        tokio::spawn(async move {
            while let Some(object) = changes.next().await {
                let app = app(plural, &object);
                let mut hasher = DefaultHasher::new();
                app.hash(&mut hasher);
                let _ = workers[hasher.finish() as usize % WORKERS].send((plural, app, object));
            }
        });
    }
}

/// The app that an object belongs to.
fn app(plural: &str, object: &DynamicObject) -> String {
    let path = match plural {
        "deployments" => "/spec/template/metadata/labels/app",
        "services" => "/spec/selector/app",
        _ => return object.metadata.name.clone().unwrap_or_default(),
    };
    object.data.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What is known of the pods of one app.
#[derive(Default)]
struct App {
    ready: usize,
    /// The Services that select them, with their labels and how many endpoints each was given.
    services: HashMap<String, (Value, Option<usize>)>,
}

struct Worker {
    store: Store,
    apps: HashMap<String, App>,
}

async fn work(
    mut worker: Worker,
    mut changes: mpsc::UnboundedReceiver<(&'static str, String, DynamicObject)>,
) {
    while let Some((plural, app, object)) = changes.recv().await {
        match plural {
            "deployments" => worker.deployment(&app, &object).await,
            "services" => worker.service(&app, &object).await,
            _ => worker.route(&object).await,
        }
    }
}

impl Worker {
    async fn deployment(&mut self, app: &str, object: &DynamicObject) {
        let wanted = object.data["spec"]["replicas"].as_u64().unwrap_or(1);
        let generation = object.metadata.generation.unwrap_or_default();
        let status = &object.data["status"];
        let seen = status["observedGeneration"].as_i64() == Some(generation);
        if !seen || status["readyReplicas"].as_u64().unwrap_or(0) != wanted {
            let ready = json!({
                "observedGeneration": generation, "replicas": wanted, "updatedReplicas": wanted,
                "readyReplicas": wanted, "availableReplicas": wanted,
                "conditions": [condition("Available", "MinimumReplicasAvailable")],
            });
            let name = object.metadata.name.as_deref().unwrap_or_default();
            self.store
                .merge(&format!("{}/status", place("deployments", name)), &json!({"status": ready}))
                .await;
        }
        self.apps.entry(app.to_owned()).or_default().ready = wanted as usize;
        self.endpoints(app).await;
    }

    async fn service(&mut self, app: &str, object: &DynamicObject) {
        let name = object.metadata.name.clone().unwrap_or_default();
        let labels = json!(object.metadata.labels);
        let service = self.apps.entry(app.to_owned()).or_default().services.entry(name).or_default();
        if service.0 != labels {
            *service = (labels, None);
        }
        self.endpoints(app).await;
    }

    /// Slices have the labels of their Service, as the real controller gives them.
    async fn endpoints(&mut self, app: &str) {
        let Some(App { ready, services }) = self.apps.get_mut(app) else { return };
        for (name, (labels, given)) in services.iter_mut().filter(|(_, (_, given))| *given != Some(*ready)) {
            let mut labels = labels.clone();
            labels["kubernetes.io/service-name"] = json!(name);
            let endpoint = |number: usize| json!({"addresses": [format!("192.0.2.{number}")], "conditions": {"ready": true}});
            let slice = json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": format!("{name}-0"), "labels": labels},
                "addressType": "IPv4", "ports": [{"name": "http", "port": 9898}],
                "endpoints": (1..=*ready).map(endpoint).collect::<Vec<_>>(),
            });
            self.store.apply(&place("endpointslices", &format!("{name}-0")), &slice).await;
            *given = Some(*ready);
        }
    }

    async fn route(&self, object: &DynamicObject) {
        let generation = object.metadata.generation.unwrap_or_default();
        let accepted = &object.data["status"]["parents"][0]["conditions"][0]["observedGeneration"];
        if accepted.as_i64() == Some(generation) {
            return;
        }
        let condition = |of: &str| {
            let mut condition = condition(of, of);
            condition["observedGeneration"] = json!(generation);
            condition
        };
        let parents = object.data["spec"]["parentRefs"].as_array().into_iter().flatten();
        let parents: Vec<Value> = parents
            .map(|parent| {
                json!({"parentRef": parent, "controllerName": "example.com/bench",
                       "conditions": [condition("Accepted"), condition("ResolvedRefs")]})
            })
            .collect();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let status = json!({"status": {"parents": parents}});
        self.store.merge(&format!("{}/status", place("httproutes", name)), &status).await;
    }
}

fn condition(of: &str, reason: &str) -> Value {
    json!({"type": of, "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// A Prometheus that says 99.9 whatever it is asked.
pub(crate) async fn metric_server() -> SocketAddr {
    let answer = || async {
        let sample = json!({"metric": {}, "value": [0, "99.9"]});
        axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": [sample]}}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    address
}
