//! The requests of an `HTTPRoute`: of two rules with the same host and match at a listener, the older route's is heard.

use serde_json::Value;

use super::matches;
use crate::{
    api::{Canary, ParentReference},
    routing::{RouteClaim, part},
};

/// Every parent with every host name and every match.
pub(super) fn claims(canary: &Canary) -> Vec<RouteClaim> {
    let Some(service) = &canary.spec.service else { return Vec::new() };
    let every = ["*".to_owned()];
    let hosts = if service.hosts.is_empty() { &every[..] } else { &service.hosts };
    // What cannot be expressed is another rule's matter.
    let matches = matches::matches(&part::served(canary), &mut Vec::new());
    let conditions: Vec<String> = matches.iter().map(Value::to_string).collect();
    let mut claims = Vec::new();
    for parent in &service.gateway_refs {
        for host in hosts {
            claims.extend(conditions.iter().map(|condition| RouteClaim {
                parent: name(canary, parent),
                section: section(parent),
                host: host.clone(),
                condition: condition.clone(),
            }));
        }
    }
    claims
}

fn name(canary: &Canary, parent: &ParentReference) -> String {
    let namespace = parent.namespace.clone().unwrap_or_else(|| canary.namespace_name());
    format!("{} {namespace}/{}", parent.kind, parent.name)
}

fn section(parent: &ParentReference) -> Option<String> {
    let port = parent.port.map(|port| format!("port {port}"));
    let parts: Vec<String> = parent.section_name.iter().cloned().chain(port).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
