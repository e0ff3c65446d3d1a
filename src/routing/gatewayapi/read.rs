//! What of a live `HTTPRoute` we read, and the weights in it.

use serde::Deserialize;

use crate::{
    api::Canary,
    routing::{Weight, Weights},
};

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

/// The weights on which all rules agree. A rule with other backends, without one of ours, or unlike the others makes the route
/// a foreign one.
pub(super) fn weights(route: &HttpRoute, canary: &Canary) -> Weights {
    let mut rules = route.spec.rules.iter().map(|rule| of_rule(rule, route, canary));
    let first = rules.next().flatten();
    match first {
        Some(weights) if rules.all(|other| other == Some(weights)) => weights,
        _ => Weights::FOREIGN,
    }
}

/// The weights by the backends' names: the one is never computed from the other, which would hide that somebody changed it.
fn of_rule(rule: &Rule, route: &HttpRoute, canary: &Canary) -> Option<Weights> {
    let weight = |name: String| {
        let mut backends = rule.backend_refs.iter().filter(|backend| is(backend, &name, route));
        let backend = backends.next().filter(|_| backends.next().is_none())?;
        Weight::try_from(backend.weight).ok()
    };
    let (primary, canary) = (weight(canary.primary_service_name())?, weight(canary.canary_service_name())?);
    (rule.backend_refs.len() == 2).then_some(Weights { primary, canary })
}

fn is(backend: &Backend, name: &str, route: &HttpRoute) -> bool {
    let own = backend.namespace.as_ref().is_none_or(|namespace| *namespace == route.metadata.namespace);
    backend.group.is_empty() && backend.kind == "Service" && own && backend.name == name
}
