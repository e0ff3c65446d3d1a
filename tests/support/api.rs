//! Reads the API server directly: what is asked often must not cost a process each time.
//!
//! Writes go through `kubectl` and `helm`, as users make them, but for those whose time is measured.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use futures::TryStreamExt;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::bed;

const LIMIT: Duration = Duration::from_secs(10);

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
static CLIENT: OnceLock<Client> = OnceLock::new();

pub(super) fn runtime() -> &'static Runtime {
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    })
}

pub(super) fn client() -> &'static Client {
    CLIENT.get_or_init(|| client_of(None))
}

/// A client of the API server at an address, or of the one that the kubeconfig names.
pub(super) fn client_of(address: Option<&str>) -> Client {
    // An error means that it is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    runtime().block_on(async {
        let mut config = match bed::bed().kubeconfig() {
            Some(path) => {
                let file = Kubeconfig::read_from(path).unwrap();
                Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap()
            }
            None => Config::infer().await.unwrap(),
        };
        if let Some(address) = address {
            config.cluster_url = address.parse().unwrap();
        }
        Client::try_from(config).unwrap()
    })
}

fn within<T>(future: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    runtime().block_on(async {
        tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| {
            Err(kube::Error::Service(format!("no answer within {} s", LIMIT.as_secs()).into()))
        })
    })
}

fn request(path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(path).body(Vec::new()).unwrap()
}

/// What stands at a path; `None` if nothing does.
#[track_caller]
pub(crate) fn at(path: &str) -> Option<Value> {
    match within(client().request::<Value>(request(path))) {
        Ok(value) => Some(value),
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => panic!("GET {path}: {error}"),
    }
}

/// One object of a kind in plural, such as `deployments`; `None` if it does not exist.
#[track_caller]
pub(crate) fn find(plural: &str, namespace: &str, name: &str) -> Option<Value> {
    at(&format!("{}/{name}", collection(plural, namespace)))
}

/// One object that has to exist.
#[track_caller]
pub(crate) fn get(plural: &str, namespace: &str, name: &str) -> Value {
    find(plural, namespace, name).unwrap_or_else(|| panic!("there is no {plural} {namespace}/{name}"))
}

/// All objects of a kind in a namespace, or in all with an empty one.
#[track_caller]
pub(crate) fn list(plural: &str, namespace: &str) -> Vec<Value> {
    let list = at(&collection(plural, namespace)).unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Creates an object as a dry run: what would be stored, or why it is refused.
pub(crate) fn dry_run(plural: &str, namespace: &str, object: &Value) -> Result<Value, String> {
    let path = format!("{}?dryRun=All", collection(plural, namespace));
    let request = http::Request::post(path).header("Content-Type", "application/json");
    let request = request.body(object.to_string().into_bytes()).unwrap();
    within(client().request(request)).map_err(|error| error.to_string())
}

/// Merges a change into an object, for tests that measure from the answer on.
#[track_caller]
pub(crate) fn merge(plural: &str, namespace: &str, name: &str, change: &Value) {
    let path = format!("{}/{name}", collection(plural, namespace));
    let request = http::Request::patch(&path).header("Content-Type", "application/merge-patch+json");
    let request = request.body(change.to_string().into_bytes()).unwrap();
    within(client().request::<Value>(request)).unwrap_or_else(|error| panic!("PATCH {path}: {error}"));
}

/// Calls back with the type and the object of each event until the callback answers `false` or the watch ends.
pub(super) async fn watch(path: String, mut seen: impl FnMut(Value) -> bool) -> kube::Result<()> {
    let stream = client().request_stream(request(&path)).await?;
    let mut lines = std::pin::pin!(futures::AsyncBufReadExt::lines(stream));
    while let Some(line) = lines.try_next().await.map_err(|error| kube::Error::Service(error.into()))? {
        if let Ok(event) = serde_json::from_str(&line)
            && !seen(event)
        {
            break;
        }
    }
    Ok(())
}

/// Where objects of a kind are listed; an empty namespace is all of them, or none for kinds without.
pub(crate) fn collection(plural: &str, namespace: &str) -> String {
    let group = match plural {
        "pods" | "services" | "secrets" | "configmaps" | "namespaces" | "nodes" => "/api/v1",
        "deployments" | "daemonsets" | "replicasets" | "controllerrevisions" => "/apis/apps/v1",
        "horizontalpodautoscalers" => "/apis/autoscaling/v2",
        "canaries" | "metrictemplates" | "alertproviders" => "/apis/flagger.app/v1beta1",
        "httproutes" | "gateways" => "/apis/gateway.networking.k8s.io/v1",
        "httpproxies" => "/apis/projectcontour.io/v1",
        "virtualservices" | "destinationrules" => "/apis/networking.istio.io/v1",
        "events" => "/apis/events.k8s.io/v1",
        "leases" => "/apis/coordination.k8s.io/v1",
        "endpointslices" => "/apis/discovery.k8s.io/v1",
        "customresourcedefinitions" => "/apis/apiextensions.k8s.io/v1",
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => {
            "/apis/admissionregistration.k8s.io/v1"
        }
        "clusterroles" | "clusterrolebindings" | "roles" => "/apis/rbac.authorization.k8s.io/v1",
        "jobs" => "/apis/batch/v1",
        other => panic!("the group of {other} is not known here"),
    };
    match namespace {
        "" => format!("{group}/{plural}"),
        namespace => format!("{group}/namespaces/{namespace}/{plural}"),
    }
}
