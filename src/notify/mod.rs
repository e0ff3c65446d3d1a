//! Tells chat rooms about runs: one payload a kind of chat, sent within limits of time, size and number of attempts. Which
//! alert goes where is decided in [`crate::rollout`].

mod gchat;
mod msteams;
mod sender;
mod slack;
#[cfg(test)]
mod tests;

use reqwest::Url;
use serde_json::Value;

use crate::{api::AlertProviderType, rollout::Alert};

pub use sender::{NotifyError, Sender};

/// Channel and name of the sender where none is given; the peer's.
const CHANNEL: &str = "general";
const USERNAME: &str = "flagger";

/// A chat room, with all that is needed to speak there.
#[derive(Clone, PartialEq, Eq)]
pub struct Room {
    /// Kind of chat.
    pub kind: AlertProviderType,
    /// Address of its incoming webhook; a secret.
    pub address: String,
    /// Bearer token; Slack's alone.
    pub token: Option<String>,
    /// Channel; `general` when empty.
    pub channel: String,
    /// Name of the sender; `flagger` when empty.
    pub username: String,
    /// HTTP proxy in between.
    pub proxy: Option<String>,
}

impl std::fmt::Debug for Room {
    /// Without what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room")
            .field("kind", &self.kind)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Room {
    fn channel(&self) -> &str {
        if self.channel.is_empty() { CHANNEL } else { &self.channel }
    }

    fn username(&self) -> &str {
        if self.username.is_empty() { USERNAME } else { &self.username }
    }

    /// Where an alert goes, and what is sent.
    fn message(&self, alert: &Alert) -> Result<(Url, Value), NotifyError> {
        let mut url = Url::parse(&self.address).map_err(|_| NotifyError::Address)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(NotifyError::Address);
        }
        let body = match self.kind {
            AlertProviderType::Slack => slack::message(self, alert, &slack::SLACK),
            AlertProviderType::Rocket => slack::message(self, alert, &slack::ROCKET),
            AlertProviderType::Discord => {
                slack::on_discord(&mut url);
                slack::message(self, alert, &slack::SLACK)
            }
            AlertProviderType::MsTeams => msteams::message(alert),
            AlertProviderType::GoogleChat => gchat::message(alert),
        };
        Ok((url, body))
    }
}
