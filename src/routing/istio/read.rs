//! What of a live `VirtualService` we read, and the weights in it.

use serde::Deserialize;

use super::versions;
use crate::{
    api::Canary,
    routing::{Weight, Weights, is_tcp},
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

/// The weights on which all rules agree. A rule with other destinations, without one of ours, or unlike the others makes the
/// route a foreign one.
pub(super) fn weights(route: &VirtualService, canary: &Canary) -> Weights {
    let rules = if is_tcp(canary) { &route.spec.tcp } else { &route.spec.http };
    let mut rules = rules.iter().map(|rule| of_rule(rule, canary));
    match rules.next().flatten() {
        Some(weights) if rules.all(|other| other == Some(weights)) => weights,
        _ => Weights::FOREIGN,
    }
}

/// The weights by the destinations' names: the one is never computed from the other, which would hide that somebody changed
/// it.
fn of_rule(rule: &Rule, canary: &Canary) -> Option<Weights> {
    let namespace = canary.namespace_name();
    let [primary, canary] = versions(canary).map(|host| {
        let mut shares = rule.route.iter().filter(|share| is(&share.destination, &host, &namespace));
        let share = shares.next().filter(|_| shares.next().is_none())?;
        Weight::try_from(share.weight).ok()
    });
    (rule.route.len() == 2).then_some(Weights { primary: primary?, canary: canary? })
}

/// Whether a destination is this Service of this namespace, by its short name or by a longer one.
fn is(destination: &Destination, service: &str, namespace: &str) -> bool {
    let Some(rest) = destination.host.strip_prefix(service) else { return false };
    let own = match rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(namespace)) {
        Some(domain) => domain.is_empty() || domain == ".svc" || domain.starts_with(".svc."),
        None => rest.is_empty(),
    };
    own && destination.subset.is_empty()
}
