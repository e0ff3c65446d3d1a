//! Virtual nodes, and how the apex is published.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value, json};

use crate::{
    api::{Canary, CanaryService, Live, Metadata, ObjectRef},
    routing::object::set,
};

/// Annotation of a Canary: `enabled` sends the access log of its nodes to standard output.
const ACCESS_LOG: &str = "appmesh.flagger.app/accesslog";

/// The node of a Service; none while the Service is not there.
pub(super) fn node(
    canary: &Canary,
    service: &CanaryService,
    name: &str,
    protocol: &str,
    timeout: Option<&Value>,
    live: &Live,
) -> Option<Value> {
    let namespace = canary.namespace_name();
    let pods =
        live.get(&ObjectRef::new("v1", "Service", &namespace, name))?.pointer("/spec/selector")?.clone();
    let mut listener = Map::new();
    listener.insert(
        "portMapping".to_owned(),
        json!({"port": container_port(canary, service, live), "protocol": protocol}),
    );
    if let Some(timeout) = timeout {
        listener.insert("timeout".to_owned(), json!({ protocol: timeout }));
    }
    let backends: Vec<Value> = service.backends.iter().map(|backend| called(backend)).collect();
    let log = canary.metadata.annotations.as_ref().and_then(|annotations| annotations.get(ACCESS_LOG));
    let log = log.filter(|value| *value == "enabled");
    let mut spec = Map::new();
    spec.insert("podSelector".to_owned(), json!({ "matchLabels": pods }));
    spec.insert("listeners".to_owned(), json!([listener]));
    let host = format!("{name}.{namespace}.svc.cluster.local.");
    spec.insert("serviceDiscovery".to_owned(), json!({"dns": {"hostname": host}}));
    if !backends.is_empty() {
        spec.insert("backends".to_owned(), backends.into());
    }
    if log.is_some() {
        spec.insert("logging".to_owned(), json!({"accessLog": {"file": {"path": "/dev/stdout"}}}));
    }
    Some(spec.into())
}

/// A virtual service that the workload calls: by name in its namespace, or by its number at Amazon.
fn called(backend: &str) -> Value {
    if backend.starts_with("arn:aws") {
        json!({"virtualService": {"virtualServiceARN": backend}})
    } else {
        json!({"virtualService": {"virtualServiceRef": {"name": backend}}})
    }
}

/// The number of the container's port; a name is looked up in the target.
fn container_port(canary: &Canary, service: &CanaryService, live: &Live) -> i64 {
    let own = i64::from(service.port);
    match &service.target_port {
        None | Some(IntOrString::Int(0)) => own,
        Some(IntOrString::Int(number)) => i64::from(*number),
        Some(IntOrString::String(name)) => {
            let kind = canary.spec.target_ref.kind.as_str();
            let target = ObjectRef::new("apps/v1", kind, canary.namespace_name(), canary.target_name());
            let containers =
                live.get(&target).and_then(|target| target.pointer("/spec/template/spec/containers"));
            let containers = containers.and_then(Value::as_array).into_iter().flatten();
            let mut ports = containers.filter_map(|container| container.get("ports")?.as_array()).flatten();
            let named = ports.find(|port| port.get("name").and_then(Value::as_str) == Some(name));
            named.and_then(|port| port.get("containerPort")?.as_i64()).unwrap_or(own)
        }
    }
}

/// The annotations by which the mesh's gateway publishes the apex under the host names.
pub(super) fn published(service: &CanaryService) -> Metadata {
    if service.hosts.is_empty() {
        return Metadata::default();
    }
    let mut notes = vec![("expose", "true".to_owned()), ("domain", service.hosts.join(","))];
    if let Some(timeout) = set(&service.timeout) {
        notes.push(("timeout", timeout.to_owned()));
    }
    if let Some(attempts) = service.retries.as_ref().and_then(|retries| retries.attempts).filter(|n| *n > 0) {
        notes.push(("retries", attempts.to_string()));
    }
    let notes = notes.into_iter().map(|(key, value)| (format!("gateway.appmesh.k8s.aws/{key}"), value));
    Metadata { annotations: notes.collect(), ..Metadata::default() }
}
