//! Conditions: machine-readable statements about an object, one per type.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nullable;

/// Condition type: the last run's outcome, as the peer writes it.
pub const PROMOTED: &str = "Promoted";
/// Condition type: the Canary is set up and its primary can carry the traffic.
pub const READY: &str = "Ready";
/// Condition type: a run is going on.
pub const PROGRESSING: &str = "Progressing";
/// Condition type: something blocks the Canary; the message names it.
pub const STALLED: &str = "Stalled";

text_enum! {
    /// What a condition states.
    #[derive(Default)]
    pub enum ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not hold.
        False = "False",
        /// It is not known (yet).
        #[default]
        Unknown = "Unknown",
    }
}

/// One condition. Its type is text, so that a condition of somebody else is kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
// Required by the schema only: whatever stands in a status decodes.
#[schemars(extend("required" = ["type", "status", "reason"]))]
pub struct Condition {
    /// Promoted, Ready, Progressing or Stalled.
    #[serde(rename = "type", default, deserialize_with = "nullable::or_default")]
    pub type_: String,
    /// Whether it holds.
    #[serde(default, deserialize_with = "nullable::or_default")]
    pub status: ConditionStatus,
    /// One CamelCase word why; of Promoted it is the phase.
    #[serde(default, deserialize_with = "nullable::or_default")]
    pub reason: String,
    /// One sentence for people.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When anything in this condition last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

/// The status of an object of which nothing but conditions is told (MetricTemplate, AlertProvider).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conditions {
    /// At most one of each type.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
