//! Conditions on requests as conditions of routes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    api::{CanaryService, HttpMatch, StringMatch},
    routing::{
        Problem,
        condition::{self, Condition},
        object::set,
        part::Wanted,
    },
};

/// The conditions of each route, one for an entry of the match; empty entries are left out, and every path is served when none
/// is left. Headers and parameters are sorted by name, so that the same Canary always gives the same routes.
pub(super) fn conditions(requests: &[Wanted], problems: &mut Vec<Problem>) -> Vec<Vec<Value>> {
    let says = requests.iter().filter(|wanted| wanted.says_something());
    let mapped: Vec<Vec<Value>> = says.map(|wanted| one(&wanted.request, &wanted.at, problems)).collect();
    if mapped.is_empty() { vec![vec![every_path()]] } else { mapped }
}

/// The conditions that an HTTPProxy has no words for.
pub(super) fn left_out(service: &CanaryService) -> Vec<Problem> {
    let unknown = [&[Condition::Method], &Condition::OF_A_MESH[..]].concat();
    condition::left_out(service, "an HTTPProxy", &unknown, |condition| match condition {
        Condition::IgnoreUriCase => Some("use uri.regex with (?i)"),
        Condition::Authority | Condition::Port | Condition::Scheme => {
            Some("set it in the root HTTPProxy that includes this one")
        }
        _ => None,
    })
}

fn every_path() -> Value {
    json!({"prefix": "/"})
}

fn one(wanted: &HttpMatch, at: &str, problems: &mut Vec<Problem>) -> Vec<Value> {
    let path = wanted.uri.as_ref().and_then(|uri| path(uri, &format!("{at}.uri"), problems));
    let mut conditions = vec![path.unwrap_or_else(every_path)];
    conditions.extend(named(&wanted.headers, &format!("{at}.headers"), problems, |name, kind, value| {
        // A header has no condition on how it begins.
        let (kind, value) =
            if kind == "prefix" { ("regex", beginning(value)) } else { (kind, value.to_owned()) };
        json!({"header": {"name": name, kind: value}})
    }));
    conditions.extend(named(
        &wanted.query_params,
        &format!("{at}.queryParams"),
        problems,
        |name, kind, value| json!({"queryParameter": {"name": name, kind: value}}),
    ));
    conditions
}

fn path(uri: &StringMatch, at: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let Some((kind, value)) = condition(uri) else {
        problems.push(Problem::new(at, "says nothing: set one of exact, prefix and regex"));
        return None;
    };
    if kind != "regex" && !value.starts_with('/') {
        problems.push(Problem::new(at, format!("{value:?} is no path: paths begin with /")));
    }
    Some(json!({ kind: value }))
}

fn named(
    wanted: &BTreeMap<String, StringMatch>,
    at: &str,
    problems: &mut Vec<Problem>,
    condition_of: impl Fn(&str, &'static str, &str) -> Value,
) -> Vec<Value> {
    let mut mapped = Vec::new();
    for (name, wanted) in wanted {
        match condition(wanted) {
            Some((kind, value)) => mapped.push(condition_of(name, kind, value)),
            None => problems.push(Problem::new(
                format!("{at}[{name:?}]"),
                "says nothing: set one of exact, prefix and regex",
            )),
        }
    }
    mapped
}

/// What is set, the most exact word last as in the other routers.
fn condition(wanted: &StringMatch) -> Option<(&'static str, &str)> {
    let all = [("regex", &wanted.regex), ("exact", &wanted.exact), ("prefix", &wanted.prefix)];
    all.into_iter().find_map(|(kind, text)| Some((kind, set(text)?)))
}

/// The regular expression for a value that begins with a text.
fn beginning(text: &str) -> String {
    let mut regex = String::new();
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            regex.push('\\');
        }
        regex.push(letter);
    }
    regex + ".*"
}
