//! Objects that a Canary names: its target, autoscaler, routes, templates and alert providers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{API_VERSION, ObjectRef, nullable, number};

text_enum! {
    /// Kind of workload.
    #[derive(Default)]
    pub enum TargetKind {
        /// `apps/v1` DaemonSet.
        DaemonSet = "DaemonSet",
        /// `apps/v1` Deployment.
        #[default]
        Deployment = "Deployment",
        /// Core Service, or Knative Service when `apiVersion` says so.
        Service = "Service",
    }
}

/// The workload that is released, in the Canary's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Only read to tell Knative (`serving.knative.dev/v1`) from a core Service.
    pub api_version: String,
    /// Kind of workload.
    pub kind: TargetKind,
    /// Name of the workload.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

text_enum! {
    /// Kind of autoscaler.
    pub enum AutoscalerKind {
        /// `autoscaling/v2`.
        HorizontalPodAutoscaler = "HorizontalPodAutoscaler",
        /// `keda.sh/v1alpha1`.
        ScaledObject = "ScaledObject",
    }
}

/// The autoscaler of the target, in the Canary's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerRef {
    /// Not used for the look-up; the kind decides.
    pub api_version: String,
    /// Kind of autoscaler.
    pub kind: AutoscalerKind,
    /// Name of the autoscaler.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Trigger name to query, for the primary's ScaledObject.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub primary_scaler_queries: BTreeMap<String, String>,
    /// Other bounds for the primary's autoscaler than the source has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_scaler_replicas: Option<ReplicaOverride>,
}

/// Bounds of the primary's autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaOverride {
    /// Lower bound, at least 1.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_replicas: Option<i32>,
    /// Upper bound, at least 1.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replicas: Option<i32>,
}

text_enum! {
    /// Kind of `ingressRef`.
    pub enum IngressKind {
        /// `networking.k8s.io/v1` Ingress.
        Ingress = "Ingress",
    }
}

/// The Ingress that nginx and skipper copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressRef {
    /// Not used for the look-up.
    pub api_version: String,
    /// Always Ingress.
    pub kind: IngressKind,
    /// Name of the Ingress.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

text_enum! {
    /// Kind of `routeRef`.
    pub enum RouteKind {
        /// `apisix.apache.org/v2` ApisixRoute.
        ApisixRoute = "ApisixRoute",
    }
}

/// The route that apisix copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteRef {
    /// Not used for the look-up.
    pub api_version: String,
    /// Always ApisixRoute.
    pub kind: RouteKind,
    /// Name of the route.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

text_enum! {
    /// Kind of `upstreamRef`.
    pub enum UpstreamKind {
        /// `gloo.solo.io/v1` Upstream.
        Upstream = "Upstream",
    }
}

/// The Gloo upstream whose tuning is copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamRef {
    /// Not used for the look-up.
    pub api_version: String,
    /// Always Upstream.
    pub kind: UpstreamKind,
    /// Name of the upstream.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A MetricTemplate or AlertProvider, in the Canary's namespace unless another is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the object; the Canary's when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Reference {
    /// The namespace of the object, where `own` is that of the Canary.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(own)
    }

    /// The object, of a kind of ours, where `own` is the namespace of the Canary.
    pub fn object(&self, kind: &str, own: &str) -> ObjectRef {
        ObjectRef::new(API_VERSION, kind, self.namespace_or(own), &self.name)
    }
}
