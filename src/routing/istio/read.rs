//! What of a live `VirtualService` we read, and the destinations in it.

use serde::Deserialize;

use crate::{
    api::Canary,
    routing::{self, Backend, is_tcp},
};

/// A `VirtualService` as far as we look at it.
#[derive(Debug, Deserialize)]
pub(super) struct VirtualService {
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    http: Vec<Rule>,
    #[serde(default)]
    tcp: Vec<Rule>,
}

/// A rule; HTTP and TCP lead to destinations in the same words.
#[derive(Debug, Deserialize)]
struct Rule {
    #[serde(default)]
    route: Vec<Share>,
}

#[derive(Debug, Deserialize)]
struct Share {
    destination: Destination,
    #[serde(default)]
    weight: i64,
}

#[derive(Debug, Deserialize)]
struct Destination {
    host: String,
    #[serde(default)]
    subset: String,
}

/// The rules with their destinations: those of connections for a Service of connections, else those of requests.
pub(super) fn rules(route: &VirtualService, canary: &Canary) -> Vec<routing::Rule> {
    let (list, rules) = if is_tcp(canary) { ("tcp", &route.spec.tcp) } else { ("http", &route.spec.http) };
    let namespace = canary.namespace_name();
    let rule = |(index, rule): (usize, &Rule)| routing::Rule {
        pointer: format!("/spec/{list}/{index}/route"),
        backends: rule
            .route
            .iter()
            .map(|share| Backend {
                service: service(&share.destination, &namespace).map(str::to_owned),
                weight: Some(share.weight),
            })
            .collect(),
    };
    rules.iter().enumerate().map(rule).collect()
}

/// The Service of this namespace that a destination means, by its short name or by a longer one; a subset of it is none.
fn service<'a>(destination: &'a Destination, namespace: &str) -> Option<&'a str> {
    let host = destination.host.as_str();
    let (name, domain) = host.split_once('.').unwrap_or((host, namespace));
    let rest = domain.strip_prefix(namespace)?;
    let own = rest.is_empty() || rest == ".svc" || rest.starts_with(".svc.");
    (own && destination.subset.is_empty()).then_some(name)
}
