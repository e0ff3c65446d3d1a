//! What only a user of Istio can get wrong.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::Provider;
use crate::routing;

pub(super) static SHARED_HOST: Rule = Rule {
    id: "SL307",
    severity: Severity::Warning,
    title: "Canaries that share a host are not bound to the gateway mesh: Istio merges their routes at other gateways only",
    manner: Manner::Plain,
    check: Check::Canary(shared_host),
    cel: &[],
    wrong: "
metadata:
  name: first
spec:
  provider: istio
  targetRef:
    name: first
  service:
    gatewayRefs: []
    gateways: [gateways/public, mesh]
    hosts: [shop.example.com]
---
metadata:
  name: second
spec:
  provider: istio
  service:
    gatewayRefs: []
    gateways: [gateways/public, mesh]
    hosts: [shop.example.com]
    match:
      - uri:
          prefix: /api
",
    right: "
metadata:
  name: first
spec:
  provider: istio
  targetRef:
    name: first
  service:
    gatewayRefs: []
    gateways: [gateways/public]
    hosts: [shop.example.com]
---
metadata:
  name: second
spec:
  provider: istio
  service:
    gatewayRefs: []
    gateways: [gateways/public]
    hosts: [shop.example.com]
    match:
      - uri:
          prefix: /api
",
};

pub(super) static TWO_DNS_SOURCES: Rule = Rule {
    id: "SL308",
    severity: Severity::Warning,
    title: "ExternalDNS reads the annotations of the apex from one source: the Service or the VirtualService",
    manner: Manner::Plain,
    check: Check::Canary(two_dns_sources),
    cel: &[],
    wrong: "
spec:
  provider: istio
  service:
    gatewayRefs: []
    apex:
      annotations:
        external-dns.alpha.kubernetes.io/hostname: shop.example.com
",
    right: "
spec:
  provider: istio
  service:
    gatewayRefs: []
    primary:
      annotations:
        external-dns.alpha.kubernetes.io/hostname: shop.example.com
",
};

/// Where ExternalDNS keeps its annotations.
const EXTERNAL_DNS: &str = "external-dns.alpha.kubernetes.io/";

fn shared_host(context: &Context<'_>, findings: &mut Findings) {
    if context.provider() != Provider::Istio {
        return;
    }
    for host in routing::mesh_hosts(context.canary) {
        let others: Vec<_> = context
            .catalog
            .at_mesh_host(context.key, &host)
            .map(|key| format!("{}/{}", key.namespace, key.name))
            .collect();
        if let Some(other) = others.first() {
            findings.report(
                "spec.service.hosts",
                format!("inside of the mesh {host} is routed by Canary {other} too, and Istio lets one of them count"),
                "Bind both to an ingress gateway without mesh, or give each its own host",
            );
        }
    }
}

fn two_dns_sources(context: &Context<'_>, findings: &mut Findings) {
    let apex = context.canary.spec.service.as_ref().and_then(|service| service.apex.as_ref());
    let Some(apex) = apex.filter(|_| context.provider() == Provider::Istio) else { return };
    for key in apex.annotations.keys().filter(|key| key.starts_with(EXTERNAL_DNS)) {
        findings.report(
            format!("spec.service.apex.annotations[{key:?}]"),
            "it stands on the Service and on the VirtualService, and an ExternalDNS that reads both makes conflicting records",
            "Give ExternalDNS one of --source=service and --source=istio-virtualservice",
        );
    }
}
