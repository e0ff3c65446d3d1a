//! What of a live `HTTPRoute` we read, and the backends in it.

use serde::Deserialize;

use crate::routing;

/// An `HTTPRoute` as far as we look at it.
#[derive(Debug, Deserialize)]
pub(super) struct HttpRoute {
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: Spec,
    #[serde(default)]
    pub(super) status: Status,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) generation: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(default)]
    pub(super) parent_refs: Vec<Parent>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

/// A parent; fields that are absent have the API's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parent {
    #[serde(default = "gateway_group")]
    pub(super) group: String,
    #[serde(default = "gateway_kind")]
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) section_name: Option<String>,
    pub(super) port: Option<i32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) backend_refs: Vec<Backend>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Backend {
    #[serde(default)]
    group: String,
    #[serde(default = "service_kind")]
    kind: String,
    namespace: Option<String>,
    name: String,
    #[serde(default = "one")]
    weight: i64,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) parents: Vec<ParentStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParentStatus {
    pub(super) parent_ref: Parent,
    #[serde(default)]
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) type_: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) observed_generation: i64,
}

fn gateway_group() -> String {
    "gateway.networking.k8s.io".to_owned()
}

fn gateway_kind() -> String {
    "Gateway".to_owned()
}

fn service_kind() -> String {
    "Service".to_owned()
}

/// The API's default weight.
fn one() -> i64 {
    1
}

/// The rules with their backends.
pub(super) fn rules(route: &HttpRoute) -> Vec<routing::Rule> {
    let rule = |(index, rule): (usize, &Rule)| routing::Rule {
        pointer: format!("/spec/rules/{index}/backendRefs"),
        backends: rule.backend_refs.iter().map(|backend| of(backend, route)).collect(),
    };
    route.spec.rules.iter().enumerate().map(rule).collect()
}

fn of(backend: &Backend, route: &HttpRoute) -> routing::Backend {
    let own = backend.namespace.as_ref().is_none_or(|namespace| *namespace == route.metadata.namespace);
    let service = backend.group.is_empty() && backend.kind == "Service" && own;
    routing::Backend { service: service.then(|| backend.name.clone()), weight: Some(backend.weight) }
}
