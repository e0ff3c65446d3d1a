//! The Canary kind: `spec` and the objects that it refers to.

// The lint takes equal parts of two printer columns for a repeated attribute.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::analysis::Analysis;
use super::provider::Provider;
use super::reference::{AutoscalerRef, IngressRef, RouteRef, TargetRef, UpstreamRef};
use super::service::CanaryService;
use super::status::CanaryStatus;
use super::{cel, nullable, number};

/// What a user wishes: which workload is released, how it is reached and how a new revision is judged.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "flagger.app",
    version = "v1beta1",
    kind = "Canary",
    plural = "canaries",
    doc = "A progressive release of one workload.",
    namespaced,
    status = "CanaryStatus",
    category = "all",
    derive = "Default",
    derive = "PartialEq",
    annotation("helm.sh/resource-policy", "keep"),
    label("app.kubernetes.io/part-of", "sluice"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Weight", type_ = "string", json_path = ".status.canaryWeight"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", priority = 1),
    printcolumn(name = "FailedChecks", type_ = "string", json_path = ".status.failedChecks", priority = 1),
    printcolumn(name = "Interval", type_ = "string", json_path = ".spec.analysis.interval", priority = 1),
    printcolumn(name = "Mirror", type_ = "boolean", json_path = ".spec.analysis.mirror", priority = 1),
    printcolumn(
        name = "StepWeight",
        type_ = "string",
        json_path = ".spec.analysis.stepWeight",
        priority = 1
    ),
    printcolumn(
        name = "StepWeights",
        type_ = "string",
        json_path = ".spec.analysis.stepWeights",
        priority = 1
    ),
    printcolumn(name = "MaxWeight", type_ = "string", json_path = ".spec.analysis.maxWeight", priority = 1),
    printcolumn(name = "LastTransitionTime", type_ = "string", json_path = ".status.lastTransitionTime")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::APEX_NAME_IS_IMMUTABLE, cel::INGRESS_IS_NAMED, cel::ROUTE_IS_NAMED, cel::MESH_IS_NAMED, cel::A_B_NEEDS_MATCHING])))]
pub struct CanarySpec {
    /// Routing provider; the controller's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Base URL of the Prometheus that builtin metrics and inline queries ask; the controller's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_server: Option<String>,
    /// The workload that is released.
    pub target_ref: TargetRef,
    /// The autoscaler of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler_ref: Option<AutoscalerRef>,
    /// The Ingress that is copied (providers nginx and skipper).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_ref: Option<IngressRef>,
    /// The route that is copied (provider apisix).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_ref: Option<RouteRef>,
    /// The upstream whose tuning is copied to the generated ones (provider gloo).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_ref: Option<UpstreamRef>,
    /// How the workload is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<CanaryService>,
    /// How a new revision is judged. The schema requires it; an old object without it still decodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub analysis: Option<Analysis>,
    /// Seconds after which a roll-out that does not get ready is taken back; 600 when absent.
    // 0 passes: with the peer it works where pods start faster than an interval; here it counts as absent, and the gate warns.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub progress_deadline_seconds: Option<i32>,
    /// Promote without analysis.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub skip_analysis: bool,
    /// Accepted and without effect: whenever a Canary is deleted, its target gets replicas and traffic back.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub revert_on_deletion: bool,
    /// Do nothing for this Canary.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub suspend: bool,
}

impl Canary {
    /// Name of the workload that is released.
    pub fn target_name(&self) -> &str {
        &self.spec.target_ref.name
    }

    /// Name of the workload that carries the traffic, `<target>-primary`.
    pub fn primary_name(&self) -> String {
        format!("{}-primary", self.target_name())
    }

    /// Name under which users reach the workload: `spec.service.name`, or the target's name.
    pub fn apex_name(&self) -> &str {
        self.spec.apex_name()
    }

    /// Name of the Service in front of the primary, `<apex>-primary`.
    pub fn primary_service_name(&self) -> String {
        format!("{}-primary", self.apex_name())
    }

    /// Name of the Service in front of the target, `<apex>-canary`.
    pub fn canary_service_name(&self) -> String {
        format!("{}-canary", self.apex_name())
    }

    /// Namespace of the Canary and of all that it names; empty for an object that was never stored.
    pub fn namespace_name(&self) -> String {
        self.namespace().unwrap_or_default()
    }
}

impl CanarySpec {
    /// `service.name`, or the target's name when that is absent or empty.
    pub fn apex_name(&self) -> &str {
        let named = self.service.as_ref().and_then(|service| service.name.as_deref());
        named.filter(|name| !name.is_empty()).unwrap_or(&self.target_ref.name)
    }
}
