//! Rules of the schema that need more than a type, as CEL that the API server runs.
//!
//! They are the backstop behind the gate: the gate tells all problems at once and with more words; these hold when it is away.
//! Every one has a field path and says the way out, because the API server prints nothing else.

use serde_json::{Value, json};

/// One CEL rule of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cel {
    /// The expression; `self` is the value that the rule stands at.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub message: &'static str,
    /// The field that is shown with the message, relative to where the rule stands; empty for that place itself.
    pub field_path: &'static str,
}

/// Rules as the value of `x-kubernetes-validations`.
pub(super) fn validations(rules: &[Cel]) -> Value {
    rules
        .iter()
        .map(|cel| match cel.field_path {
            "" => json!({ "rule": cel.rule, "message": cel.message }),
            path => json!({ "rule": cel.rule, "message": cel.message, "fieldPath": path }),
        })
        .collect()
}

/// At `spec`: the name of Services and route never changes, be it written or taken from the target.
pub const APEX_NAME_IS_IMMUTABLE: Cel = Cel {
    rule: "(has(self.service) && has(self.service.name) && self.service.name != '' ? self.service.name : self.targetRef.name) \
           == (has(oldSelf.service) && has(oldSelf.service.name) && oldSelf.service.name != '' ? oldSelf.service.name : oldSelf.targetRef.name)",
    message: "the name of the Services (service.name, or targetRef.name when that is not set) cannot change, because the old ones would \
              go on serving: set service.name to the old name, or delete the Canary and create it anew",
    field_path: ".service.name",
};

/// At `spec`: without an Ingress there is nothing to copy.
pub const INGRESS_IS_NAMED: Cel = Cel {
    rule: "!has(self.provider) || !(self.provider in ['nginx', 'skipper']) || has(self.ingressRef)",
    message: "providers nginx and skipper copy an Ingress: set ingressRef",
    field_path: ".ingressRef",
};

/// At `spec`: without a route there is nothing to copy.
pub const ROUTE_IS_NAMED: Cel = Cel {
    rule: "!has(self.provider) || self.provider != 'apisix' || has(self.routeRef)",
    message: "provider apisix copies a route: set routeRef",
    field_path: ".routeRef",
};

/// At `spec`: objects of App Mesh v1beta1 belong to a mesh by name.
pub const MESH_IS_NAMED: Cel = Cel {
    rule: "!has(self.provider) || self.provider != 'appmesh' || (has(self.service) && has(self.service.meshName) && self.service.meshName != '')",
    message: "provider appmesh makes objects of a mesh: set service.meshName",
    field_path: ".service",
};

/// At `spec`: where conditions are not known, the run would send all users to the canary.
pub const A_B_NEEDS_MATCHING: Cel = Cel {
    rule: "!has(self.provider) || !has(self.analysis) || !has(self.analysis.match) || self.analysis.match.size() == 0 || \
           !has(self.analysis.iterations) || self.analysis.iterations <= 0 || !(self.provider in ['apisix', 'knative', 'kuma', \
           'linkerd', 'osm', 'skipper', 'smi:v1alpha1', 'smi:v1alpha2', 'smi:v1alpha3', 'traefik'])",
    message: "this provider cannot tell requests apart, so that all users would get the canary: remove match, or use a provider with A/B such as istio",
    field_path: ".analysis",
};

/// At `spec.analysis`: one way to advance, not two and not none.
pub const ONE_WAY_TO_ADVANCE: Cel = Cel {
    rule: "[has(self.iterations), has(self.stepWeight), has(self.stepWeights)].filter(x, x).size() == 1",
    message: "set exactly one of iterations (blue/green and A/B), stepWeight and stepWeights (canary), and remove the others",
    field_path: "",
};

/// At `spec.analysis`: the share can never pass 100 percent, and the peer never promotes while it waits for more.
pub const MAX_WEIGHT_CAN_BE_REACHED: Cel = Cel {
    rule: "!has(self.stepWeight) || !has(self.maxWeight) || self.maxWeight <= 100",
    message: "maxWeight is a percentage that is never reached above 100: write 100 or less",
    field_path: ".maxWeight",
};

/// At `spec.analysis.stepWeights`: equal or falling steps are never left.
pub const STEPS_RISE: Cel = Cel {
    rule: "self.isSorted() && self.all(x, self.exists_one(y, y == x))",
    message: "each of stepWeights has to be greater than the one before it: sort them and remove what is there twice",
    field_path: "",
};

/// At `thresholdRange`: otherwise no value passes.
pub const BOUNDS_IN_ORDER: Cel = Cel {
    rule: "!has(self.min) || !has(self.max) || self.min <= self.max",
    message: "no value passes when min is greater than max: exchange them",
    field_path: ".min",
};

/// At a header condition of `spec.analysis.match`.
pub const ONE_HEADER_CONDITION: Cel = Cel {
    rule: "[has(self.exact), has(self.prefix), has(self.suffix), has(self.regex)].filter(x, x).size() == 1",
    message: "set exactly one of exact, prefix, suffix and regex",
    field_path: "",
};

/// At every other condition on text.
pub const AT_MOST_ONE_CONDITION: Cel = Cel {
    rule: "[has(self.exact), has(self.prefix), has(self.regex)].filter(x, x).size() <= 1",
    message: "set only one of exact, prefix and regex",
    field_path: "",
};

/// At `corsPolicy`: an origin without a condition allows nothing.
pub const ORIGINS_HAVE_A_CONDITION: Cel = Cel {
    rule: "!has(self.allowOrigins) || self.allowOrigins.all(o, has(o.exact) || has(o.prefix) || has(o.regex))",
    message: "each of allowOrigins needs one of exact, prefix and regex",
    field_path: ".allowOrigins",
};

/// At `sessionAffinity`: with one name the cookies overwrite each other.
pub const COOKIES_DIFFER: Cel = Cel {
    rule: "!has(self.primaryCookieName) || self.primaryCookieName != self.cookieName",
    message: "primaryCookieName has to differ from cookieName, or the two cookies overwrite each other: choose another name",
    field_path: ".primaryCookieName",
};

/// At `mirror[].backendRef`, as in the Gateway API.
pub const SERVICE_BACKEND_HAS_A_PORT: Cel = Cel {
    rule: "!(self.group == '' && self.kind == 'Service') || has(self.port)",
    message: "a Service as backend needs a port: set port",
    field_path: ".port",
};

/// At `trafficPolicy.loadBalancer`.
pub const ONE_LOAD_BALANCER: Cel = Cel {
    rule: "!(has(self.simple) && has(self.consistentHash))",
    message: "set only one of simple and consistentHash",
    field_path: "",
};

/// At `consistentHash`.
pub const ONE_HASH_KEY: Cel = Cel {
    rule: "[has(self.httpHeaderName), has(self.httpCookie), has(self.useSourceIp), has(self.httpQueryParameterName)].filter(x, x).size() == 1",
    message: "set exactly one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName",
    field_path: "",
};

/// At the `spec` of an AlertProvider.
pub const ONE_ADDRESS: Cel = Cel {
    rule: "has(self.address) != has(self.secretRef)",
    message: "set either address or secretRef, not both and not none: with secretRef the address stands in the Secret's key address",
    field_path: "",
};
