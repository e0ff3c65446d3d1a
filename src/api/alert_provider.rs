//! The AlertProvider kind: a chat room that Canaries tell about their runs.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cel;
use super::condition::Conditions;
use super::metric_template::SecretRef;

/// A chat room: its address stands in the object or in a Secret, not in both.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "flagger.app",
    version = "v1beta1",
    kind = "AlertProvider",
    plural = "alertproviders",
    doc = "A chat room that Canaries tell about their runs.",
    namespaced,
    status = "Conditions",
    category = "all",
    derive = "PartialEq",
    annotation("helm.sh/resource-policy", "keep"),
    label("app.kubernetes.io/part-of", "sluice"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::ONE_ADDRESS])))]
pub struct AlertProviderSpec {
    /// Kind of chat.
    #[serde(rename = "type")]
    pub type_: AlertProviderType,
    /// Channel; `general` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Name of the sender; `flagger` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Address of the incoming webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// HTTP proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Secret with the keys `address` and, optionally, `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

text_enum! {
    /// Kind of chat.
    pub enum AlertProviderType {
        /// Slack.
        Slack = "slack",
        /// Microsoft Teams.
        MsTeams = "msteams",
        /// Discord.
        Discord = "discord",
        /// Rocket.Chat.
        Rocket = "rocket",
        /// Google Chat.
        GoogleChat = "gchat",
    }
}
