//! The hooks of a Canary in its status: what each was last asked, and what it said.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nullable;
use super::status::Phase;
use super::webhook::WebhookType;

text_enum! {
    /// How the call of a hook ended.
    pub enum HookOutcome {
        /// It answered with a status of the two hundreds.
        Passed = "Passed",
        /// It answered that it does not agree: a gate is closed, a test failed.
        Refused = "Refused",
        /// It gave no usable answer: it cannot be reached or called, took too long, or is broken (a status of the five hundreds).
        Unanswered = "Unanswered",
    }
}

/// The last call of one hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookAnswer {
    /// Name of the hook as written in the Canary; a further one of the same name and type has its number behind it.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it is called.
    #[serde(rename = "type", default, deserialize_with = "nullable::or_default")]
    pub type_: WebhookType,
    /// Identity of the call as it stood in the payload: revision, attempt and name. Absent once the run that asked is over.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The phase that it was told.
    #[serde(default, deserialize_with = "nullable::or_default")]
    pub phase: Phase,
    /// How the call ended; absent while the answer is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<HookOutcome>,
    /// What it said, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}
