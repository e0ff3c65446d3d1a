//! Conditions on requests as matches of a rule.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    api::{CanaryService, HttpMatch, StringMatch},
    routing::{
        Problem,
        condition::{self, Condition},
        part::Wanted,
    },
};

/// Most headers or query parameters of a match, from the CRD.
const MOST_VALUES: usize = 16;
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// The matches in their order, empty ones left out; every path when none is left. Headers and parameters are sorted by name,
/// so that the same Canary always gives the same route.
pub(super) fn matches(requests: &[Wanted], problems: &mut Vec<Problem>) -> Vec<Value> {
    let says = requests.iter().filter(|wanted| wanted.says_something());
    let mapped: Vec<Value> = says.map(|wanted| one(&wanted.request, &wanted.at, problems)).collect();
    if mapped.is_empty() { vec![json!({"path": every_path()})] } else { mapped }
}

/// The conditions that an HTTPRoute has no words for.
pub(super) fn left_out(service: &CanaryService) -> Vec<Problem> {
    condition::left_out(service, "an HTTPRoute", &Condition::OF_A_MESH, |condition| match condition {
        Condition::IgnoreUriCase => Some("use uri.regex with (?i)"),
        Condition::Authority => Some("name the host in spec.service.hosts"),
        Condition::Port => Some("name the port in spec.service.gatewayRefs[].port"),
        _ => None,
    })
}

fn every_path() -> Value {
    json!({"type": "PathPrefix", "value": "/"})
}

fn one(wanted: &HttpMatch, at: &str, problems: &mut Vec<Problem>) -> Value {
    let mut fields = Map::new();
    let path = wanted.uri.as_ref().and_then(|uri| path(uri, &format!("{at}.uri"), problems));
    fields.insert("path".to_owned(), path.unwrap_or_else(every_path));
    if let Some(wanted) = &wanted.method {
        match wanted.exact.as_deref().filter(|method| METHODS.contains(method)) {
            Some(method) => {
                fields.insert("method".to_owned(), method.into());
            }
            None => problems.push(Problem::new(
                format!("{at}.method"),
                format!(
                    "an HTTPRoute matches one method, exactly: set exact to one of {}",
                    METHODS.join(", ")
                ),
            )),
        }
    }
    for (name, wanted) in [("headers", &wanted.headers), ("queryParams", &wanted.query_params)] {
        let mapped = values(wanted, &format!("{at}.{name}"), problems);
        if !mapped.is_empty() {
            fields.insert(name.to_owned(), mapped.into());
        }
    }
    fields.into()
}

fn path(uri: &StringMatch, at: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (kind, value) = if let Some(regex) = set(&uri.regex) {
        ("RegularExpression", regex)
    } else if let Some(exact) = set(&uri.exact) {
        ("Exact", exact)
    } else if let Some(prefix) = set(&uri.prefix) {
        ("PathPrefix", prefix)
    } else {
        problems.push(Problem::new(at, "says nothing: set one of exact, prefix and regex"));
        return None;
    };
    if kind != "RegularExpression" && !value.starts_with('/') {
        problems.push(Problem::new(at, format!("{value:?} is no path: paths begin with /")));
    }
    Some(json!({"type": kind, "value": value}))
}

fn values(wanted: &BTreeMap<String, StringMatch>, at: &str, problems: &mut Vec<Problem>) -> Vec<Value> {
    if wanted.len() > MOST_VALUES {
        problems.push(Problem::new(at, format!("a match has at most {MOST_VALUES} of them")));
    }
    let mut mapped = Vec::new();
    for (name, wanted) in wanted {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match (set(&wanted.regex), set(&wanted.exact)) {
            (Some(regex), _) => {
                mapped.push(json!({"type": "RegularExpression", "name": name, "value": regex}));
            }
            (None, Some(exact)) => mapped.push(json!({"type": "Exact", "name": name, "value": exact})),
            (None, None) => problems.push(Problem::new(
                format!("{at}[{name:?}]"),
                "an HTTPRoute matches the whole value or a regular expression: set exact or regex (a prefix v1 is the regex ^v1.*)",
            )),
        }
    }
    mapped
}
