//! Cross-origin rules.

use serde_json::{Map, Value, json};

use super::text;
use crate::{
    api::{CorsPolicy, StringMatch},
    routing::Problem,
};

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];
const SECOND: i64 = 1_000_000_000;

/// The policy; none if it says nothing.
pub(super) fn policy(policy: &CorsPolicy, problems: &mut Vec<Problem>) -> Option<Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, list: Vec<Value>| {
        if !list.is_empty() {
            fields.insert(name.to_owned(), list.into());
        }
    };
    let texts = |list: &[String]| list.iter().map(|text| text.as_str().into()).collect::<Vec<Value>>();
    // Istio forgets the plain origins as soon as there are others.
    if policy.allow_origins.is_empty() {
        set("allowOrigin", texts(&policy.allow_origin));
    } else {
        let plain = policy.allow_origin.iter().map(|origin| json!({"exact": origin}));
        set("allowOrigins", plain.chain(policy.allow_origins.iter().map(|origin| json!(origin))).collect());
    }
    set("allowMethods", texts(&policy.allow_methods));
    set("allowHeaders", texts(&policy.allow_headers));
    set("exposeHeaders", texts(&policy.expose_headers));
    if let Some(age) = policy.max_age.as_deref().filter(|age| !age.is_empty()) {
        fields.insert("maxAge".to_owned(), age.into());
    }
    // Not allowed is what no word means too.
    if policy.allow_credentials == Some(true) {
        fields.insert("allowCredentials".to_owned(), true.into());
    }
    check(policy, problems);
    (!fields.is_empty()).then(|| fields.into())
}

fn check(policy: &CorsPolicy, problems: &mut Vec<Problem>) {
    let at = "spec.service.corsPolicy";
    for (index, origin) in policy.allow_origins.iter().enumerate() {
        let path = format!("{at}.allowOrigins[{index}]");
        match origin {
            StringMatch { regex: Some(regex), .. } => text::regex(regex, &path, problems),
            StringMatch { exact: Some(origin), .. } | StringMatch { prefix: Some(origin), .. }
                if !origin.is_empty() => {}
            _ => problems.push(Problem::new(path, "says nothing: set one of exact, prefix and regex")),
        }
    }
    for (index, method) in policy.allow_methods.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            problems.push(Problem::new(
                format!("{at}.allowMethods[{index}]"),
                format!("{method:?} is no method that Istio takes: use {}", METHODS.join(", ")),
            ));
        }
    }
    for (field, names) in [("allowHeaders", &policy.allow_headers), ("exposeHeaders", &policy.expose_headers)]
    {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !text::is_header(name)) {
            problems.push(Problem::new(
                format!("{at}.{field}[{index}]"),
                format!("{name:?} is no name of a header: use letters, digits and hyphens, or `*`"),
            ));
        }
    }
    let path = format!("{at}.maxAge");
    let age = policy.max_age.as_deref().filter(|age| !age.is_empty());
    let age = age.and_then(|age| text::duration(age, &path, problems));
    if age.is_some_and(|age| age.nanoseconds() % SECOND != 0) {
        problems.push(Problem::new(path, "counts in whole seconds: write such a time, such as 30s or 24h"));
    }
}
