//! The HTTP rule of the VirtualService.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{cors, matches, text};
use crate::{
    api::{CanaryService, HeaderOperations, Headers, Retries, Rewrite},
    routing::{Problem, part::Wanted},
};

const PREFIX_REWRITE: &str = "ReplacePrefixMatch";
/// What Envoy retries on, beside status codes.
const RETRY_ON: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// The rule of these requests with these destinations.
pub(super) fn rule(
    service: &CanaryService,
    requests: &[Wanted],
    destinations: Value,
    problems: &mut Vec<Problem>,
) -> Value {
    let mut rule = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            rule.insert(name.to_owned(), value);
        }
    };
    set("match", matches::conditions(requests));
    set("rewrite", service.rewrite.as_ref().and_then(|rewrite| rewritten(rewrite, problems)));
    set("timeout", time(&service.timeout, "spec.service.timeout", problems));
    set("retries", service.retries.as_ref().and_then(|retries| tries(retries, problems)));
    set("corsPolicy", service.cors_policy.as_ref().and_then(|policy| cors::policy(policy, problems)));
    set("headers", service.headers.as_ref().and_then(|headers| modified(headers, problems)));
    set("route", Some(destinations));
    authority_once(service, problems);
    rule.into()
}

/// Adds a cookie to the answers of a destination.
pub(super) fn set_cookie(of: &mut Value, cookie: &str) {
    // In the value of a header Envoy reads one percent sign as the begin of a variable.
    of["headers"]["response"]["add"]["Set-Cookie"] = cookie.replace('%', "%%").into();
}

/// A duration as it is written.
fn time(text: &Option<String>, path: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let text = text.as_deref().filter(|text| !text.is_empty())?;
    text::duration(text, path, problems);
    Some(text.into())
}

fn rewritten(rewrite: &Rewrite, problems: &mut Vec<Problem>) -> Option<Value> {
    if let Some(kind) = rewrite.type_.as_deref().filter(|kind| !kind.is_empty() && *kind != PREFIX_REWRITE) {
        problems.push(Problem::new(
            "spec.service.rewrite.type",
            format!("Istio changes what the match names and knows no {kind}: remove type; with uri.exact the full path is changed"),
        ));
    }
    let fields: Map<String, Value> = [("uri", &rewrite.uri), ("authority", &rewrite.authority)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.as_deref()?)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.into()))
        .collect();
    (!fields.is_empty()).then(|| fields.into())
}

fn tries(retries: &Retries, problems: &mut Vec<Problem>) -> Option<Value> {
    let mut fields = Map::new();
    let attempts = retries.attempts.unwrap_or_default();
    if let Some(attempts) = retries.attempts {
        fields.insert("attempts".to_owned(), attempts.into());
    }
    if let Some(time) = time(&retries.per_try_timeout, "spec.service.retries.perTryTimeout", problems) {
        fields.insert("perTryTimeout".to_owned(), time);
    }
    if let Some(conditions) = retries.retry_on.as_deref().filter(|conditions| !conditions.is_empty()) {
        let conditions: Vec<&str> = conditions.split(',').map(str::trim).collect();
        let status = |condition: &str| {
            condition.parse::<u16>().is_ok_and(|code| {
                ::http::StatusCode::from_u16(code).is_ok_and(|code| code.canonical_reason().is_some())
            })
        };
        for condition in &conditions {
            if !RETRY_ON.contains(condition) && !status(condition) {
                problems.push(Problem::new(
                    "spec.service.retries.retryOn",
                    format!(
                        "{condition:?} is nothing that Istio retries on: use status codes and {}",
                        RETRY_ON.join(", ")
                    ),
                ));
            }
        }
        fields.insert("retryOn".to_owned(), conditions.join(",").into());
    }
    if attempts <= 0 && fields.keys().any(|field| field != "attempts") {
        problems.push(Problem::new(
            "spec.service.retries.attempts",
            "without attempts nothing is retried: set attempts to 1 or more, or remove the rest of retries",
        ));
    }
    (!fields.is_empty()).then(|| fields.into())
}

fn modified(headers: &Headers, problems: &mut Vec<Problem>) -> Option<Value> {
    let both = [("request", &headers.request), ("response", &headers.response)];
    let mut fields = Map::new();
    for (direction, operations) in both {
        let Some(operations) = operations.as_ref().filter(|some| **some != HeaderOperations::default())
        else {
            continue;
        };
        let at = format!("spec.service.headers.{direction}");
        // The authority of a request may be set, nothing else that a header stands for.
        let settable = |name: &str| direction == "request" && is_authority(name);
        for (field, values) in [("add", &operations.add), ("set", &operations.set)] {
            for (name, value) in values {
                header(name, settable(name), &format!("{at}.{field}"), problems);
                if !text::is_header_value(value) {
                    problems.push(Problem::new(
                        format!("{at}.{field}[{name:?}]"),
                        format!("{value:?} is no value of a header: no control characters; a plain % is written %%"),
                    ));
                }
            }
        }
        operations.remove.iter().for_each(|name| header(name, false, &format!("{at}.remove"), problems));
        fields.insert(direction.to_owned(), json!(operations));
    }
    (!fields.is_empty()).then(|| fields.into())
}

fn header(name: &str, settable: bool, at: &str, problems: &mut Vec<Problem>) {
    if !settable && (!text::is_header(name) || is_authority(name)) {
        problems.push(Problem::new(
            format!("{at}[{name:?}]"),
            "is no header that Istio changes here: name one without a colon that is not Host",
        ));
    }
}

fn is_authority(name: &str) -> bool {
    [":authority", "host"].iter().any(|authority| name.eq_ignore_ascii_case(authority))
}

/// Istio lets the authority be changed at one place only.
fn authority_once(service: &CanaryService, problems: &mut Vec<Problem>) {
    let request = service.headers.as_ref().and_then(|headers| headers.request.as_ref());
    let named = |values: &BTreeMap<String, String>| values.keys().filter(|name| is_authority(name)).count();
    let headers = request.map_or(0, |request| named(&request.add) + named(&request.set));
    let rewritten = service
        .rewrite
        .as_ref()
        .and_then(|rewrite| rewrite.authority.as_ref())
        .is_some_and(|text| !text.is_empty());
    if headers + usize::from(rewritten) > 1 {
        problems.push(Problem::new(
            "spec.service.headers.request",
            "the authority is changed more than once: keep one of rewrite.authority and the headers Host and :authority",
        ));
    }
}
