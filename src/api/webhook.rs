//! `spec.analysis.webhooks`: HTTP endpoints that are asked or called during a run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration, nullable, number};

text_enum! {
    /// When a webhook is called and what its answer means.
    #[derive(Default)]
    pub enum WebhookType {
        /// In every step; a failure counts as a failed check. Also meant by an absent or empty type.
        #[default]
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

/// An HTTP endpoint that is asked or called during a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Name of the webhook.
    pub name: String,
    /// When it is called; rollout when absent or empty.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "nullable::or_default",
        skip_serializing_if = "WebhookType::is_default"
    )]
    pub type_: WebhookType,
    /// Where it is called.
    // Everything else is an error at each call, and a confirm gate would wait for ever.
    #[schemars(extend("pattern" = "^[hH][tT][tT][pP][sS]?://."))]
    pub url: String,
    /// Send no alert about this webhook.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub mute_alert: bool,
    /// Time for one call; 10s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = duration::PATTERN))]
    pub timeout: Option<String>,
    /// Further tries after a failed call.
    #[serde(default, deserialize_with = "number::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
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

impl WebhookType {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
