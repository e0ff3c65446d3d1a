//! The rules of the route.

use serde_json::{Map, Value, json};

use super::{GatewayApi, filters, matches, timeouts};
use crate::{
    api::{Canary, CanaryService},
    routing::{
        Problem, Traffic, Weight, error,
        part::{self, Part},
    },
};

/// Most matches of a rule, from the CRD.
const MOST_MATCHES: usize = 64;

/// One rule for each part of the route.
pub(super) fn rules(
    canary: &Canary,
    service: &CanaryService,
    traffic: &Traffic,
    problems: &mut Vec<Problem>,
) -> Vec<Value> {
    let parts = part::parts(&GatewayApi, canary, traffic);
    matches::matches(&part::written(&GatewayApi, canary), problems);
    if parts.iter().any(|part| part.requests.len() > MOST_MATCHES) {
        let message = format!(
            "a rule has at most {MOST_MATCHES} matches, each counted with each of spec.analysis.match"
        );
        problems.push(Problem::new("spec.service.match", message));
    }
    let mut unsaid = Vec::new();
    let rules = parts.iter().map(|part| rule(canary, service, part, &mut unsaid)).collect();
    error::tell_once(problems, unsaid);
    rules
}

fn rule(canary: &Canary, service: &CanaryService, part: &Part, problems: &mut Vec<Problem>) -> Value {
    // What cannot be said was told of each condition as it is written.
    let matches = matches::matches(&part.requests, &mut Vec::new());
    let copies = canary.spec.analysis.as_ref().is_some_and(|analysis| analysis.mirror);
    let mut filters = filters::filters(service, &matches, copies.into(), problems);
    if let Some(cookie) = &part.sets_always {
        filters::set_cookie(&mut filters, cookie);
    }
    filters.extend(part.mirror.map(|copied| filters::copies(canary, service, copied)));
    let mut rule = Map::new();
    rule.insert("matches".to_owned(), matches.into());
    if !filters.is_empty() {
        rule.insert("filters".to_owned(), filters.into());
    }
    if let Some(timeouts) = timeouts::timeouts(service, problems) {
        rule.insert("timeouts".to_owned(), timeouts);
    }
    let backend = |name: String, weight: Weight, cookie: &Option<String>| {
        let mut backend = json!({"group": "", "kind": "Service", "name": name, "port": service.port, "weight": weight.get()});
        if let Some(cookie) = cookie {
            let mut filters = Vec::new();
            filters::set_cookie(&mut filters, cookie);
            backend["filters"] = filters.into();
        }
        backend
    };
    let weights = part.weights;
    let [by_primary, by_canary] = &part.sets;
    rule.insert(
        "backendRefs".to_owned(),
        json!([
            backend(canary.primary_service_name(), weights.primary, by_primary),
            backend(canary.canary_service_name(), weights.canary, by_canary),
        ]),
    );
    rule.into()
}
