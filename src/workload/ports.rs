//! The ports of the generated Services.

use std::{collections::BTreeSet, fmt};

use k8s_openapi::{api::core::v1::ContainerPort, apimachinery::pkg::util::intstr::IntOrString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{CanaryService, Object};

/// Containers that proxies add to a pod; their ports are nobody's business.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];
/// Most characters of a port's name in a Service.
const PORT_NAME: usize = 63;

/// By what the API server tells the ports of a Service apart; prints as `9898/TCP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortKey {
    number: i64,
    protocol: String,
}

impl PortKey {
    /// That of a port; none if it has no number.
    pub fn of(port: &Value) -> Option<PortKey> {
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
        Some(PortKey { number: port.get("port")?.as_i64()?, protocol: protocol.to_owned() })
    }

    /// Those of a list with commas; what cannot be read is left out.
    pub fn all(text: &str) -> Vec<PortKey> {
        let read = |text: &str| {
            let (number, protocol) = text.split_once('/')?;
            Some(PortKey { number: number.parse().ok()?, protocol: protocol.to_owned() })
        };
        text.split(',').filter_map(read).collect()
    }
}

impl fmt::Display for PortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

/// The ports of each of the three Services: the Canary's own first, then the discovered ones if it asks for them.
///
/// No two have the same number and protocol and no two have the same name, which the API server would refuse.
pub(super) fn ports(service: &CanaryService, target: &Object) -> Vec<Value> {
    let target_port = target_port(service);
    let mut own = json!({
        "name": own_name(service),
        "protocol": "TCP",
        "port": service.port,
        "targetPort": target_port,
    });
    if let Some(protocol) = &service.app_protocol {
        own["appProtocol"] = protocol.as_str().into();
    }
    let mut numbers = BTreeSet::from([(service.port, "TCP".to_owned())]);
    let mut names = BTreeSet::from([own_name(service).to_owned()]);
    let mut ports = vec![own];
    if !service.port_discovery {
        return ports;
    }
    for (container, index, port) in container_ports(target) {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        if is_own(&port, &target_port) || !numbers.insert((port.container_port, protocol.to_owned())) {
            continue;
        }
        let fallback = || format!("{}-{container}-{index}", protocol.to_ascii_lowercase());
        let mut name = port.name.clone().unwrap_or_else(fallback);
        name.truncate(PORT_NAME);
        let mut name = name.trim_end_matches('-').to_owned();
        if names.contains(&name) {
            name = format!("{}-{}", protocol.to_ascii_lowercase(), port.container_port);
        }
        names.insert(name.clone());
        ports.push(json!({
            "name": name,
            "protocol": protocol,
            "port": port.container_port,
            "targetPort": port.container_port,
        }));
    }
    ports
}

/// Container ports that port discovery cannot add, because the Canary's own port has their number: container and number.
pub fn hidden(service: &CanaryService, target: &Object) -> Vec<(String, i32)> {
    let target_port = target_port(service);
    let collides = |port: &ContainerPort| {
        let tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
        service.port_discovery && tcp && port.container_port == service.port && !is_own(port, &target_port)
    };
    container_ports(target)
        .filter(|(_, _, port)| collides(port))
        .map(|(container, _, port)| (container.to_owned(), port.container_port))
        .collect()
}

/// `targetPort`, or `port` when it is absent, 0 or empty.
fn target_port(service: &CanaryService) -> IntOrString {
    match &service.target_port {
        Some(IntOrString::Int(number)) if *number != 0 => IntOrString::Int(*number),
        Some(IntOrString::String(name)) if !name.is_empty() => IntOrString::String(name.clone()),
        _ => IntOrString::Int(service.port),
    }
}

fn own_name(service: &CanaryService) -> &str {
    service.port_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("http")
}

/// Whether a container's port is the one behind the Canary's own.
fn is_own(port: &ContainerPort, target_port: &IntOrString) -> bool {
    let tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    tcp && match target_port {
        IntOrString::Int(number) => port.container_port == *number,
        IntOrString::String(name) => port.name.as_deref() == Some(name),
    }
}

/// The ports of a target's containers: name of the container, place in it, and the port.
fn container_ports(target: &Object) -> impl Iterator<Item = (&str, usize, ContainerPort)> {
    let containers = target.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let named = containers.into_iter().flatten().filter_map(|container| {
        Some((container["name"].as_str()?, container.get("ports").and_then(Value::as_array)?))
    });
    named.filter(|(name, _)| !SIDECARS.contains(name)).flat_map(|(name, ports)| {
        let ports = ports.iter().enumerate();
        ports.filter_map(move |(index, port)| Some((name, index, ContainerPort::deserialize(port).ok()?)))
    })
}
