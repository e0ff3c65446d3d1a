//! Conditions on requests as conditions of a rule.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{hosts, text, virtual_service::MESH};
use crate::{
    api::{CanaryService, HttpMatch, StringMatch},
    routing::{Problem, part::Wanted},
};

/// The conditions of an HTTP rule as they are written, for their form is Istio's; none if every request is meant.
pub(super) fn conditions(requests: &[Wanted]) -> Option<Value> {
    let conditions = requests.iter().map(|wanted| json!(wanted.request));
    (!requests.is_empty()).then(|| conditions.collect())
}

/// What Istio would refuse of them.
pub(super) fn check(service: &CanaryService, requests: &[Wanted], problems: &mut Vec<Problem>) {
    let outside = service.gateways.iter().any(|gateway| gateway != MESH);
    for Wanted { at, request: wanted } in requests {
        check_one(wanted, at, problems);
        if !outside
            && wanted
                .headers
                .keys()
                .chain(wanted.without_headers.keys())
                .any(|name| name.starts_with(text::CLAIM))
        {
            problems.push(Problem::new(
                format!("{at}.headers"),
                "claims of a token are known at gateways only: name one in spec.service.gateways",
            ));
        }
    }
}

/// What any rule may tell callers apart by.
pub(super) fn source(wanted: &HttpMatch, at: &str, problems: &mut Vec<Problem>) {
    if wanted.port.is_some_and(|port| !(1..=65535).contains(&port)) {
        problems.push(Problem::new(format!("{at}.port"), "is no port: write 1 to 65535, or remove it"));
    }
    if wanted.source_namespace.as_deref().is_some_and(|name| !name.is_empty() && !text::is_label(name)) {
        problems.push(Problem::new(format!("{at}.sourceNamespace"), "is no name of a namespace: correct it"));
    }
    for (index, gateway) in wanted.gateways.iter().enumerate().filter(|(_, name)| !hosts::is_gateway(name)) {
        problems.push(Problem::new(
            format!("{at}.gateways[{index}]"),
            format!("{gateway:?} is no gateway: write namespace/name, a name of this namespace, or {MESH}"),
        ));
    }
}

fn check_one(wanted: &HttpMatch, at: &str, problems: &mut Vec<Problem>) {
    source(wanted, at, problems);
    // An empty prefix of a path means every path; elsewhere Istio refuses it.
    if let Some(regex) = wanted.uri.as_ref().and_then(|uri| uri.regex.as_deref()) {
        text::regex(regex, &format!("{at}.uri.regex"), problems);
    }
    let parts = [("scheme", &wanted.scheme), ("method", &wanted.method), ("authority", &wanted.authority)];
    for (field, condition) in parts {
        if let Some(condition) = condition {
            check_text(condition, &format!("{at}.{field}"), problems);
        }
    }
    let maps = [
        ("headers", &wanted.headers),
        ("withoutHeaders", &wanted.without_headers),
        ("queryParams", &wanted.query_params),
    ];
    for (field, conditions) in maps {
        check_map(conditions, field, at, problems);
    }
}

fn check_map(conditions: &BTreeMap<String, StringMatch>, field: &str, at: &str, problems: &mut Vec<Problem>) {
    for (name, condition) in conditions {
        let path = format!("{at}.{field}[{name:?}]");
        if field != "queryParams" && !text::is_matchable(name) {
            problems.push(Problem::new(&path, "is no name of a header: correct it"));
        }
        // `*` for an absent header is a word of Istio's own.
        if field != "withoutHeaders" || condition.regex.as_deref() != Some("*") {
            check_text(condition, &path, problems);
        }
    }
}

fn check_text(condition: &StringMatch, at: &str, problems: &mut Vec<Problem>) {
    if let Some(regex) = &condition.regex {
        text::regex(regex, &format!("{at}.regex"), problems);
    }
    if condition.prefix.as_deref() == Some("") {
        problems
            .push(Problem::new(format!("{at}.prefix"), "is empty: write how the text begins, or remove it"));
    }
}
