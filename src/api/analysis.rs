//! `spec.analysis` of a Canary: the steps of a run and what is asked in each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;
use super::matching::AnalysisMatch;
use super::reference::Reference;
use super::session_affinity::SessionAffinity;
use super::webhook::Webhook;
use super::{cel, nullable, number};

/// How a new revision is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::ONE_WAY_TO_ADVANCE, cel::MAX_WEIGHT_CAN_BE_REACHED])))]
// Required by the schema only: an old object without them still decodes.
#[schemars(extend("required" = ["interval", "threshold"]))]
pub struct Analysis {
    /// Time between two steps; less than 10s counts as 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = duration::PATTERN))]
    pub interval: Option<String>,
    /// Failed checks after which the revision is taken back; 0 and less count as 1.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub threshold: Option<i32>,
    /// Checks of a blue/green or A/B run.
    // 0 passes: with skipAnalysis, or with provider kubernetes (which then makes ten), it works with the peer.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number::for_cel", range(min = 0))]
    pub iterations: Option<i32>,
    /// Largest share of the canary in percent; 0 and less count as 100. Not used beside `stepWeights`.
    // No upper bound here: beside iterations or stepWeights the value is not used (the rule at Analysis has the bound).
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number::for_cel", range(min = -2147483648))]
    pub max_weight: Option<i32>,
    /// Percent by which the canary's share grows with each step.
    // 0 passes for the same reason; more than 100 passes because it is one step to 100. A negative step goes nowhere.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number::for_cel", range(min = 0))]
    pub step_weight: Option<i32>,
    /// The canary's share in percent at each step, rising.
    // A last step above 100 passes, because the peer takes it as 100. A first step of 0 is never left.
    #[serde(default, deserialize_with = "number::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "number::list_for_cel", length(max = 100))]
    #[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::STEPS_RISE])))]
    pub step_weights: Vec<i32>,
    /// Percent by which the primary's share grows back with each step of a promotion; at once when absent or 0.
    // A negative step moves traffic the wrong way; more than 100 is one step.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub step_weight_promotion: Option<i32>,
    /// Copy requests to the canary before it gets real ones.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub mirror: bool,
    /// Percent of requests that are copied; all when absent or 0.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub mirror_weight: Option<i32>,
    /// Percent of the primary's pods that have to be available; 100 when absent.
    // More than 100 percent are never ready; 0 and less are always ready.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub primary_ready_threshold: Option<i32>,
    /// Percent of the target's pods that have to be available; 100 when absent.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub canary_ready_threshold: Option<i32>,
    /// Requests that go to the canary in an A/B run.
    #[serde(
        rename = "match",
        default,
        deserialize_with = "nullable::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 256))]
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
    #[schemars(extend("pattern" = duration::PATTERN))]
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
#[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::BOUNDS_IN_ORDER])))]
pub struct ThresholdRange {
    /// The value must not be less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The value must not be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

text_enum! {
    /// From which severity on an alert is sent.
    #[derive(Default)]
    pub enum Severity {
        /// Everything; also meant by an absent or empty severity.
        #[default]
        Info = "info" | "",
        /// Warnings and errors.
        Warn = "warn",
        /// Errors.
        Error = "error",
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
