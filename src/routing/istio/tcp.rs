//! The TCP rule of the VirtualService: connections as they are. What is HTTP's has no effect on them; the gate warns of it.

use serde_json::{Map, Value, json};

use super::matches;
use crate::{
    api::{CanaryService, HttpMatch},
    routing::Problem,
};

/// The rule with these destinations.
pub(super) fn rule(service: &CanaryService, destinations: Value, problems: &mut Vec<Problem>) -> Value {
    let conditions: Vec<Value> = service
        .matches
        .iter()
        .enumerate()
        .map(|(index, wanted)| condition(wanted, &format!("spec.service.match[{index}]"), problems))
        .collect();
    let mut rule = Map::new();
    if !conditions.is_empty() {
        rule.insert("match".to_owned(), conditions.into());
    }
    rule.insert("route".to_owned(), destinations);
    rule.into()
}

/// What a connection shows of itself: its port, its source and the gateway that it came through.
fn condition(wanted: &HttpMatch, at: &str, problems: &mut Vec<Problem>) -> Value {
    let seen = HttpMatch {
        port: wanted.port,
        source_labels: wanted.source_labels.clone(),
        source_namespace: wanted.source_namespace.clone(),
        gateways: wanted.gateways.clone(),
        ..HttpMatch::default()
    };
    // The name is for the logs of HTTP rules.
    if (HttpMatch { name: wanted.name.clone(), ..seen.clone() }) != *wanted {
        problems.push(Problem::new(
            at,
            "a TCP route sees no requests: match by port, sourceLabels, sourceNamespace and gateways alone",
        ));
    }
    matches::source(&seen, at, problems);
    json!(seen)
}
