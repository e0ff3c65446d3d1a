//! One Canary a request: of two routes that claim the same, a proxy hears one only.

use super::ownership::{claims, rivals};
use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::catalog::{Overlap, Rival};
use crate::admission::problem::Severity;

pub(super) static SAME_ROUTE: Rule = Rule {
    id: "SL107",
    severity: Severity::Error,
    title: "Requests belong to one Canary: of two routes with the same host and match at a Gateway only the older one is heard",
    manner: Manner::Plain,
    check: Check::Canary(same_route),
    cel: &[],
    wrong: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    hosts: [shop.example.com]
---
metadata:
  name: second
spec:
  service:
    hosts: [shop.example.com]
",
    right: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    hosts: [shop.example.com]
    match:
      - uri:
          prefix: /api
---
metadata:
  name: second
spec:
  service:
    hosts: [shop.example.com]
",
};

pub(super) static PART_OF_ROUTE: Rule = Rule {
    id: "SL108",
    severity: Severity::Warning,
    title: "Canaries with the same host and match name different listeners of a Gateway, not one of them the whole Gateway",
    manner: Manner::Plain,
    check: Check::Canary(part_of_route),
    cel: &[],
    wrong: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    hosts: [shop.example.com]
    gatewayRefs:
      - name: public
        namespace: gateways
        sectionName: https
---
metadata:
  name: second
spec:
  service:
    hosts: [shop.example.com]
",
    right: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    hosts: [shop.example.com]
    gatewayRefs:
      - name: public
        namespace: gateways
        sectionName: https
---
metadata:
  name: second
spec:
  service:
    hosts: [shop.example.com]
    gatewayRefs:
      - name: public
        namespace: gateways
        sectionName: http
",
};

fn same_route(context: &Context<'_>, findings: &mut Findings) {
    for rival in rivals(context, &[Overlap::Route], findings) {
        let what = requests(context, &rival).unwrap_or_default();
        findings.report(
            "spec.service",
            format!("{what} are answered by the route of Canary {} already", rival.key),
            "Choose another host or match, or another Gateway",
        );
    }
}

fn part_of_route(context: &Context<'_>, findings: &mut Findings) {
    for rival in rivals(context, &[Overlap::RoutePart], findings) {
        let what = requests(context, &rival).unwrap_or_default();
        findings.report(
            "spec.service",
            format!("at one listener {what} are claimed by Canary {} too, and only the older route is heard there", rival.key),
            "Name a sectionName of its own in the gatewayRefs of both",
        );
    }
}

/// The requests that both claim, in words.
fn requests(context: &Context<'_>, rival: &Rival) -> Option<String> {
    let other = context.catalog.get(&rival.key)?;
    let (_, route) = claims(context).claim.meeting(&other.claim)?;
    let host = if route.host == "*" { "every host" } else { route.host.as_str() };
    Some(format!("the requests to {host} at {} that match {}", route.parent, route.condition))
}
