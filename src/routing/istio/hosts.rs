//! Host names and gateways of the VirtualService.

use std::collections::BTreeSet;

use super::{text, virtual_service::MESH};
use crate::{
    api::{Canary, CanaryService, Provider},
    routing::Problem,
};

/// The gateways, `mesh` when none is named.
pub(super) fn gateways(service: &CanaryService, problems: &mut Vec<Problem>) -> Vec<String> {
    for (index, gateway) in service.gateways.iter().enumerate() {
        if !is_gateway(gateway) {
            problems.push(Problem::new(
                format!("spec.service.gateways[{index}]"),
                format!(
                    "{gateway:?} is no gateway: write namespace/name, a name of this namespace, or {MESH}"
                ),
            ));
        }
    }
    if service.gateways.is_empty() { vec![MESH.to_owned()] } else { service.gateways.clone() }
}

/// Whether Istio takes this name of a Gateway.
pub(super) fn is_gateway(name: &str) -> bool {
    match name.split_once('/') {
        Some((namespace, name)) => text::is_label(namespace) && text::is_label(name),
        None => text::is_domain(name),
    }
}

/// The host names, the apex last unless it or every host is among them.
pub(super) fn hosts(
    canary: &Canary,
    service: &CanaryService,
    gateways: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let apex = canary.apex_name();
    let mut hosts = service.hosts.clone();
    if !hosts.iter().any(|host| host == apex || host == "*") {
        hosts.push(apex.to_owned());
    }
    for (index, host) in hosts.iter().enumerate() {
        let mut refuse = |message: String| {
            problems.push(Problem::new(format!("spec.service.hosts[{index}]"), message));
        };
        if host == "*" && gateways.iter().any(|gateway| gateway == MESH) {
            refuse(format!(
                "`*` at the gateway {MESH} would take the calls to every service of the mesh: name the hosts, or gateways without {MESH}"
            ));
        } else if !is_host(host) {
            refuse(format!("{host:?} is no host name: labels with dots between, `*.` at most in front"));
        } else if let Some(before) = hosts[..index].iter().find(|before| overlap(before, host)) {
            refuse(format!("{host:?} is covered by {before:?}, and Istio refuses both together: remove one"));
        }
    }
    hosts
}

fn is_host(host: &str) -> bool {
    // An address as a host stands for services without a name; it is only read here.
    if host.parse::<core::net::IpAddr>().is_ok() {
        return true;
    }
    let (first, rest) = host.split_once('.').map_or((host, None), |(first, rest)| (first, Some(rest)));
    let first = match first.strip_prefix('*') {
        Some("") => true,
        Some(tail) => tail.strip_prefix('-').is_some_and(text::is_label),
        None => text::is_label(first),
    };
    host.len() <= 255 && first && rest.is_none_or(text::is_domain)
}

/// The hosts that the VirtualService of a Canary has inside of the mesh, each by one name whatever the manifest calls it. Only
/// one VirtualService is heard there for a host; empty for a Canary of another provider.
pub fn mesh_hosts(canary: &Canary) -> BTreeSet<String> {
    let Some(service) = &canary.spec.service else { return BTreeSet::new() };
    let istio = canary.spec.provider.is_none_or(|provider| provider == Provider::Istio);
    let inside = service.gateways.is_empty() || service.gateways.iter().any(|gateway| gateway == MESH);
    if !istio || !inside || service.delegation {
        return BTreeSet::new();
    }
    let namespace = canary.namespace_name();
    let whole = |host: &str| match host.split_once('.') {
        None => format!("{host}.{namespace}"),
        Some((name, rest)) => match rest.split_once(".svc") {
            Some((namespace, domain)) if domain.is_empty() || domain.starts_with('.') => {
                format!("{name}.{namespace}")
            }
            _ => host.to_owned(),
        },
    };
    let named = service.hosts.iter().map(String::as_str);
    named.chain([canary.apex_name()]).filter(|host| *host != "*").map(whole).collect()
}

/// Whether two host names mean a common host.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(one), Some(other)) => one.ends_with(other) || other.ends_with(one),
        (Some(one), None) => other.ends_with(one),
        (None, Some(other)) => one.ends_with(other),
        (None, None) => one == other,
    }
}
