//! App Mesh, `appmesh.k8s.aws/v1beta2`: virtual nodes for primary and canary, a virtual router and a virtual service for the
//! apex, and a pair of them by which the canary alone is reached (load tests).
//!
//! | object | what it says |
//! |---|---|
//! | VirtualNode primary, canary | the pods by their Service's selector, its DNS name, the container's port, `spec.service.backends` |
//! | VirtualRouter apex | a route for each entry of `spec.service.match`, with the two nodes as weighted targets |
//! | VirtualRouter canary | everything to the canary |
//! | VirtualService apex, canary | the router; on the apex also the annotations that publish `spec.service.hosts` |
//!
//! The other version, `appmesh` without `:v1beta2`, is of a controller that was archived: it is not served, and the gate says
//! what to write instead. Fields that the mesh's controller sets itself (`awsName`, `meshRef`) are not ours and stay.

mod nodes;
mod routes;
mod status;

use serde_json::{Value, json};

use super::{
    Backend, Capabilities, Criterion, Field, Kind, Problem, Route, Router, RoutingError, Rule, Settings,
    Traffic, object, rule,
};
use crate::api::{Canary, Live, Metadata, Object, ObjectRef, Provider, owned};

const API_VERSION: &str = "appmesh.k8s.aws/v1beta2";
const NODE: Kind = Kind { api_version: API_VERSION, kind: "VirtualNode", plural: "virtualnodes" };
const ROUTER: Kind = Kind { api_version: API_VERSION, kind: "VirtualRouter", plural: "virtualrouters" };
const SERVICE: Kind = Kind { api_version: API_VERSION, kind: "VirtualService", plural: "virtualservices" };
const FIELDS: &[Field] = &[Field::Hosts, Field::Match, Field::Retries, Field::Timeout, Field::Backends];
/// By what a route tells requests apart; how a value ends is a regular expression there.
const MATCHING: &[Criterion] =
    &[Criterion::HeaderExact, Criterion::HeaderPrefix, Criterion::HeaderSuffix, Criterion::HeaderRegex];
/// Protocols of the mesh, each with the field of a route that carries it.
const PROTOCOLS: [(&str, &str); 3] = [("grpc", "grpcRoute"), ("http2", "http2Route"), ("http", "httpRoute")];

/// The router of App Mesh.
pub(super) struct AppMesh;

impl Router for AppMesh {
    fn providers(&self) -> &'static [Provider] {
        &[Provider::AppMeshV1Beta2]
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
        &[NODE, ROUTER, SERVICE]
    }

    fn needs(&self, canary: &Canary) -> Vec<ObjectRef> {
        vec![
            of(canary, NODE, &canary.primary_service_name()),
            of(canary, NODE, &canary.canary_service_name()),
            of(canary, ROUTER, canary.apex_name()),
            of(canary, ROUTER, &canary.canary_service_name()),
            of(canary, SERVICE, canary.apex_name()),
            of(canary, SERVICE, &canary.canary_service_name()),
        ]
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
            return Err(RoutingError::Inexpressible { provider: Provider::AppMeshV1Beta2, problems });
        };
        let protocol = protocol(canary);
        let routes = routes::routes(canary, service, protocol, traffic, &mut problems);
        let timeout = routes::timeout(service, &mut problems);
        if !problems.is_empty() {
            return Err(RoutingError::Inexpressible { provider: Provider::AppMeshV1Beta2, problems });
        }
        let (primary, share) = (canary.primary_service_name(), canary.canary_service_name());
        let mut objects = Vec::new();
        for name in [&primary, &share] {
            // The pods are those of the Service, which is made before; with it the next look makes the node.
            if let Some(spec) = nodes::node(canary, service, name, protocol.0, timeout.as_ref(), live) {
                objects.push(object::object(canary, &of(canary, NODE, name), spec));
            }
        }
        let router = |name: &str, routes: Vec<Value>| {
            let listeners = json!([{"portMapping": {"port": service.port, "protocol": protocol.0}}]);
            object::object(
                canary,
                &of(canary, ROUTER, name),
                json!({"listeners": listeners, "routes": routes}),
            )
        };
        objects.push(router(canary.apex_name(), routes));
        objects.push(router(&share, vec![routes::to_canary(canary, protocol)]));
        for (name, metadata) in
            [(canary.apex_name(), nodes::published(service)), (&share, Metadata::default())]
        {
            let spec = json!({"provider": {"virtualRouter": {"virtualRouterRef": {"name": name}}}});
            objects.push(object::with(canary, &of(canary, SERVICE, name), metadata, spec));
        }
        Ok(objects)
    }

    fn read(&self, canary: &Canary, live: &Live) -> Result<Option<Route>, RoutingError> {
        let Some(router) = live.get(&of(canary, ROUTER, canary.apex_name())) else { return Ok(None) };
        let weights = rule::largest(&self.rules(canary, router), canary, owned::controls(canary, router));
        Ok(Some(Route { weights, acceptance: status::acceptance(&self.needs(canary), live) }))
    }

    fn left_out(&self, canary: &Canary) -> Vec<Problem> {
        let service = canary.spec.service.as_ref();
        service.map(|service| routes::left_out(service, protocol(canary).0)).unwrap_or_default()
    }

    fn rules(&self, _: &Canary, object: &Object) -> Vec<Rule> {
        let routes = object.pointer("/spec/routes").and_then(Value::as_array);
        let mut rules = Vec::new();
        for (index, route) in routes.into_iter().flatten().enumerate() {
            for (_, field) in PROTOCOLS {
                let pointer = format!("/{field}/action/weightedTargets");
                let Some(targets) = route.pointer(&pointer).and_then(Value::as_array) else { continue };
                rules.push(Rule {
                    pointer: format!("/spec/routes/{index}{pointer}"),
                    backends: targets.iter().map(backend).collect(),
                });
            }
        }
        rules
    }

    fn lead(&self, _: &Canary, backend: &mut Value, service: &str) {
        backend["virtualNodeRef"] = json!({ "name": service });
    }
}

fn of(canary: &Canary, kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind.api_version, kind.kind, canary.namespace_name(), name)
}

fn backend(target: &Value) -> Backend {
    let name = target.pointer("/virtualNodeRef/name").and_then(Value::as_str);
    Backend { service: name.map(str::to_owned), weight: target.get("weight").and_then(Value::as_i64) }
}

/// The protocol by the port's name, as with the peer.
fn protocol(canary: &Canary) -> (&'static str, &'static str) {
    let name =
        canary.spec.service.as_ref().and_then(|service| service.port_name.as_deref()).unwrap_or_default();
    let [.., http] = PROTOCOLS;
    PROTOCOLS.into_iter().find(|(protocol, _)| name.contains(protocol)).unwrap_or(http)
}
