//! Gateway API: one `HTTPRoute` named like the apex, with primary and canary as weighted backends of every rule.
//!
//! Both provider names write `gateway.networking.k8s.io/v1`: it is the version that clusters store since Gateway API 1.0, and
//! the objects of `v1beta1` are the same ones.
//!
//! | field | value |
//! |---|---|
//! | labels, annotations | `spec.service.apex`; what keeps Flux away |
//! | `parentRefs` | `spec.service.gatewayRefs` |
//! | `hostnames` | `spec.service.hosts` |
//! | `rules[].matches` | `spec.service.match`; every path when there is none |
//! | `rules[].filters` | request headers, response headers, rewrite, mirrors, CORS, in this order; copies to the canary |
//! | `rules[].timeouts` | `spec.service.timeout` and `backendTimeout` |
//! | `rules[].backendRefs` | primary and canary Service with their weights |
//!
//! With `spec.analysis.match` there are two rules: one for the requests that it chooses, one for all of them that leads to the
//! primary.
//!
//! In a route that a user made before only the backends of the rules that lead to the apex are changed.

mod acceptance;
mod claims;
mod filters;
mod hostnames;
mod matches;
mod read;
mod rules;
mod timeouts;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Capabilities, Criterion, Field, Kind, Problem, Route, RouteClaim, Router, RoutingError, Rule, Settings,
    Traffic, object, rule,
};
use crate::api::{Canary, Live, Object, ObjectRef, ParentReference, Provider, owned};

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
const KIND: &str = "HTTPRoute";
/// Most elements of the lists, from the CRD.
const MOST_PARENTS: usize = 32;
/// By what a match tells requests apart.
const MATCHING: &[Criterion] = &[Criterion::HeaderExact, Criterion::HeaderRegex, Criterion::QueryParameter];

const FIELDS: &[Field] = &[
    Field::Hosts,
    Field::GatewayRefs,
    Field::Match,
    Field::Rewrite,
    Field::Timeout,
    Field::BackendTimeout,
    Field::Headers,
    Field::CorsPolicy,
    Field::Mirror,
];

/// The router of `HTTPRoute`.
pub(super) struct GatewayApi;

impl Router for GatewayApi {
    fn providers(&self) -> &'static [Provider] {
        &[Provider::GatewayApiV1, Provider::GatewayApiV1Beta1]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            weights: true,
            acceptance: true,
            mirror: true,
            affinity: true,
            matching: MATCHING,
            fields: FIELDS,
            ..Capabilities::default()
        }
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind { api_version: API_VERSION, kind: KIND, plural: "httproutes" }]
    }

    fn needs(&self, canary: &Canary) -> Vec<ObjectRef> {
        vec![reference(canary)]
    }

    fn sources(&self, _: &Canary) -> Vec<ObjectRef> {
        Vec::new()
    }

    fn render(
        &self,
        canary: &Canary,
        _: &Live,
        _: &Settings,
        traffic: &Traffic,
    ) -> Result<Vec<Object>, RoutingError> {
        let spec = spec(canary, traffic).map_err(|problems| RoutingError::Inexpressible {
            provider: canary.spec.provider.unwrap_or(Provider::GatewayApiV1),
            problems,
        })?;
        Ok(vec![object::object(canary, &reference(canary), spec)])
    }

    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError> {
        let Some(route) = live.typed::<read::HttpRoute>(&reference(canary))? else { return Ok(None) };
        let ours = live.get(&reference(canary)).is_some_and(|route| owned::controls(canary, route));
        let weights = rule::largest(&read::rules(&route), canary, ours);
        Ok(Some(Route { weights, acceptance: acceptance::acceptance(&route) }))
    }

    fn left_out(&self, canary: &Canary) -> Vec<Problem> {
        canary.spec.service.as_ref().map(matches::left_out).unwrap_or_default()
    }

    fn claims(&self, canary: &Canary) -> Vec<RouteClaim> {
        claims::claims(canary)
    }

    fn rules(&self, _: &Canary, object: &Object) -> Vec<Rule> {
        // A route that cannot be read has no rules that we could change.
        read::HttpRoute::deserialize(object).map(|route| read::rules(&route)).unwrap_or_default()
    }

    fn lead(&self, _: &Canary, backend: &mut Value, service: &str) {
        backend["name"] = service.into();
    }
}

fn reference(canary: &Canary) -> ObjectRef {
    ObjectRef::new(API_VERSION, KIND, canary.namespace_name(), canary.apex_name())
}

fn spec(canary: &Canary, traffic: &Traffic) -> Result<Value, Vec<Problem>> {
    let mut problems = object::unserved(canary, &GatewayApi);
    let Some(service) = &canary.spec.service else {
        problems.push(Problem::new("spec.service", "is missing: a route needs port and gatewayRefs"));
        return Err(problems);
    };
    let parents = &service.gateway_refs;
    if parents.is_empty() || parents.len() > MOST_PARENTS {
        problems.push(Problem::new(
            "spec.service.gatewayRefs",
            format!("a route hangs on 1 to {MOST_PARENTS} Gateways; name yours here"),
        ));
    }
    let hostnames = hostnames::hostnames(&service.hosts, &mut problems);
    let rules = rules::rules(canary, service, traffic, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut spec = Map::new();
    spec.insert("parentRefs".to_owned(), parents.iter().map(parent).collect());
    if !hostnames.is_empty() {
        spec.insert("hostnames".to_owned(), hostnames.into());
    }
    spec.insert("rules".to_owned(), rules.into());
    Ok(spec.into())
}

fn parent(parent: &ParentReference) -> Value {
    // The field order of the type is no matter: keys of the API server's JSON have none.
    let mut fields = Map::new();
    fields.insert("group".to_owned(), parent.group.as_str().into());
    fields.insert("kind".to_owned(), parent.kind.as_str().into());
    fields.insert("name".to_owned(), parent.name.as_str().into());
    if let Some(namespace) = &parent.namespace {
        fields.insert("namespace".to_owned(), namespace.as_str().into());
    }
    if let Some(section) = &parent.section_name {
        fields.insert("sectionName".to_owned(), section.as_str().into());
    }
    if let Some(port) = parent.port {
        fields.insert("port".to_owned(), port.into());
    }
    fields.into()
}
