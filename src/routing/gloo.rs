//! Gloo Edge: one `RouteTable` named like the apex, to which the user's own virtual service delegates, and an `Upstream` for
//! primary and canary each.
//!
//! | field | value |
//! |---|---|
//! | labels, annotations of the RouteTable | `spec.service.apex`; what keeps Flux away |
//! | `routes[].inheritablePathMatchers` | true: the paths are those of the virtual service that delegates |
//! | `routes[].routeAction.multi.destinations` | the two Upstreams with their weights |
//! | `routes[0].matchers` | `spec.analysis.match`, if there is any; the route for all others leads to the primary |
//! | `kube` of an Upstream | its Service and `spec.service.port` |
//! | tuning of an Upstream | what `spec.upstreamRef` has of it, kept in step |
//!
//! Written after the documented fields of Gloo Edge; nobody says there which generation of a RouteTable was accepted, so that
//! only a refusal is told.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Acceptance, Backend, Capabilities, Criterion, Field, Kind, Problem, Route, Router, RoutingError, Rule,
    Settings, Traffic, Weight, Weights, object, part, rule,
};
use crate::api::{AnalysisMatch, Canary, Live, Metadata, Object, ObjectRef, Provider, owned};

const TABLE: Kind = Kind { api_version: "gateway.solo.io/v1", kind: "RouteTable", plural: "routetables" };
const UPSTREAM: Kind = Kind { api_version: "gloo.solo.io/v1", kind: "Upstream", plural: "upstreams" };
/// Where Gloo's discovery writes, unless its installation says something else.
const DISCOVERY: &str = "gloo-system";
/// What is copied from the Upstream that the user tuned.
const TUNING: [&str; 8] = [
    "sslConfig",
    "circuitBreakers",
    "connectionConfig",
    "loadBalancerConfig",
    "useHttp2",
    "initialStreamWindowSize",
    "initialConnectionWindowSize",
    "httpProxyHostname",
];

/// The router of `RouteTable`.
pub(super) struct Gloo;

impl Router for Gloo {
    fn providers(&self) -> &'static [Provider] {
        &[Provider::Gloo]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            weights: true,
            matching: &[Criterion::HeaderExact, Criterion::HeaderRegex],
            fields: &[Field::UpstreamRef],
            ..Capabilities::default()
        }
    }

    fn kinds(&self) -> &'static [Kind] {
        &[UPSTREAM, TABLE]
    }

    fn needs(&self, canary: &Canary) -> Vec<ObjectRef> {
        let upstreams = ["primary", "canary"].map(|version| upstream(canary, version));
        [table(canary)].into_iter().chain(upstreams).chain(source(canary)).collect()
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
            return Err(RoutingError::Inexpressible { provider: Provider::Gloo, problems });
        };
        let chosen = matchers(part::chosen(self, canary), &mut problems);
        if !problems.is_empty() {
            return Err(RoutingError::Inexpressible { provider: Provider::Gloo, problems });
        }
        let tuning = tuning(canary, live)?;
        let upstream_of = |version: &str, service_name: String| {
            let mut spec = tuning.spec.clone();
            spec.insert(
                "kube".to_owned(),
                json!({"serviceName": service_name, "serviceNamespace": canary.namespace_name(), "servicePort": service.port}),
            );
            let metadata = Metadata { labels: tuning.labels.clone(), ..Metadata::default() };
            object::with(canary, &upstream(canary, version), metadata, spec.into())
        };
        let destination = |version: &str, weight: Weight| json!({"destination": {"upstream": address(&upstream(canary, version))}, "weight": weight.get()});
        let route = |weights: Weights| {
            let destinations =
                json!([destination("primary", weights.primary), destination("canary", weights.canary)]);
            json!({"inheritablePathMatchers": true, "routeAction": {"multi": {"destinations": destinations}}})
        };
        let routes: Vec<Value> = if chosen.is_empty() {
            vec![route(traffic.weights)]
        } else {
            let mut of_chosen = route(traffic.weights);
            of_chosen["matchers"] = chosen.into();
            vec![of_chosen, route(Weights::TO_PRIMARY)]
        };
        let spec = json!({ "routes": routes });
        // Upstreams first: a table that leads to one that is not there is refused.
        Ok(vec![
            upstream_of("primary", canary.primary_service_name()),
            upstream_of("canary", canary.canary_service_name()),
            object::object(canary, &table(canary), spec),
        ])
    }

    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError> {
        let Some(present) = live.get(&table(canary)) else { return Ok(None) };
        let weights = rule::largest(&self.rules(canary, present), canary, owned::controls(canary, present));
        Ok(Some(Route { weights, acceptance: acceptance(present) }))
    }

    fn rules(&self, canary: &Canary, object: &Object) -> Vec<Rule> {
        let routes = object.pointer("/spec/routes").and_then(Value::as_array);
        let routes = routes.into_iter().flatten().enumerate();
        let rule = |(index, route): (usize, &Value)| {
            let destinations = route.pointer("/routeAction/multi/destinations")?.as_array()?;
            Some(Rule {
                pointer: format!("/spec/routes/{index}/routeAction/multi/destinations"),
                backends: destinations.iter().map(|destination| backend(canary, destination)).collect(),
            })
        };
        routes.filter_map(rule).collect()
    }

    fn lead(&self, canary: &Canary, backend: &mut Value, service: &str) {
        backend["destination"]["upstream"] = if service == canary.apex_name() {
            json!({"name": discovered(canary), "namespace": DISCOVERY})
        } else {
            let version = if service == canary.primary_service_name() { "primary" } else { "canary" };
            address(&upstream(canary, version))
        };
    }
}

/// What chooses the requests of an A/B run; each entry is a matcher, of which one is enough.
fn matchers(chosen: &[AnalysisMatch], problems: &mut Vec<Problem>) -> Vec<Value> {
    let mut matchers = Vec::new();
    for (index, wanted) in chosen.iter().enumerate() {
        let at = format!("spec.analysis.match[{index}]");
        let mut headers = Vec::new();
        for (name, value) in &wanted.headers {
            match (object::set(&value.regex), object::set(&value.exact)) {
                (Some(regex), _) => headers.push(json!({"name": name, "value": regex, "regex": true})),
                (None, Some(exact)) => headers.push(json!({"name": name, "value": exact})),
                (None, None) => problems.push(Problem::new(
                    format!("{at}.headers[{name:?}]"),
                    "a RouteTable matches the whole value or a regular expression: set exact or regex",
                )),
            }
        }
        if wanted.headers.is_empty() {
            problems.push(Problem::new(
                at,
                "it has no header, so that every user would get the canary: remove it",
            ));
        }
        matchers.push(json!({ "headers": headers }));
    }
    matchers
}

fn table(canary: &Canary) -> ObjectRef {
    ObjectRef::new(TABLE.api_version, TABLE.kind, canary.namespace_name(), canary.apex_name())
}

fn upstream(canary: &Canary, version: &str) -> ObjectRef {
    let (namespace, apex) = (canary.namespace_name(), canary.apex_name());
    let name = format!("{namespace}-{apex}-{version}upstream-{}", port(canary));
    ObjectRef::new(UPSTREAM.api_version, UPSTREAM.kind, namespace, name)
}

fn port(canary: &Canary) -> i32 {
    canary.spec.service.as_ref().map(|service| service.port).unwrap_or_default()
}

/// How Gloo's discovery names the Upstream of the apex Service, in a namespace of its own.
fn discovered(canary: &Canary) -> String {
    format!("{}-{}-{}", canary.namespace_name(), canary.apex_name(), port(canary))
}

fn address(upstream: &ObjectRef) -> Value {
    json!({"name": upstream.name, "namespace": upstream.namespace})
}

/// The Upstream that the user tuned; without a namespace it is one of the Canary's.
fn source(canary: &Canary) -> Option<ObjectRef> {
    let reference = canary.spec.upstream_ref.as_ref()?;
    let namespace = reference.namespace.clone().filter(|namespace| !namespace.is_empty());
    let namespace = namespace.unwrap_or_else(|| canary.namespace_name());
    Some(ObjectRef::new(UPSTREAM.api_version, UPSTREAM.kind, namespace, &reference.name))
}

#[derive(Default)]
struct Tuning {
    labels: BTreeMap<String, String>,
    spec: Map<String, Value>,
}

fn tuning(canary: &Canary, live: &Live) -> Result<Tuning, RoutingError> {
    let Some(source) = source(canary) else { return Ok(Tuning::default()) };
    let Some(tuned) = live.get(&source) else {
        return Err(RoutingError::Missing { reference: source, path: "spec.upstreamRef" });
    };
    let spec = TUNING
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), tuned.get("spec")?.get(field)?.clone())));
    let labels = tuned.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Ok(Tuning { labels: labels.collect(), spec: spec.collect() })
}

fn backend(canary: &Canary, destination: &Value) -> Backend {
    let text = |field: &str| destination.pointer("/destination/upstream")?.get(field)?.as_str();
    let name = text("name").unwrap_or_default();
    let ours = |version: &str| {
        let own = upstream(canary, version);
        own.name == name && text("namespace") == Some(own.namespace.as_str())
    };
    let service = if ours("primary") {
        Some(canary.primary_service_name())
    } else if ours("canary") {
        Some(canary.canary_service_name())
    } else {
        (name == discovered(canary)).then(|| canary.apex_name().to_owned())
    };
    Backend { service, weight: destination.get("weight").map_or(Some(0), Value::as_i64) }
}

/// A refusal by any of Gloo's writers.
fn acceptance(table: &Object) -> Acceptance {
    let statuses = table.pointer("/status/statuses").and_then(Value::as_object);
    let all = statuses.into_iter().flat_map(|statuses| statuses.values());
    let mut refusals = all.filter(|status| status.get("state").and_then(Value::as_str) == Some("Rejected"));
    match refusals.next() {
        Some(status) => {
            let reason = status.get("reason").and_then(Value::as_str).unwrap_or("no reason was given");
            Acceptance::Refused(format!("Gloo: {reason}"))
        }
        None => Acceptance::Accepted,
    }
}
