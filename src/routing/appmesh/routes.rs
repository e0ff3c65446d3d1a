//! Routes of virtual routers.

use serde_json::{Map, Value, json};

use super::AppMesh;
use crate::{
    api::{Canary, CanaryService, Duration, HttpMatch, StringMatch},
    routing::{
        Problem, Traffic, Weights,
        condition::{self, Condition},
        object::set,
        part::{self, Wanted},
    },
};

const MILLISECOND: i64 = 1_000_000;
/// Most routes of a virtual router, and headers of a match, from the mesh's limits.
const MOST_HEADERS: usize = 10;
const HTTP_EVENTS: [&str; 4] = ["server-error", "gateway-error", "client-error", "stream-error"];
const TCP_EVENTS: [&str; 1] = ["connection-error"];

/// One route for each condition, the first one before the others; one for every path when there is none. Those of requests that
/// an A/B run chooses come first, and the others lead to the primary.
pub(super) fn routes(
    canary: &Canary,
    service: &CanaryService,
    protocol: (&str, &str),
    traffic: &Traffic,
    problems: &mut Vec<Problem>,
) -> Vec<Value> {
    let target = |name: String, weight: u8| json!({"virtualNodeRef": {"name": name}, "weight": weight});
    let targets = |weights: Weights| {
        json!([
            target(canary.primary_service_name(), weights.primary.get()),
            target(canary.canary_service_name(), weights.canary.get()),
        ])
    };
    let retries = retries(service, problems);
    let timeout = timeout(service, problems);
    conditions(&part::written(&AppMesh, canary), protocol.0, problems);
    let parts = part::parts(&AppMesh, canary, traffic);
    let matches: Vec<(Value, Weights)> = parts
        .iter()
        .flat_map(|part| {
            // What cannot be said was told of each condition as it is written.
            let each = conditions(&part.requests, protocol.0, &mut Vec::new()).into_iter();
            each.map(move |wanted| (wanted, part.weights))
        })
        .collect();
    let many = matches.len() > 1;
    let route = |(index, (wanted, weights)): (usize, (Value, Weights))| {
        let mut carried = Map::new();
        carried.insert("match".to_owned(), wanted);
        carried.insert("action".to_owned(), json!({ "weightedTargets": targets(weights) }));
        carried.insert("retryPolicy".to_owned(), retries.clone().into());
        if let Some(timeout) = &timeout {
            carried.insert("timeout".to_owned(), timeout.clone());
        }
        let name = match index {
            0 => canary.apex_name().to_owned(),
            more => format!("{}-{more}", canary.apex_name()),
        };
        let mut route = json!({"name": name, protocol.1: carried});
        if many {
            route["priority"] = json!(10 * (index + 1));
        }
        route
    };
    matches.into_iter().enumerate().map(route).collect()
}

/// The conditions of routes; those that say nothing are left out.
fn conditions(requests: &[Wanted], protocol: &str, problems: &mut Vec<Problem>) -> Vec<Value> {
    let says = requests.iter().filter(|wanted| wanted.says_something());
    let mapped: Vec<Value> =
        says.map(|wanted| one(&wanted.request, protocol, &wanted.at, problems)).collect();
    if mapped.is_empty() { vec![every_request(protocol)] } else { mapped }
}

/// The route by which the canary alone is reached.
pub(super) fn to_canary(canary: &Canary, protocol: (&str, &str)) -> Value {
    let name = canary.canary_service_name();
    let targets = json!([{"virtualNodeRef": {"name": name}, "weight": 100}]);
    let carried = json!({"match": every_request(protocol.0), "action": {"weightedTargets": targets}});
    json!({"name": name, protocol.1: carried})
}

fn every_request(protocol: &str) -> Value {
    // Calls of gRPC have no path of their own in the mesh's words.
    if protocol == "grpc" { json!({}) } else { json!({"prefix": "/"}) }
}

/// The conditions that a route of App Mesh has no words for.
pub(super) fn left_out(service: &CanaryService, protocol: &str) -> Vec<Problem> {
    let partly = match protocol {
        "grpc" => [Condition::Uri, Condition::Method],
        _ => [Condition::UriWithoutPrefix, Condition::MethodWithoutExact],
    };
    let unknown = [&[Condition::QueryParams], &partly[..], &Condition::OF_A_MESH[..]].concat();
    condition::left_out(service, "a route of App Mesh", &unknown, |condition| match condition {
        Condition::UriWithoutPrefix => Some("give its beginning as prefix, or use provider istio"),
        Condition::MethodWithoutExact => Some("give it as exact, or use provider istio"),
        _ => None,
    })
}

fn one(wanted: &HttpMatch, protocol: &str, at: &str, problems: &mut Vec<Problem>) -> Value {
    let mut fields = every_request(protocol);
    if wanted.headers.len() > MOST_HEADERS || (protocol == "grpc" && !wanted.headers.is_empty()) {
        problems.push(Problem::new(
            format!("{at}.headers"),
            "a route of App Mesh cannot match by it: remove it, or use provider istio",
        ));
    }
    if protocol != "grpc" {
        if let Some(prefix) = wanted.uri.as_ref().and_then(|uri| set(&uri.prefix)) {
            fields["prefix"] = prefix.into();
        }
        if let Some(method) = wanted.method.as_ref().and_then(|method| set(&method.exact)) {
            fields["method"] = method.into();
        }
    }
    let mut headers = Vec::new();
    for (name, wanted) in &wanted.headers {
        match condition(wanted) {
            Some((kind, value)) => headers.push(json!({"name": name, "match": {kind: value}})),
            None => problems.push(Problem::new(
                format!("{at}.headers[{name:?}]"),
                "says nothing: set one of exact, prefix and regex",
            )),
        }
    }
    if !headers.is_empty() {
        fields["headers"] = headers.into();
    }
    fields
}

fn condition(wanted: &StringMatch) -> Option<(&'static str, &str)> {
    let all = [("regex", &wanted.regex), ("exact", &wanted.exact), ("prefix", &wanted.prefix)];
    all.into_iter().find_map(|(kind, text)| Some((kind, set(text)?)))
}

/// `spec.service.timeout` as the time for a request.
pub(super) fn timeout(service: &CanaryService, problems: &mut Vec<Problem>) -> Option<Value> {
    let value = milliseconds(&service.timeout, "spec.service.timeout", problems)?;
    Some(json!({"perRequest": {"unit": "ms", "value": value}}))
}

fn milliseconds(text: &Option<String>, path: &str, problems: &mut Vec<Problem>) -> Option<i64> {
    let text = set(text)?;
    let time = text.parse::<Duration>().ok().map(Duration::nanoseconds);
    let time = time.filter(|time| *time >= 0 && time % MILLISECOND == 0).map(|time| time / MILLISECOND);
    if time.is_none() && !problems.iter().any(|problem| problem.path == path) {
        problems.push(Problem::new(
            path,
            format!("{text:?} is no time-out: write whole milliseconds or more, such as 500ms or 15s"),
        ));
    }
    time
}

/// `spec.service.retries`; what it leaves open is one try more, within 250 ms, after errors of the gateway, as with the peer.
fn retries(service: &CanaryService, problems: &mut Vec<Problem>) -> Map<String, Value> {
    let wished = service.retries.clone().unwrap_or_default();
    let time = milliseconds(&wished.per_try_timeout, "spec.service.retries.perTryTimeout", problems);
    let words = set(&wished.retry_on).into_iter().flat_map(|words| words.split(',')).map(str::trim);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    for word in words.iter().filter(|word| !HTTP_EVENTS.contains(word) && !TCP_EVENTS.contains(word)) {
        problems.push(Problem::new(
            "spec.service.retries.retryOn",
            format!(
                "App Mesh cannot try again on {word:?}: use some of {}, {}",
                HTTP_EVENTS.join(", "),
                TCP_EVENTS.join(", ")
            ),
        ));
    }
    let events =
        |known: &[&str]| -> Vec<&str> { words.iter().copied().filter(|word| known.contains(word)).collect() };
    let mut fields = Map::new();
    fields.insert("maxRetries".to_owned(), wished.attempts.unwrap_or(1).into());
    fields.insert("perRetryTimeout".to_owned(), json!({"unit": "ms", "value": time.unwrap_or(250)}));
    let http = if words.is_empty() { vec!["gateway-error"] } else { events(&HTTP_EVENTS) };
    for (field, events) in [("httpRetryEvents", http), ("tcpRetryEvents", events(&TCP_EVENTS))] {
        if !events.is_empty() {
            fields.insert(field.to_owned(), events.into());
        }
    }
    fields
}
