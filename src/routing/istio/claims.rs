//! The requests of a `VirtualService` at gateways. Istio merges the rules of all VirtualServices of a host there, and of two
//! equal ones the older is heard. Inside of the mesh it does not merge: see [`super::mesh_hosts`].

use serde_json::json;

use super::virtual_service::MESH;
use crate::{
    api::{Canary, HttpMatch},
    routing::{RouteClaim, is_tcp},
};

/// Every gateway with every host name and every condition that holds there.
pub(super) fn claims(canary: &Canary) -> Vec<RouteClaim> {
    let Some(service) = canary.spec.service.as_ref().filter(|service| !service.delegation) else {
        return Vec::new();
    };
    let whole = |gateway: &str| match gateway.contains('/') {
        true => gateway.to_owned(),
        false => format!("{}/{gateway}", canary.namespace_name()),
    };
    let every = [HttpMatch::default()];
    let matches = if service.matches.is_empty() { &every[..] } else { &service.matches };
    let kind = if is_tcp(canary) { "tcp " } else { "" };
    let mut claims = Vec::new();
    for gateway in service.gateways.iter().filter(|gateway| *gateway != MESH) {
        let here = |wanted: &&HttpMatch| wanted.gateways.is_empty() || wanted.gateways.contains(gateway);
        for wanted in matches.iter().filter(here) {
            // Its name is for logs, and where it holds is told by the gateway.
            let mut wanted = HttpMatch { name: None, gateways: Vec::new(), ..wanted.clone() };
            wanted.uri = wanted.uri.filter(|uri| !matches!(uri.prefix.as_deref(), Some("" | "/")));
            let condition = json!(wanted);
            claims.extend(service.hosts.iter().map(|host| RouteClaim {
                parent: format!("Istio Gateway {}", whole(gateway)),
                section: None,
                host: host.clone(),
                condition: format!("{kind}{condition}"),
            }));
        }
    }
    claims
}
