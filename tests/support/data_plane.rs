//! The data planes of the bed: how a Canary uses each, where its requests go in, and where the weights stand in its route.

use serde_json::{Value, json};

use super::load::Load;
use super::manifests::{self, APP, GATEWAY, with};
use super::space::Space;
use super::visitor::Visitor;
use super::{api, bed, kubectl, wait};

/// Namespace and name of the Gateways of Istio: its own one and the one of the Gateway API.
const ISTIO: (&str, &str) = ("istio-proxies", "public");

/// One data plane.
#[derive(Debug)]
pub(crate) struct DataPlane {
    /// The word that begins the namespaces of its tests.
    pub(crate) word: &'static str,
    provider: &'static str,
    /// The variable of the test-bed that names host and port.
    entry: &'static str,
    /// What `spec.service` says about the way in.
    service: fn(&Space) -> Value,
    /// The Host header under which the app is asked for.
    pub(crate) host: fn(&Space) -> String,
    /// What a user has beside the Canary.
    beside: fn(&Space) -> Option<Value>,
    route: Shape,
}

/// Where a kind of route keeps its backends and their weights.
#[derive(Debug)]
struct Shape {
    plural: &'static str,
    backends: &'static str,
    name: &'static str,
}

const HTTP_ROUTE: Shape =
    Shape { plural: "httproutes", backends: "/spec/rules/0/backendRefs", name: "/name" };
const VIRTUAL_SERVICE: Shape =
    Shape { plural: "virtualservices", backends: "/spec/http/0/route", name: "/destination/host" };

/// Contour by its own kind: a root HTTPProxy of the user includes the one of the Canary.
pub(crate) const CONTOUR_HTTP_PROXY: DataPlane = DataPlane {
    word: "httpproxy",
    provider: "contour",
    entry: "TESTBED_ENVOY",
    service: |_| json!({}),
    host: Space::host,
    beside: |space| {
        Some(json!({
            "apiVersion": "projectcontour.io/v1",
            "kind": "HTTPProxy",
            "metadata": {"name": "root"},
            "spec": {"virtualhost": {"fqdn": space.host()}, "includes": [{"name": APP}]},
        }))
    },
    route: Shape { plural: "httpproxies", backends: "/spec/routes/0/services", name: "/name" },
};

/// Contour by the Gateway API.
pub(crate) const CONTOUR_HTTP_ROUTE: DataPlane = DataPlane {
    word: "httproute",
    provider: "gatewayapi:v1",
    entry: "TESTBED_ENVOY",
    service: |space| gateway_api(space, GATEWAY),
    host: Space::host,
    beside: |_| None,
    route: HTTP_ROUTE,
};

/// Istio's ingress gateway by its own kinds.
pub(crate) const ISTIO_INGRESS: DataPlane = DataPlane {
    word: "istio",
    provider: "istio",
    entry: "TESTBED_ISTIO_INGRESS",
    service: |space| json!({"hosts": [space.host()], "gateways": [format!("{}/{}", ISTIO.0, ISTIO.1)]}),
    host: Space::host,
    beside: |_| None,
    route: VIRTUAL_SERVICE,
};

/// A client in Istio's mesh, through its sidecar; nothing is open to the outside.
pub(crate) const ISTIO_MESH: DataPlane = DataPlane {
    word: "mesh",
    provider: "istio",
    entry: "TESTBED_ISTIO_SIDECAR",
    service: |_| json!({}),
    host: |space| format!("{APP}.{}", space.namespace),
    beside: |_| None,
    route: VIRTUAL_SERVICE,
};

/// Istio as the implementation of the Gateway API.
pub(crate) const ISTIO_HTTP_ROUTE: DataPlane = DataPlane {
    word: "istioroute",
    provider: "gatewayapi:v1",
    entry: "TESTBED_ISTIO_GATEWAY_API",
    service: |space| gateway_api(space, ISTIO),
    host: Space::host,
    beside: |_| None,
    route: HTTP_ROUTE,
};

fn gateway_api(space: &Space, (namespace, name): (&str, &str)) -> Value {
    json!({"hosts": [space.host()], "gatewayRefs": [{"namespace": namespace, "name": name}]})
}

impl DataPlane {
    /// Why it cannot be used; `None` if it can.
    pub(crate) fn missing(&self) -> Option<String> {
        let known = bed::bed().address(self.entry).is_some();
        (!known).then(|| format!("{} is not known: the cluster has no such proxy", self.entry))
    }

    /// A Canary of the app on this data plane, judged by nothing: what is shown is the route.
    pub(crate) fn canary(&self, space: &Space, steps: &[u32]) -> Value {
        let mut changes = json!({
            "spec": {
                "provider": self.provider,
                "service": {"hosts": null, "gatewayRefs": null},
                "analysis": {"metrics": null},
            },
        });
        json_patch::merge(&mut changes["spec"]["service"], &(self.service)(space));
        with(&manifests::canary("", steps), &changes)
    }

    /// Applies what a user has beside the Canary.
    #[track_caller]
    pub(crate) fn prepare(&self, space: &Space) {
        if let Some(object) = (self.beside)(space) {
            space.apply(&[&object]);
        }
    }

    /// Load on the app of a namespace, with more options of the load generator.
    pub(crate) fn load(&self, space: &Space, rate: u32, more: &[&str]) -> Load {
        let entry = bed::bed().address(self.entry).unwrap_or_default();
        Load::through(entry, &(self.host)(space), rate, more)
    }

    /// Somebody new who asks for the app of a namespace.
    pub(crate) fn visitor(&self, space: &Space) -> Visitor {
        Visitor::new(bed::bed().address(self.entry).unwrap_or_default(), &(self.host)(space))
    }

    /// The route that a Canary made; `None` if there is none.
    pub(crate) fn route(&self, space: &Space, name: &str) -> Option<Value> {
        api::find(self.route.plural, &space.namespace, name)
    }

    /// The weights of primary and canary in a Canary's route, as they stand in the cluster; `None` if there is no route.
    pub(crate) fn weights(&self, space: &Space, name: &str) -> Option<(i64, i64)> {
        let route = self.route(space, name)?;
        let backends = route.pointer(self.route.backends)?.as_array()?;
        let weight = |service: String| {
            let backend = backends.iter().find(|backend| self.is(backend, &service));
            backend.map_or(0, |backend| backend["weight"].as_i64().unwrap_or_default())
        };
        Some((weight(format!("{name}-primary")), weight(format!("{name}-canary"))))
    }

    /// Waits until a Canary's route carries these weights.
    #[track_caller]
    pub(crate) fn carries(&self, space: &Space, name: &str, weights: (i64, i64)) {
        wait::until(wait::NOTICED, &format!("the route to carry {weights:?}"), || {
            let found = self.weights(space, name);
            if found == Some(weights) { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }

    /// Sets the weights of primary and canary by hand, as somebody does who knows nothing of Sluice.
    #[track_caller]
    pub(crate) fn edit(&self, space: &Space, name: &str, (primary, canary): (i64, i64)) {
        let mut route = self.route(space, name).unwrap_or_else(|| panic!("there is no route of {name}"));
        for backend in route.pointer_mut(self.route.backends).and_then(Value::as_array_mut).unwrap() {
            let weight = if self.is(backend, &format!("{name}-canary")) { canary } else { primary };
            backend["weight"] = weight.into();
        }
        // The whole spec, because a merge replaces lists.
        api::merge(self.route.plural, &space.namespace, name, &json!({"spec": route["spec"]}));
    }

    /// Deletes a Canary's route.
    #[track_caller]
    pub(crate) fn delete(&self, space: &Space, name: &str) {
        let words = ["delete", self.route.plural, name];
        kubectl::within(&space.namespace, &words).ok();
    }

    /// Whether a backend is this Service, by its short name or by a longer one.
    fn is(&self, backend: &Value, service: &str) -> bool {
        let name = backend.pointer(self.route.name).and_then(Value::as_str).unwrap_or_default();
        name.split('.').next() == Some(service)
    }
}
