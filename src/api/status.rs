//! `status` of a Canary: the peer's fields under their names, and what we need to resume after a crash.
//!
//! Everything is optional on reading, so that a status written by the peer, by an older version or by nobody decodes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::hook_answer::HookAnswer;
use super::{nullable, number};

text_enum! {
    /// Where a Canary stands.
    #[derive(Default)]
    pub enum Phase {
        /// Nothing was observed yet.
        #[default]
        Unset = "",
        /// Primary, Services and routes are being made.
        Initializing = "Initializing",
        /// The primary carries the traffic; nothing was released yet.
        Initialized = "Initialized",
        /// A new revision waits for a `confirm-rollout` gate.
        Waiting = "Waiting",
        /// A new revision is being analysed.
        Progressing = "Progressing",
        /// The analysis is done; a `confirm-promotion` gate is awaited.
        WaitingPromotion = "WaitingPromotion",
        /// The revision is being copied to the primary.
        Promoting = "Promoting",
        /// Traffic is back on the primary; the target is about to be scaled down.
        Finalising = "Finalising",
        /// The last revision was promoted.
        Succeeded = "Succeeded",
        /// The last revision was taken back.
        Failed = "Failed",
        /// The Canary is being deleted and the target restored.
        Terminating = "Terminating",
        /// The target is restored.
        Terminated = "Terminated",
    }
}

impl Phase {
    /// Whether a rollout goes on that takes up pods and attention; one that waits to begin does not count.
    pub fn runs(self) -> bool {
        matches!(self, Phase::Progressing | Phase::Promoting | Phase::Finalising)
    }

    /// Whether it is over, and nothing new has begun.
    pub fn rests(self) -> bool {
        matches!(self, Phase::Initialized | Phase::Succeeded | Phase::Failed)
    }

    fn is_unset(&self) -> bool {
        *self == Self::Unset
    }
}

/// Observed state of a Canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStatus {
    /// Where the Canary stands; empty until it was first seen.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Phase::is_unset")]
    pub phase: Phase,
    /// Failed checks of the current run, cumulative.
    #[serde(default, deserialize_with = "number::or_zero")]
    pub failed_checks: i32,
    /// The canary's intended share of traffic in percent (0 to 100).
    #[serde(default, deserialize_with = "number::or_zero")]
    pub canary_weight: i32,
    /// Whether that share is one of the requests that `spec.analysis.match` chooses, and not of all.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub matched: bool,
    /// Checks passed of a blue/green or A/B run; the peer may have written -1.
    #[serde(default, deserialize_with = "number::or_zero")]
    pub iterations: i32,
    /// Checksums of the target's ConfigMaps and Secrets: `configmap/<name>` or `secret/<name>` to 16 hex digits.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub tracked_configs: BTreeMap<String, String>,
    /// The ConfigMaps and Secrets, and our copies of them, as they were last read, by the same keys: nothing is read again as
    /// long as it has this version.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub config_versions: BTreeMap<String, SeenConfig>,
    /// The revision of the current or last run (a content hash).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_applied_spec: Option<String>,
    /// The revision that the primary runs (a content hash).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_promoted_spec: Option<String>,
    /// When `phase` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// The session cookie of the run, `name=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity_cookie: Option<String>,
    /// The primary's session cookie, `name=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_session_affinity_cookie: Option<String>,
    /// The session cookie of the run before, `name=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_session_affinity_cookie: Option<String>,
    /// At most one of each type: Promoted, Ready, Progressing, Stalled.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// `metadata.generation` of the Canary that this status is about.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Steps of the plan that were applied in this run.
    #[serde(default, deserialize_with = "number::or_zero")]
    pub step_index: i32,
    /// When the next step is due, to the millisecond: by whole seconds, many rollouts would step at the same instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step_at: Option<MicroTime>,
    /// When the phase has to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<MicroTime>,
    /// Nothing is scaled down before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_until: Option<MicroTime>,
    /// The target as it was last judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ObservedTarget>,
    /// What was seen and decided last, and what comes next and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<String>,
    /// What was asked in this step, and the answers.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The last call of each hook.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookAnswer>,
}

/// Identity and generation of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedTarget {
    /// `metadata.uid` of the target.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// `metadata.generation` of the target.
    #[serde(default, deserialize_with = "number::or_zero")]
    pub generation: i64,
    /// Fingerprint of its ConfigMaps and Secrets; absent where none is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configs: Option<String>,
}

/// A ConfigMap or Secret as it was last read; everything is empty for one that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenConfig {
    /// `metadata.uid`.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// `metadata.resourceVersion`.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Checksum of its content, 16 hex digits; absent where it is not tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

text_enum! {
    /// How a check ended.
    pub enum CheckOutcome {
        /// The value is within its bounds.
        Passed = "Passed",
        /// The value is outside its bounds.
        Failed = "Failed",
        /// Inconclusive: there was nothing to measure, such as no traffic.
        NoData = "NoData",
        /// Inconclusive: the question could not be asked, or got no usable answer.
        Unanswered = "Unanswered",
    }
}

/// Bounds of a check, both inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckBounds {
    /// The value must not be less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The value must not be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// One question of a step and, once it came, its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Identity: revision, step, attempt and name.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Name of the metric or hook as written in the Canary.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The measured value, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What was asked, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Where the query comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The bounds within which the value passes, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<CheckBounds>,
    /// How it ended: tells a value outside its bounds from nothing that could be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CheckOutcome>,
    /// Whether it passed; absent while the answer is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// Metric, value, bounds and verdict, or what went wrong, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}
