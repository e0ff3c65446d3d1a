//! The operator's own chat room, for Canaries that name no AlertProvider; the peer's flags.

use crate::{api::AlertProviderType, controller::Alerting, notify::Room};

/// Where people are told of runs, and how the cluster is called there. Addresses are secrets: give them by the environment.
#[derive(Debug, clap::Args)]
pub(super) struct AlertArgs {
    /// Incoming webhook of Slack, or of what speaks like it.
    #[arg(long, env = "SLACK_URL", hide_env_values = true, default_value = "")]
    slack_url: String,
    /// Bearer token for Slack.
    #[arg(long, env = "SLACK_TOKEN", hide_env_values = true, default_value = "")]
    slack_token: String,
    /// HTTP proxy to Slack.
    #[arg(long, env = "SLACK_PROXY_URL", hide_env_values = true, default_value = "")]
    slack_proxy_url: String,
    /// Name of the sender.
    #[arg(long, default_value = "flagger")]
    slack_user: String,
    /// Channel; general when empty.
    #[arg(long, default_value = "")]
    slack_channel: String,
    /// Incoming webhook of Microsoft Teams; it takes the place of Slack.
    #[arg(long, env = "MSTEAMS_URL", hide_env_values = true, default_value = "")]
    msteams_url: String,
    /// HTTP proxy to Microsoft Teams.
    #[arg(long, env = "MSTEAMS_PROXY_URL", hide_env_values = true, default_value = "")]
    msteams_proxy_url: String,
    /// Name of the cluster, told with every alert.
    #[arg(long, default_value = "")]
    cluster_name: String,
}

impl AlertArgs {
    /// What is meant; Teams goes before Slack, as with the peer.
    pub(super) fn alerting(self) -> Alerting {
        let (kind, address, proxy) = if self.msteams_url.is_empty() {
            (AlertProviderType::Slack, self.slack_url, self.slack_proxy_url)
        } else {
            (AlertProviderType::MsTeams, self.msteams_url, self.msteams_proxy_url)
        };
        let room = Room {
            kind,
            address,
            token: given(self.slack_token),
            channel: self.slack_channel,
            username: self.slack_user,
            proxy: given(proxy),
        };
        Alerting {
            room: Some(room).filter(|room| !room.address.is_empty()),
            cluster: given(self.cluster_name),
        }
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        alerts: AlertArgs,
    }

    fn alerting(words: &[&str]) -> Alerting {
        Line::parse_from(["run"].iter().chain(words)).alerts.alerting()
    }

    #[test]
    fn without_an_address_the_operator_has_no_room() {
        let none = alerting(&["--slack-channel", "releases", "--cluster-name", "eu-1"]);
        assert_eq!((none.room, none.cluster.as_deref()), (None, Some("eu-1")));
    }

    #[test]
    fn teams_goes_before_slack_and_nothing_secret_is_printed() {
        let slack = ["--slack-url", "https://hooks.example.com/hush", "--slack-token", "hush"];
        let room = alerting(&slack).room.unwrap();
        assert_eq!((room.kind, room.username.as_str()), (AlertProviderType::Slack, "flagger"));
        assert!(!format!("{room:?}").contains("hush"));
        let both = [&slack[..], &["--msteams-url", "https://teams.example.com/"]].concat();
        assert_eq!(alerting(&both).room.unwrap().kind, AlertProviderType::MsTeams);
    }
}
