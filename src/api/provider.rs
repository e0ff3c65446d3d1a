//! Routing providers that a Canary can name.

text_enum! {
    /// The routing provider: which kind of object carries the traffic split.
    pub enum Provider {
        /// Apache APISIX `ApisixRoute`.
        Apisix = "apisix",
        /// AWS App Mesh, `appmesh.k8s.aws/v1beta1`.
        AppMeshV1Beta1 = "appmesh",
        /// AWS App Mesh, `appmesh.k8s.aws/v1beta2`.
        AppMeshV1Beta2 = "appmesh:v1beta2",
        /// Contour `HTTPProxy`.
        Contour = "contour",
        /// Gateway API `HTTPRoute`, `gateway.networking.k8s.io/v1`.
        GatewayApiV1 = "gatewayapi:v1",
        /// Gateway API `HTTPRoute`, `gateway.networking.k8s.io/v1beta1`.
        GatewayApiV1Beta1 = "gatewayapi:v1beta1",
        /// Gloo Edge `RouteTable` and `Upstream`.
        Gloo = "gloo",
        /// Istio `VirtualService` and `DestinationRule`.
        Istio = "istio",
        /// Knative `Service` traffic.
        Knative = "knative",
        /// Plain Services: blue/green by switching the apex Service's selector.
        Kubernetes = "kubernetes",
        /// Kuma `TrafficRoute`.
        Kuma = "kuma",
        /// Linkerd, SMI `TrafficSplit`.
        Linkerd = "linkerd",
        /// NGINX ingress annotations.
        Nginx = "nginx",
        /// Open Service Mesh, SMI `TrafficSplit`.
        Osm = "osm",
        /// Skipper ingress annotations.
        Skipper = "skipper",
        /// SMI `split.smi-spec.io/v1alpha1`.
        SmiV1Alpha1 = "smi:v1alpha1",
        /// SMI `split.smi-spec.io/v1alpha2`.
        SmiV1Alpha2 = "smi:v1alpha2",
        /// SMI `split.smi-spec.io/v1alpha3`.
        SmiV1Alpha3 = "smi:v1alpha3",
        /// Traefik `TraefikService`.
        Traefik = "traefik",
    }
}
