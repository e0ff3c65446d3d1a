//! Slack, and what speaks like it: Rocket.Chat, and Discord under a path of its own.

use reqwest::Url;
use serde_json::{Value, json};

use super::Room;
use crate::{api::Severity, rollout::Alert};

/// What Discord's address ends in where it takes Slack's messages.
const PATH: &str = "/slack";

/// Colours of the bar beside a message.
pub(super) struct Colours {
    calm: &'static str,
    alarm: &'static str,
}

/// Slack's words, which Discord knows too.
pub(super) const SLACK: Colours = Colours { calm: "good", alarm: "danger" };
/// Rocket.Chat takes colours as such.
pub(super) const ROCKET: Colours = Colours { calm: "#0076D7", alarm: "#FF0000" };

/// The message.
pub(super) fn message(room: &Room, alert: &Alert, colours: &Colours) -> Value {
    let color = if alert.severity == Severity::Error { colours.alarm } else { colours.calm };
    let field = |(title, value): &(String, String)| json!({"title": title, "value": value, "short": false});
    json!({
        "channel": room.channel(),
        "username": room.username(),
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [{
            "color": color,
            "author_name": alert.canary,
            "text": alert.message,
            "mrkdwn_in": ["text"],
            "fields": alert.fields.iter().map(field).collect::<Vec<_>>(),
        }],
    })
}

/// Makes the address of a Discord webhook take Slack's messages.
pub(super) fn on_discord(url: &mut Url) {
    let path = url.path().trim_end_matches('/');
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
}
