//! The API server, as the bench writes to it and watches it.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use kube::api::{ApiResource, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use sluice::api::crd::crds;

use super::control::SLUICE;

/// Where everything is.
pub(crate) const NAMESPACE: &str = "shop";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The bench's way to the API server, as an administrator.
#[derive(Clone)]
pub(crate) struct Store(Client);

impl Store {
    pub(crate) async fn of(kubeconfig: &Path) -> Store {
        let file = Kubeconfig::read_from(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Store(Client::try_from(config).unwrap())
    }

    pub(crate) async fn until_answered(&self, patience: Duration) {
        let begun = Instant::now();
        let ready = || http::Request::get("/readyz").body(Vec::new()).unwrap();
        while let Err(error) = self.0.request_text(ready()).await {
            assert!(begun.elapsed() < patience, "the API server does not answer: {error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The kinds of the Gateway API and our own, namespaces, and Sluice's right to everything.
    pub(crate) async fn add_kinds(&self, gateway: &Path) {
        let text = std::fs::read_to_string(gateway).unwrap();
        let route =
            text.split("\n---").find(|document| document.contains("name: httproutes.gateway")).unwrap();
        self.create(CRDS, &serde_saphyr::from_str(route).unwrap()).await;
        for crd in crds() {
            self.create(CRDS, &serde_json::to_value(crd).unwrap()).await;
        }
        for name in [NAMESPACE, "sluice-system"] {
            self.create("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
        }
        let binding = json!({
            "metadata": {"name": "sluice"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": SLUICE}],
        });
        self.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await;
        for kind in ["apis/flagger.app/v1beta1/canaries", "apis/gateway.networking.k8s.io/v1/httproutes"] {
            self.until_served(kind).await;
        }
    }

    async fn until_served(&self, path: &str) {
        let list = || http::Request::get(format!("/{path}?limit=1")).body(Vec::new()).unwrap();
        while self.0.request_text(list()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Creates an object; whoever is refused here measures nothing.
    pub(crate) async fn create(&self, collection: &str, object: &Value) {
        self.send(http::Request::post(collection).header("Content-Type", "application/json"), object).await;
    }

    /// Merges a change into an object or its status.
    pub(crate) async fn merge(&self, path: &str, change: &Value) {
        let request = http::Request::patch(path).header("Content-Type", "application/merge-patch+json");
        self.send(request, change).await;
    }

    /// Makes an object what it shall be, whether or not it is there.
    pub(crate) async fn apply(&self, path: &str, object: &Value) {
        let path = format!("{path}?fieldManager=bench&force=true");
        let request = http::Request::patch(path).header("Content-Type", "application/apply-patch+yaml");
        self.send(request, object).await;
    }

    async fn send(&self, request: http::request::Builder, body: &Value) {
        let request = request.body(body.to_string().into_bytes()).unwrap();
        let path = request.uri().to_string();
        if let Err(error) = self.0.request::<Value>(request).await {
            panic!("{path}: {error}");
        }
    }

    /// All objects of a kind, and each of their changes.
    pub(crate) fn watch(
        &self,
        group: &str,
        version: &str,
        kind: &str,
        plural: &str,
    ) -> impl Stream<Item = DynamicObject> + use<> {
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.0.clone(), NAMESPACE, &resource);
        let events = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
        Box::pin(events.filter_map(|event| async { event.ok() }))
    }
}
