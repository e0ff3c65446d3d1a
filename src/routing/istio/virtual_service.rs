//! The `spec` of the VirtualService.

use serde_json::{Map, Value, json};

use super::{Istio, hosts, http, matches, tcp, versions};
use crate::{
    api::{Canary, CanaryService, Object},
    routing::{
        Problem, Traffic, Weight, Weights, error, is_tcp,
        part::{self, Part},
    },
};

/// The gateway that stands for all sidecars.
pub(super) const MESH: &str = "mesh";

/// The spec that leads requests so. What is wrong with the Canary is added to `problems`.
pub(super) fn spec(
    canary: &Canary,
    service: &CanaryService,
    traffic: &Traffic,
    live: Option<&Object>,
    problems: &mut Vec<Problem>,
) -> Value {
    let mut spec = Map::new();
    if service.delegation {
        delegated(canary, service, problems);
    } else {
        let gateways = hosts::gateways(service, problems);
        spec.insert("hosts".to_owned(), hosts::hosts(canary, service, &gateways, problems).into());
        spec.insert("gateways".to_owned(), gateways.into());
    }
    let list = if is_tcp(canary) { "tcp" } else { "http" };
    spec.insert(list.to_owned(), rules(canary, service, traffic, problems).into());
    clear(&mut spec, live);
    spec.into()
}

/// One rule for each part of the route.
fn rules(
    canary: &Canary,
    service: &CanaryService,
    traffic: &Traffic,
    problems: &mut Vec<Problem>,
) -> Vec<Value> {
    let [primary, version] = versions(canary).map(|host| destination(service, &host));
    let share =
        |destination: &Value, weight: Weight| json!({"destination": destination, "weight": weight.get()});
    let destinations = |weights: Weights, [by_primary, by_canary]: &[Option<String>; 2]| {
        let mut both = json!([share(&primary, weights.primary), share(&version, weights.canary)]);
        for (place, cookie) in [by_primary, by_canary].into_iter().enumerate() {
            if let Some(cookie) = cookie {
                http::set_cookie(&mut both[place], cookie);
            }
        }
        both
    };
    if is_tcp(canary) {
        return vec![tcp::rule(service, destinations(traffic.weights, &[None, None]), problems)];
    }
    matches::check(service, &part::written(&Istio, canary), problems);
    let mut unsaid = Vec::new();
    let rule = |part: &Part| {
        // At the destinations, for a user's own Set-Cookie may stand in the headers of the rule.
        let sets = part.sets.clone().map(|cookie| cookie.or_else(|| part.sets_always.clone()));
        let mut rule = http::rule(service, &part.requests, destinations(part.weights, &sets), &mut unsaid);
        if let Some(copied) = part.mirror {
            rule["mirror"] = version.clone();
            rule["mirrorPercentage"] = json!({"value": copied.get()});
        }
        rule
    };
    let rules = part::parts(&Istio, canary, traffic).iter().map(rule).collect();
    error::tell_once(problems, unsaid);
    rules
}

/// Another VirtualService has the hosts and the gateways, and only its HTTP rules can delegate.
fn delegated(canary: &Canary, service: &CanaryService, problems: &mut Vec<Problem>) {
    let lists = [(&service.hosts, "hosts"), (&service.gateways, "gateways")];
    for (_, field) in lists.into_iter().filter(|(list, _)| !list.is_empty()) {
        problems.push(Problem::new(
            format!("spec.service.{field}"),
            format!("belong to the VirtualService that delegates to this one: remove {field}, or delegation"),
        ));
    }
    if is_tcp(canary) {
        problems.push(Problem::new(
            "spec.service.delegation",
            "Istio delegates HTTP only: remove delegation, or appProtocol tcp",
        ));
    }
}

/// A Service as a rule leads to it.
fn destination(service: &CanaryService, host: &str) -> Value {
    let mut destination = json!({"host": host});
    if names_port(service) {
        destination["port"] = json!({"number": service.port});
    }
    destination
}

/// Whether the Services have several ports and the request's own port says nothing about which one is meant: it came through
/// a gateway. Inside the mesh the port is the one that the caller chose.
fn names_port(service: &CanaryService) -> bool {
    let gateway = service.gateways.first().is_some_and(|gateway| gateway != MESH);
    service.port_discovery && (gateway || service.delegation)
}

/// Empties what others put into the spec beside ours: routes of another protocol, hosts of a delegate, a narrower visibility.
/// Once empty it is left out again, so that each new list of somebody else is a difference.
fn clear(spec: &mut Map<String, Value>, live: Option<&Object>) {
    let present = live.and_then(|live| live.get("spec")?.as_object());
    for (field, value) in present.into_iter().flatten() {
        if value.as_array().is_some_and(|list| !list.is_empty()) {
            spec.entry(field.as_str()).or_insert_with(|| json!([]));
        }
    }
}
