//! As much of an API server as a follower needs: lists, watches that stay silent, single objects, a lease that another holds.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice::api::crd::crds;

use super::objects::{canary, deployment, name, template};

/// Everything that is in the cluster.
struct Cluster {
    /// Canaries as JSON, rendered once.
    canaries: Vec<String>,
    /// A Deployment as JSON, rendered once, of the name [`ANY`].
    deployment: String,
}

/// Stands for the name of whichever is asked for.
const ANY: &str = "any-name-at-all";

/// Serves a cluster with so many Canaries on a port of its own.
pub(crate) async fn serve(canaries: usize) -> SocketAddr {
    let cluster = Cluster {
        canaries: (0..canaries).map(|number| canary(&name(number)).to_string()).collect(),
        deployment: deployment(ANY).to_string(),
    };
    let router = Router::new().fallback(answer).with_state(Arc::new(cluster));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn answer(
    State(cluster): State<Arc<Cluster>>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
) -> Response {
    if query.contains_key("watch") {
        return Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>()).into_response();
    }
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    if let [.., "namespaces", _, "deployments", wanted] = parts.as_slice() {
        return json(StatusCode::OK, cluster.deployment.replace(ANY, wanted));
    }
    let single = match parts.as_slice() {
        ["apis", "apiextensions.k8s.io", _, _, wanted] => crd(wanted),
        ["apis", "coordination.k8s.io", _, _, _, "leases", lease] => Some(held(lease)),
        [.., "namespaces", _, "metrictemplates", wanted] => Some(template(wanted)),
        [.., "namespaces", _, "canaries", wanted] => Some(canary(wanted)),
        [.., "canaries"] => return page(&cluster.canaries, &query),
        [.., "metrictemplates"] => return page(&[template("errors").to_string()], &query),
        [.., "namespaces", _, _, _] => None,
        _ => return page(&[], &query),
    };
    match single {
        Some(object) => json(StatusCode::OK, object.to_string()),
        None => {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                "reason": "NotFound", "message": "not found", "metadata": {}});
            json(StatusCode::NOT_FOUND, status.to_string())
        }
    }
}

/// One page of a list.
fn page(items: &[String], query: &HashMap<String, String>) -> Response {
    let number = |key: &str| query.get(key).and_then(|value| value.parse::<usize>().ok());
    let from = number("continue").unwrap_or(0).min(items.len());
    let to = number("limit").map_or(items.len(), |limit| (from + limit).min(items.len()));
    let next = if to < items.len() { to.to_string() } else { String::new() };
    let metadata = json!({"resourceVersion": "200000", "continue": next});
    let items = items[from..to].join(",");
    json(
        StatusCode::OK,
        format!(r#"{{"kind":"List","apiVersion":"v1","metadata":{metadata},"items":[{items}]}}"#),
    )
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn crd(wanted: &str) -> Option<Value> {
    let crd = crds().into_iter().find(|crd| crd.metadata.name.as_deref() == Some(wanted))?;
    serde_json::to_value(crd).ok()
}

/// A lease that another replica has just renewed.
fn held(lease: &str) -> Value {
    let now = Timestamp::now();
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": lease, "namespace": "sluice-system", "resourceVersion": now.as_microsecond().to_string()},
        "spec": {"holderIdentity": "another", "leaseDurationSeconds": 15, "leaseTransitions": 1, "renewTime": now.to_string()},
    })
}
