//! The fields of a Canary that only a router gives a meaning: each router says which of them it serves, and what it does not
//! serve is told to the user instead of being dropped in silence.

use crate::api::{Canary, CanaryService};

macro_rules! fields {
    ($($variant:ident = $path:literal: $doc:literal, $given:expr;)+) => {
        /// A field of a Canary that is a router's matter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $(#[doc = $doc] $variant,)+
        }

        impl Field {
            /// Every field, in the order of the documents.
            pub const ALL: &'static [Field] = &[$(Field::$variant),+];

            /// Where it stands, `spec.service.hosts`.
            pub fn path(self) -> &'static str {
                match self {
                    $(Field::$variant => $path,)+
                }
            }

            /// Whether a Canary says anything there.
            pub fn is_given(self, canary: &Canary) -> bool {
                let no_service = CanaryService::default();
                let service = canary.spec.service.as_ref().unwrap_or(&no_service);
                match self {
                    $(Field::$variant => {
                        let given: fn(&Canary, &CanaryService) -> bool = $given;
                        given(canary, service)
                    })+
                }
            }
        }
    };
}

fields! {
    Hosts = "spec.service.hosts": "Host names.", |_, service| !service.hosts.is_empty();
    Gateways = "spec.service.gateways": "Istio gateways.", |_, service| !service.gateways.is_empty();
    GatewayRefs = "spec.service.gatewayRefs": "Gateway API parents.", |_, service| !service.gateway_refs.is_empty();
    Match = "spec.service.match": "Which requests are served.", |_, service| !service.matches.is_empty();
    Rewrite = "spec.service.rewrite": "Change of path and authority.", |_, service| service.rewrite.is_some();
    Retries = "spec.service.retries": "Further tries of the proxy.", |_, service| service.retries.is_some();
    Timeout = "spec.service.timeout": "Time for a request.", |_, service| is_text(&service.timeout);
    BackendTimeout = "spec.service.backendTimeout": "Time for one attempt.", |_, service| is_text(&service.backend_timeout);
    Headers = "spec.service.headers": "Change of headers.", |_, service| service.headers.is_some();
    CorsPolicy = "spec.service.corsPolicy": "Cross-origin rules.", |_, service| service.cors_policy.is_some();
    TrafficPolicy = "spec.service.trafficPolicy": "Connection settings.", |_, service| service.traffic_policy.is_some();
    Delegation = "spec.service.delegation": "A route that another one delegates to.", |_, service| service.delegation;
    Mirror = "spec.service.mirror": "Permanent copies of requests.", |_, service| !service.mirror.is_empty();
    MeshName = "spec.service.meshName": "Name of the mesh.", |_, service| is_text(&service.mesh_name);
    Backends = "spec.service.backends": "What the workload itself calls.", |_, service| !service.backends.is_empty();
    IngressRef = "spec.ingressRef": "The Ingress that is copied.", |canary, _| canary.spec.ingress_ref.is_some();
    RouteRef = "spec.routeRef": "The route that is copied.", |canary, _| canary.spec.route_ref.is_some();
    UpstreamRef = "spec.upstreamRef": "The upstream whose tuning is copied.", |canary, _| canary.spec.upstream_ref.is_some();
}

fn is_text(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| !text.is_empty())
}

impl Field {
    /// Whether it is about requests, so that it has no effect on connections that are routed as they are.
    pub fn is_http(self) -> bool {
        use Field::{BackendTimeout, CorsPolicy, Headers, Mirror, Retries, Rewrite, Timeout};
        matches!(self, Rewrite | Retries | Timeout | BackendTimeout | Headers | CorsPolicy | Mirror)
    }

    /// Its own name, `hosts`.
    pub fn name(self) -> &'static str {
        let path = self.path();
        path.rsplit_once('.').map_or(path, |(_, name)| name)
    }
}
