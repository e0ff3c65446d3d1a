//! The parts of `spec.service` that have the shape of the Gateway API: parents of the route and permanent mirrors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{cel, number};

/// Pattern of an API group; the core group is empty.
const GROUP: &str = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Pattern of a kind.
const KIND: &str = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";
/// Pattern of a namespace.
const NAMESPACE: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Pattern of a listener's name.
const SECTION: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

fn gateway_group() -> String {
    "gateway.networking.k8s.io".to_owned()
}

fn gateway_kind() -> String {
    "Gateway".to_owned()
}

/// A parent of the route, as in the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// Group of the parent.
    #[serde(default = "gateway_group")]
    #[schemars(length(max = 253))]
    #[schemars(extend("pattern" = GROUP))]
    pub group: String,
    /// Kind of the parent.
    #[serde(default = "gateway_kind")]
    #[schemars(length(min = 1, max = 63))]
    #[schemars(extend("pattern" = KIND))]
    pub kind: String,
    /// Namespace of the parent; the Canary's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[schemars(extend("pattern" = NAMESPACE))]
    pub namespace: Option<String>,
    /// Name of the parent.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Listener of the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[schemars(extend("pattern" = SECTION))]
    pub section_name: Option<String>,
    /// Port of the parent (1 to 65535).
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// A permanent copy of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// Where the copies go.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub backend_ref: Option<BackendRef>,
}

fn service_kind() -> String {
    "Service".to_owned()
}

/// A backend of a mirror, as in the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::SERVICE_BACKEND_HAS_A_PORT])))]
pub struct BackendRef {
    /// Group of the backend; empty for a Service.
    #[serde(default)]
    #[schemars(length(max = 253))]
    #[schemars(extend("pattern" = GROUP))]
    pub group: String,
    /// Kind of the backend.
    #[serde(default = "service_kind")]
    #[schemars(length(min = 1, max = 63))]
    #[schemars(extend("pattern" = KIND))]
    pub kind: String,
    /// Name of the backend.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the backend; the Canary's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[schemars(extend("pattern" = NAMESPACE))]
    pub namespace: Option<String>,
    /// Port of the backend (1 to 65535).
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}
