//! `spec.analysis` of a Canary: the steps of a run and what is asked in each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matching::AnalysisMatch;
use super::session_affinity::SessionAffinity;
use super::{nullable, number};

/// How a new revision is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Time between two steps; less than 10s counts as 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub interval: Option<String>,
    /// Failed checks after which the revision is taken back; 0 and less count as 1.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub threshold: Option<i32>,
    /// Checks of a blue/green or A/B run.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub iterations: Option<i32>,
    /// Largest share of the canary in percent; 0 and less count as 100. Not used beside `stepWeights`.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub max_weight: Option<i32>,
    /// Percent by which the canary's share grows with each step.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub step_weight: Option<i32>,
    /// The canary's share in percent at each step, rising.
    #[serde(default, deserialize_with = "number::list", skip_serializing_if = "Vec::is_empty")]
    pub step_weights: Vec<i32>,
    /// Percent by which the primary's share grows back with each step of a promotion; at once when absent or 0.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub step_weight_promotion: Option<i32>,
    /// Copy requests to the canary before it gets real ones.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub mirror: bool,
    /// Percent of requests that are copied; all when absent or 0.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub mirror_weight: Option<i32>,
    /// Percent of the primary's pods that have to be available; 100 when absent.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub primary_ready_threshold: Option<i32>,
    /// Percent of the target's pods that have to be available; 100 when absent.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub canary_ready_threshold: Option<i32>,
    /// Requests that go to the canary in an A/B run.
    #[serde(
        rename = "match",
        default,
        deserialize_with = "nullable::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub matches: Vec<AnalysisMatch>,
    /// What is measured.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Who is told.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// Who is asked or called.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    /// Keep a user on the version that first answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,
}

/// One measurement and its bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Name of the metric; `request-success-rate` and `request-duration` are built in.
    pub name: String,
    /// Window of the query; 1m for builtin metrics and inline queries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Bound of the older form: lower for the success rate, upper for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Bounds, both inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_range: Option<ThresholdRange>,
    /// A query for `metricsServer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The MetricTemplate that holds the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<Reference>,
    /// Values for the template's variables.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub template_variables: BTreeMap<String, String>,
}

/// Bounds of a metric, both inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdRange {
    /// The value must not be less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The value must not be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// A MetricTemplate or AlertProvider, in the Canary's namespace unless another is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; the Canary's when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

text_enum! {
    /// From which severity on an alert is sent.
    pub enum Severity {
        /// Everything; also meant by an absent or empty severity.
        Info = "info" | "",
        /// Warnings and errors.
        Warn = "warn",
        /// Errors.
        Error = "error",
    }
}

impl Default for Severity {
    fn default() -> Self {
        Self::Info
    }
}

/// A channel that is told about the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Name of the alert.
    pub name: String,
    /// Least severity that is sent; info when absent or empty.
    #[serde(
        default,
        deserialize_with = "nullable::or_default",
        skip_serializing_if = "Severity::is_default"
    )]
    pub severity: Severity,
    /// The AlertProvider that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<Reference>,
}

impl Severity {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

text_enum! {
    /// When a webhook is called and what its answer means.
    pub enum WebhookType {
        /// In every step; a failure counts as a failed check. Also meant by an absent or empty type.
        Rollout = "rollout" | "",
        /// Before a run starts: the run waits for it.
        ConfirmRollout = "confirm-rollout",
        /// Before traffic is shifted: a failure counts as a failed check.
        PreRollout = "pre-rollout",
        /// Before the share is raised: the step waits for it.
        ConfirmTrafficIncrease = "confirm-traffic-increase",
        /// Before the promotion: the promotion waits for it.
        ConfirmPromotion = "confirm-promotion",
        /// After the end of a run; the answer is only reported.
        PostRollout = "post-rollout",
        /// In a run: success takes the revision back.
        Rollback = "rollback",
        /// With every event; the answer is only reported.
        Event = "event",
    }
}

impl Default for WebhookType {
    fn default() -> Self {
        Self::Rollout
    }
}

/// An HTTP endpoint that is asked or called during a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Name of the webhook.
    pub name: String,
    /// When it is called; rollout when absent or empty.
    #[serde(rename = "type", default, deserialize_with = "nullable::or_default")]
    pub type_: WebhookType,
    /// Where it is called.
    pub url: String,
    /// Send no alert about this webhook.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub mute_alert: bool,
    /// Time for one call; 10s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Further tries after a failed call.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub retries: Option<i32>,
    /// Accept any certificate.
    #[serde(
        rename = "disableTLS",
        default,
        deserialize_with = "nullable::or_default",
        skip_serializing_if = "nullable::is_false"
    )]
    pub disable_tls: bool,
    /// Sent along.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}
