//! The TCP rule of the VirtualService: connections as they are. What is HTTP's has no effect on them; the gate warns of it.

use serde_json::{Map, Value, json};

use super::matches;
use crate::{
    api::{CanaryService, HttpMatch},
    routing::{
        Problem,
        condition::{self, Condition},
    },
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

/// The conditions on requests: a route of connections sees none.
pub(super) fn left_out(service: &CanaryService) -> Vec<Problem> {
    let unknown = [
        Condition::Uri,
        Condition::IgnoreUriCase,
        Condition::Headers,
        Condition::WithoutHeaders,
        Condition::Method,
        Condition::QueryParams,
        Condition::Authority,
        Condition::Scheme,
    ];
    let instead = "match by port, sourceLabels, sourceNamespace and gateways alone";
    condition::left_out(service, "a TCP route", &unknown, |_| Some(instead))
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
    matches::source(&seen, at, problems);
    json!(seen)
}
