//! Google Chat. Its text is a little HTML, so what comes from outside is escaped.

use serde_json::{Value, json};

use crate::rollout::Alert;

/// The message, a card: the text, then a section for each field.
pub(super) fn message(alert: &Alert) -> Value {
    let section = |text: String| json!({"widgets": [{"textParagraph": {"text": text}}]});
    let fields = alert.fields.iter().map(|(name, value)| format!("{}<br>{}", escaped(name), escaped(value)));
    let sections: Vec<Value> = std::iter::once(escaped(&alert.message)).chain(fields).map(section).collect();
    json!({"cards": [{"header": {"title": "Sluice", "subtitle": alert.canary}, "sections": sections}]})
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
