//! The room as a whole against an API server that a test plays, on virtual time.

mod configs;
mod election;
mod freshness;
mod reads;
mod watched;
mod writes;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Announcer, Cluster, ClusterWorld, Duty, Touched, Watches,
    testing::{Bed, Record, settle},
};
use crate::{
    api::{CanaryKey, ObjectRef},
    execute::lease::Leadership,
};

const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const SERVICES: &str = "/api/v1/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";
const REVISIONS: &str = "/apis/apps/v1/controllerrevisions";
const CANARIES: &str = "/apis/flagger.app/v1beta1/canaries";

/// A cluster that watches a played server.
struct Stage {
    bed: Bed,
    record: Record,
    cluster: Cluster,
    events: mpsc::UnboundedReceiver<Touched>,
    client: kube::Client,
    stop: CancellationToken,
    _watches: [Watches; 2],
}

impl Stage {
    /// Starts all watches on `bed` and waits until they are synced; the calls and events of that are not kept.
    async fn on(bed: Bed) -> Stage {
        let (client, record) = bed.client();
        let (cluster, mut events) = Cluster::new(client.clone(), None);
        let cluster = cluster.hearing(&["ConfigMap", "Secret"]);
        let stop = CancellationToken::new();
        let watches = [cluster.watch(Duty::Catalog, &stop), cluster.watch(Duty::Loop, &stop)];
        for watches in &watches {
            watches.synced().await;
        }
        settle().await;
        while events.try_recv().is_ok() {}
        record.forget();
        Stage { bed, record, cluster, events, client, stop, _watches: watches }
    }

    async fn new() -> Stage {
        Stage::on(Bed::default()).await
    }

    fn world(&self) -> ClusterWorld {
        let (asks, _) = mpsc::unbounded_channel();
        let (announcer, _) = Announcer::new(self.client.clone(), "test");
        let (_, leadership) = tokio::sync::watch::channel(Leadership::forever());
        ClusterWorld::new(self.cluster.clone(), announcer, asks, mpsc::unbounded_channel().0, leadership)
    }

    /// The version of an object as a look at it gives it.
    async fn version(&self, reference: &ObjectRef) -> Option<String> {
        let object = self.cluster.look(reference).await.unwrap()?;
        Some(object["metadata"]["resourceVersion"].as_str().unwrap().to_owned())
    }

    fn told(&mut self) -> Vec<(String, Option<String>)> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        events
            .map(|event| (event.reference.to_string(), event.owner.map(|owner| owner.to_string())))
            .collect()
    }
}

/// An object of ours in namespace `n`.
fn object(kind: &str, name: &str, version: u32) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}"),
        "resourceVersion": version.to_string(), "labels": {"sluice.dev/managed": "true"},
        "annotations": {"sluice.dev/canary": "c"}}})
}

fn without_label(mut object: Value) -> Value {
    object["metadata"]["labels"] = json!({});
    object
}

fn deployment(name: &str) -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", "n", name)
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Service", "n", name)
}

fn key() -> CanaryKey {
    CanaryKey::new("n", "c")
}
