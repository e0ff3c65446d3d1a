//! What is done to requests on their way: filters of a rule.

use serde_json::{Map, Value, json};

use crate::{
    api::{BackendRef, Canary, CanaryService, CorsPolicy, Duration, HeaderOperations, Rewrite},
    routing::{Problem, Weight},
};

/// Most filters of a rule and most headers of each of a filter's lists, from the CRD.
const MOST: usize = 16;
const PREFIX_REWRITE: &str = "ReplacePrefixMatch";

/// The filters, always in the same order: request headers, response headers, rewrite, mirrors, CORS. As many as `more` may
/// come to them in a run.
pub(super) fn filters(
    service: &CanaryService,
    matches: &[Value],
    more: usize,
    problems: &mut Vec<Problem>,
) -> Vec<Value> {
    let mut filters = Vec::new();
    if let Some(headers) = &service.headers {
        let both = [
            ("RequestHeaderModifier", "requestHeaderModifier", "request", &headers.request),
            ("ResponseHeaderModifier", "responseHeaderModifier", "response", &headers.response),
        ];
        for (kind, field, direction, operations) in both {
            let Some(operations) = operations else { continue };
            let modifier = modifier(operations, &format!("spec.service.headers.{direction}"), problems);
            if !modifier.is_empty() {
                filters.push(json!({"type": kind, field: modifier}));
            }
        }
    }
    filters.extend(service.rewrite.as_ref().and_then(|rewrite| url_rewrite(rewrite, matches, problems)));
    for (index, mirror) in service.mirror.iter().enumerate() {
        match &mirror.backend_ref {
            Some(backend) => filters.push(json!({
                "type": "RequestMirror",
                "requestMirror": {"backendRef": mirror_backend(backend)},
            })),
            None => problems.push(Problem::new(
                format!("spec.service.mirror[{index}].backendRef"),
                "is missing: name the Service that gets the copies",
            )),
        }
    }
    filters.extend(service.cors_policy.as_ref().and_then(|policy| cors(policy, problems)));
    if filters.len() + more > MOST {
        problems.push(Problem::new(
            "spec.service.mirror",
            format!("a rule has at most {MOST} filters, that for copies to the canary included"),
        ));
    }
    filters
}

/// Adds a cookie to answers; among the filters there is at most one for the headers of answers.
pub(super) fn set_cookie(filters: &mut Vec<Value>, cookie: &str) {
    let header = json!({"name": "Set-Cookie", "value": cookie});
    let modifier =
        filters.iter_mut().find_map(|filter| filter.get_mut("responseHeaderModifier")?.as_object_mut());
    match modifier {
        None => filters
            .push(json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [header]}})),
        Some(modifier) => {
            if let Some(added) = modifier.entry("add").or_insert_with(|| json!([])).as_array_mut() {
                added.push(header);
            }
        }
    }
}

/// Copies of a share of the requests to the canary.
pub(super) fn copies(canary: &Canary, service: &CanaryService, share: Weight) -> Value {
    let backend =
        json!({"group": "", "kind": "Service", "name": canary.canary_service_name(), "port": service.port});
    let mut mirror = json!({ "backendRef": backend });
    // All is the default, and what a Gateway API before 1.3 knows alone.
    if share < Weight::FULL {
        mirror["percent"] = share.get().into();
    }
    json!({"type": "RequestMirror", "requestMirror": mirror})
}

fn modifier(operations: &HeaderOperations, at: &str, problems: &mut Vec<Problem>) -> Map<String, Value> {
    let pairs = |map: &std::collections::BTreeMap<String, String>| -> Vec<Value> {
        map.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    let remove = operations.remove.iter().map(|name| name.as_str().into()).collect();
    let lists = [("set", pairs(&operations.set)), ("add", pairs(&operations.add)), ("remove", remove)];
    let mut fields = Map::new();
    for (name, list) in lists {
        if list.len() > MOST {
            problems
                .push(Problem::new(format!("{at}.{name}"), format!("a filter has at most {MOST} headers")));
        }
        if !list.is_empty() {
            fields.insert(name.to_owned(), list.into());
        }
    }
    fields
}

fn url_rewrite(rewrite: &Rewrite, matches: &[Value], problems: &mut Vec<Problem>) -> Option<Value> {
    let mut fields = Map::new();
    if let Some(authority) = rewrite.authority.as_deref().filter(|authority| !authority.is_empty()) {
        fields.insert("hostname".to_owned(), authority.into());
    }
    if let Some(uri) = rewrite.uri.as_deref().filter(|uri| !uri.is_empty()) {
        let path = if rewrite.type_.as_deref() == Some(PREFIX_REWRITE) {
            let prefix = |wanted: &Value| wanted.pointer("/path/type") == Some(&"PathPrefix".into());
            if matches.len() != 1 || !matches.iter().all(prefix) {
                problems.push(Problem::new(
                    "spec.service.rewrite.type",
                    "ReplacePrefixMatch needs exactly one spec.service.match, with uri.prefix",
                ));
            }
            json!({"type": PREFIX_REWRITE, "replacePrefixMatch": uri})
        } else {
            json!({"type": "ReplaceFullPath", "replaceFullPath": uri})
        };
        fields.insert("path".to_owned(), path);
    }
    (!fields.is_empty()).then(|| json!({"type": "URLRewrite", "urlRewrite": fields}))
}

fn mirror_backend(backend: &BackendRef) -> Value {
    let mut fields = Map::new();
    fields.insert("group".to_owned(), backend.group.as_str().into());
    fields.insert("kind".to_owned(), backend.kind.as_str().into());
    fields.insert("name".to_owned(), backend.name.as_str().into());
    if let Some(namespace) = &backend.namespace {
        fields.insert("namespace".to_owned(), namespace.as_str().into());
    }
    if let Some(port) = backend.port {
        fields.insert("port".to_owned(), port.into());
    }
    fields.into()
}

fn cors(policy: &CorsPolicy, problems: &mut Vec<Problem>) -> Option<Value> {
    let mut origins = policy.allow_origin.clone();
    for (index, origin) in policy.allow_origins.iter().enumerate() {
        match &origin.exact {
            Some(exact) => origins.push(exact.clone()),
            None => problems.push(Problem::new(
                format!("spec.service.corsPolicy.allowOrigins[{index}]"),
                "an HTTPRoute knows whole origins only: set exact",
            )),
        }
    }
    let lists = [
        ("allowOrigins", &origins),
        ("allowMethods", &policy.allow_methods),
        ("allowHeaders", &policy.allow_headers),
        ("exposeHeaders", &policy.expose_headers),
    ];
    let mut fields: Map<String, Value> = lists
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| (name.to_owned(), list.as_slice().into()))
        .collect();
    if policy.allow_credentials == Some(true) {
        fields.insert("allowCredentials".to_owned(), true.into());
    }
    if let Some(text) = &policy.max_age {
        let seconds = text.parse::<Duration>().map(|age| age.nanoseconds() / 1_000_000_000);
        match seconds.ok().and_then(|seconds| i32::try_from(seconds).ok()).filter(|seconds| *seconds > 0) {
            Some(seconds) => {
                fields.insert("maxAge".to_owned(), seconds.into());
            }
            None => problems.push(Problem::new(
                "spec.service.corsPolicy.maxAge",
                format!("{text:?} is no duration of at least a second, such as 30s or 24h"),
            )),
        }
    }
    (!fields.is_empty()).then(|| json!({"type": "CORS", "cors": fields}))
}
