//! Contour: one `HTTPProxy` named like the apex, without a virtual host; the user's own root `HTTPProxy` includes it.
//!
//! | field | value |
//! |---|---|
//! | labels, annotations | `spec.service.apex`; what keeps Flux away |
//! | `ingressClassName` | `--ingress-class` |
//! | `routes` | one for each entry of `spec.service.match`; one for every path when there is none |
//! | `routes[].conditions` | path, headers and query parameters of the entry |
//! | `routes[].timeoutPolicy` | `spec.service.timeout` as the time for the response |
//! | `routes[].retryPolicy` | `spec.service.retries` |
//! | `routes[].services` | primary and canary Service with their weights, and Linkerd's header that names each |
//!
//! Conditions of one route all have to hold, so that entries of a match, of which one is enough, are routes of their own; with
//! `spec.analysis.match` those that it chooses too come before the others, which lead to the primary.

mod acceptance;
mod conditions;
mod policies;

use serde_json::{Map, Value, json};

use super::{
    Backend, Capabilities, Criterion, Field, Kind, Problem, Route, Router, RoutingError, Rule, Settings,
    Traffic, Weight, Weights, object, part, rule,
};
use crate::api::{Canary, Live, Object, ObjectRef, Provider, owned};

const API_VERSION: &str = "projectcontour.io/v1";
const KIND: &str = "HTTPProxy";
const FIELDS: &[Field] = &[Field::Match, Field::Retries, Field::Timeout];

/// By what a condition tells requests apart; how a value begins or ends is a regular expression there.
const MATCHING: &[Criterion] =
    &[Criterion::HeaderExact, Criterion::HeaderPrefix, Criterion::HeaderSuffix, Criterion::HeaderRegex];

/// The router of `HTTPProxy`.
pub(super) struct Contour;

impl Router for Contour {
    fn providers(&self) -> &'static [Provider] {
        &[Provider::Contour]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            weights: true,
            acceptance: true,
            matching: MATCHING,
            fields: FIELDS,
            ..Capabilities::default()
        }
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind { api_version: API_VERSION, kind: KIND, plural: "httpproxies" }]
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
        settings: &Settings,
        traffic: &Traffic,
    ) -> Result<Vec<Object>, RoutingError> {
        let mut problems = object::unserved(canary, self);
        let routes = routes(canary, traffic, &mut problems);
        if !problems.is_empty() {
            return Err(RoutingError::Inexpressible { provider: Provider::Contour, problems });
        }
        let mut spec = Map::new();
        if let Some(class) = &settings.ingress_class {
            spec.insert("ingressClassName".to_owned(), class.as_str().into());
        }
        spec.insert("routes".to_owned(), routes.into());
        Ok(vec![object::object(canary, &reference(canary), spec.into())])
    }

    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError> {
        let Some(proxy) = live.get(&reference(canary)) else { return Ok(None) };
        let weights = rule::largest(&self.rules(canary, proxy), canary, owned::controls(canary, proxy));
        Ok(Some(Route { weights, acceptance: acceptance::acceptance(&live.typed(&reference(canary))?) }))
    }

    fn left_out(&self, canary: &Canary) -> Vec<Problem> {
        canary.spec.service.as_ref().map(conditions::left_out).unwrap_or_default()
    }

    fn rules(&self, _: &Canary, object: &Object) -> Vec<Rule> {
        let routes = object.pointer("/spec/routes").and_then(Value::as_array);
        let routes = routes.into_iter().flatten().enumerate();
        let rule = |(index, route): (usize, &Value)| {
            let services = route.get("services")?.as_array()?;
            Some(Rule {
                pointer: format!("/spec/routes/{index}/services"),
                backends: services.iter().map(backend).collect(),
            })
        };
        routes.filter_map(rule).collect()
    }

    fn lead(&self, canary: &Canary, backend: &mut Value, service: &str) {
        backend["name"] = service.into();
        // The header of the Service that stood there would lead Linkerd past the split.
        if backend.get("requestHeadersPolicy").is_some() {
            backend["requestHeadersPolicy"] = destination(canary, service);
        }
    }
}

fn reference(canary: &Canary) -> ObjectRef {
    ObjectRef::new(API_VERSION, KIND, canary.namespace_name(), canary.apex_name())
}

fn backend(service: &Value) -> Backend {
    // A copy of the traffic is no share of it.
    let mirror = service.get("mirror").and_then(Value::as_bool) == Some(true);
    let name = service.get("name").and_then(Value::as_str).filter(|_| !mirror);
    Backend { service: name.map(str::to_owned), weight: service.get("weight").map_or(Some(0), Value::as_i64) }
}

fn routes(canary: &Canary, traffic: &Traffic, problems: &mut Vec<Problem>) -> Vec<Value> {
    let Some(service) = &canary.spec.service else {
        problems.push(Problem::new("spec.service", "is missing: a route needs a port"));
        return Vec::new();
    };
    let backend = |name: String, weight: Weight| {
        json!({
            "name": name,
            "port": service.port,
            "weight": weight.get(),
            "requestHeadersPolicy": destination(canary, &name),
        })
    };
    let services = |weights: Weights| {
        json!([
            backend(canary.primary_service_name(), weights.primary),
            backend(canary.canary_service_name(), weights.canary),
        ])
    };
    let timeout = policies::timeout(&service.timeout, problems);
    let retries = service.retries.as_ref().map(|retries| policies::retries(retries, problems));
    let route = |conditions: Vec<Value>, weights: Weights| {
        let mut route = Map::new();
        route.insert("conditions".to_owned(), conditions.into());
        if let Some(timeout) = &timeout {
            route.insert("timeoutPolicy".to_owned(), json!({ "response": timeout }));
        }
        if let Some(retries) = retries.as_ref().filter(|retries| !retries.is_empty()) {
            route.insert("retryPolicy".to_owned(), retries.clone().into());
        }
        route.insert("services".to_owned(), services(weights));
        Value::from(route)
    };
    conditions::conditions(&part::written(&Contour, canary), problems);
    let parts = part::parts(&Contour, canary, traffic);
    let routes = parts.iter().flat_map(|part| {
        // What cannot be said was told of each condition as it is written.
        let each = conditions::conditions(&part.requests, &mut Vec::new()).into_iter();
        each.map(move |conditions| (conditions, part.weights))
    });
    routes.map(|(conditions, weights)| route(conditions, weights)).collect()
}

/// Linkerd goes where this header says; without it both versions would be one to it.
fn destination(canary: &Canary, service: &str) -> Value {
    let port = canary.spec.service.as_ref().map(|service| service.port).unwrap_or_default();
    let host = format!("{service}.{}.svc.cluster.local:{port}", canary.namespace_name());
    json!({"set": [{"name": "l5d-dst-override", "value": host}]})
}
