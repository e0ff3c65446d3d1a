//! Istio: one `VirtualService` named like the apex, with primary and canary as weighted destinations, and one
//! `DestinationRule` for each of the two.
//!
//! | field of the VirtualService | value |
//! |---|---|
//! | labels, annotations | `spec.service.apex`; what keeps Flux away |
//! | `hosts` | `spec.service.hosts` and the apex, unless it or `*` is among them |
//! | `gateways` | `spec.service.gateways`, or `mesh` |
//! | `http[0]` | match, rewrite, timeout, retries, headers and CORS of `spec.service`; primary and canary with their weights |
//! | `tcp[0]` | instead of `http`, when `spec.service.appProtocol` is `tcp` |
//!
//! With `spec.service.delegation` there are neither hosts nor gateways: another VirtualService delegates to this one. The
//! DestinationRules carry `spec.service.trafficPolicy` and come first, so that no request meets a version without them.
//!
//! `networking.istio.io/v1beta1` is served by every Istio since 1.5, and its objects are those of `v1`. Istio writes no
//! status by default: a VirtualService that is stored counts as accepted, for Istio's own admission has seen it, and the
//! settle time covers its way to the proxies.

mod claims;
mod cors;
mod destination_rule;
mod hosts;
mod http;
mod matches;
mod read;
mod tcp;
mod text;
mod virtual_service;

pub use hosts::mesh_hosts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Acceptance, Capabilities, Criterion, Field, Kind, Problem, Route, RouteClaim, Router, RoutingError, Rule,
    Settings, Traffic, is_tcp, object, rule,
};
use crate::api::{Canary, Live, Object, ObjectRef, Provider, owned};

const VIRTUAL_SERVICE: Kind =
    Kind { api_version: "networking.istio.io/v1beta1", kind: "VirtualService", plural: "virtualservices" };
const DESTINATION_RULE: Kind =
    Kind { api_version: "networking.istio.io/v1beta1", kind: "DestinationRule", plural: "destinationrules" };

const FIELDS: &[Field] = &[
    Field::Hosts,
    Field::Gateways,
    Field::Match,
    Field::Rewrite,
    Field::Retries,
    Field::Timeout,
    Field::Headers,
    Field::CorsPolicy,
    Field::TrafficPolicy,
    Field::Delegation,
];

/// By what a condition tells requests apart; how a value ends is a regular expression there.
const MATCHING: &[Criterion] = &[
    Criterion::HeaderExact,
    Criterion::HeaderPrefix,
    Criterion::HeaderSuffix,
    Criterion::HeaderRegex,
    Criterion::QueryParameter,
    Criterion::SourceLabels,
];

/// The router of `VirtualService`.
pub(super) struct Istio;

impl Router for Istio {
    fn providers(&self) -> &'static [Provider] {
        &[Provider::Istio]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            weights: true,
            tcp: true,
            mirror: true,
            affinity: true,
            matching: MATCHING,
            fields: FIELDS,
            ..Capabilities::default()
        }
    }

    fn kinds(&self) -> &'static [Kind] {
        &[DESTINATION_RULE, VIRTUAL_SERVICE]
    }

    fn needs(&self, canary: &Canary) -> Vec<ObjectRef> {
        let rules = versions(canary).map(|host| reference(canary, DESTINATION_RULE, &host));
        rules.into_iter().chain([virtual_service(canary)]).collect()
    }

    fn render(
        &self,
        canary: &Canary,
        live: &Live,
        _: &Settings,
        traffic: &Traffic,
    ) -> Result<Vec<Object>, RoutingError> {
        let mut problems = object::unserved(canary, self);
        let Some(service) = &canary.spec.service else {
            problems.push(Problem::new("spec.service", "is missing: a route needs a port"));
            return Err(RoutingError::Inexpressible { provider: Provider::Istio, problems });
        };
        let policy = destination_rule::policy(service, &mut problems);
        let present = live.get(&virtual_service(canary));
        let route = virtual_service::spec(canary, service, traffic, present, &mut problems);
        if !problems.is_empty() {
            return Err(RoutingError::Inexpressible { provider: Provider::Istio, problems });
        }
        let rules = versions(canary).map(|host| {
            let reference = reference(canary, DESTINATION_RULE, &host);
            let object = json!({
                "apiVersion": reference.api_version,
                "kind": reference.kind,
                "metadata": {"name": reference.name, "namespace": reference.namespace},
                "spec": {"host": host, "trafficPolicy": policy},
            });
            owned::seal(canary, object, true)
        });
        let route = object::object(canary, &virtual_service(canary), route);
        Ok(rules.into_iter().chain([route]).collect())
    }

    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError> {
        let Some(route) = live.typed::<read::VirtualService>(&virtual_service(canary))? else {
            return Ok(None);
        };
        let ours = live.get(&virtual_service(canary)).is_some_and(|route| owned::controls(canary, route));
        let weights = rule::largest(&read::rules(&route, canary), canary, ours);
        Ok(Some(Route { weights, acceptance: Acceptance::Accepted }))
    }

    fn claims(&self, canary: &Canary) -> Vec<RouteClaim> {
        claims::claims(canary)
    }

    fn left_out(&self, canary: &Canary) -> Vec<Problem> {
        let connections = canary.spec.service.as_ref().filter(|_| is_tcp(canary));
        connections.map(tcp::left_out).unwrap_or_default()
    }

    fn rules(&self, canary: &Canary, object: &Object) -> Vec<Rule> {
        // A route that cannot be read has no rules that we could change, and a DestinationRule has none at all.
        read::VirtualService::deserialize(object).map(|route| read::rules(&route, canary)).unwrap_or_default()
    }

    fn lead(&self, _: &Canary, backend: &mut Value, service: &str) {
        backend["destination"]["host"] = service.into();
    }
}

/// The Services of primary and canary: hosts of the destinations, hosts and names of the DestinationRules.
fn versions(canary: &Canary) -> [String; 2] {
    [canary.primary_service_name(), canary.canary_service_name()]
}

fn virtual_service(canary: &Canary) -> ObjectRef {
    reference(canary, VIRTUAL_SERVICE, canary.apex_name())
}

fn reference(canary: &Canary, kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind.api_version, kind.kind, canary.namespace_name(), name)
}
