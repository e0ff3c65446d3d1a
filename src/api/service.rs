//! `spec.service` of a Canary: how the workload is reached.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gateway::{Mirror, ParentReference};
use super::matching::HttpMatch;
use super::request::{CorsPolicy, Headers, Retries, Rewrite};
use super::traffic_policy::TrafficPolicy;
use super::{nullable, number};

/// The Services and the route of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryService {
    /// Name of the apex Service; the target's name when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    #[schemars(extend("pattern" = "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: Option<String>,
    /// Port of the generated Services (1 to 65535).
    #[serde(deserialize_with = "number::whole")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of that port; `http` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    #[schemars(extend("pattern" = "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub port_name: Option<String>,
    /// Port of the container; equal to `port` when absent or 0.
    #[serde(default, deserialize_with = "number::port", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0, "maximum" = 65535))]
    pub target_port: Option<IntOrString>,
    /// Protocol hint of the first port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
    /// Preference of the Services for near endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_distribution: Option<TrafficDistribution>,
    /// Add the containers' other ports.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub port_discovery: bool,
    /// Make Services without a cluster IP.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub headless: bool,
    /// Time for a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Time for one attempt at a backend (Gateway API).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_timeout: Option<String>,
    /// Istio gateways.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// Gateway API parents.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub gateway_refs: Vec<ParentReference>,
    /// Host names of the route.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Make a delegate VirtualService (Istio).
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub delegation: bool,
    /// Connection settings of both versions (Istio).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_policy: Option<TrafficPolicy>,
    /// Requests that are served; all when empty.
    #[serde(
        rename = "match",
        default,
        deserialize_with = "nullable::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 256))]
    pub matches: Vec<HttpMatch>,
    /// Change of path and authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
    /// Further tries of the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// Change of headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    /// Permanent copies of requests (Gateway API); not the mirroring of the analysis.
    // A rule of an HTTPRoute holds 16 filters, and each mirror is one.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub mirror: Vec<Mirror>,
    /// Cross-origin rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors_policy: Option<CorsPolicy>,
    /// Mesh (App Mesh v1beta1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_name: Option<String>,
    /// Backends (App Mesh).
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<String>,
    /// Labels and annotations of the apex Service and of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apex: Option<Metadata>,
    /// Labels and annotations of the primary Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Metadata>,
    /// Labels and annotations of the canary Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Metadata>,
    /// Keys on our Services that others write and that we leave alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmanaged_metadata: Option<UnmanagedMetadata>,
}

text_enum! {
    /// Preference of a Service for near endpoints.
    pub enum TrafficDistribution {
        /// Near ones.
        PreferClose = "PreferClose",
        /// Ones in the same zone.
        PreferSameZone = "PreferSameZone",
        /// Ones on the same node.
        PreferSameNode = "PreferSameNode",
    }
}

/// Labels and annotations of a generated object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Labels.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Keys that others write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmanagedMetadata {
    /// Label keys.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Annotation keys.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
}
