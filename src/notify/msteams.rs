//! Microsoft Teams.

use serde_json::{Value, json};

use crate::{api::Severity, rollout::Alert};

/// The message, a card.
pub(super) fn message(alert: &Alert) -> Value {
    let colour = if alert.severity == Severity::Error { "FF0000" } else { "0076D7" };
    let fact = |(name, value): &(String, String)| json!({"name": name, "value": value});
    json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": colour,
        "summary": alert.canary,
        "sections": [{
            "activityTitle": alert.message,
            "activitySubtitle": alert.canary,
            "facts": alert.fields.iter().map(fact).collect::<Vec<_>>(),
        }],
    })
}
