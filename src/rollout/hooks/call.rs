//! One call of a hook as data: what is sent, and what the answer means.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::api::{self, HookOutcome, Phase, Webhook, WebhookType};

/// Time for one attempt where the hook names none that can be meant; the peer's.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for one attempt.
const LONGEST: Duration = Duration::from_secs(3600);
/// Most further attempts.
const MOST_RETRIES: u32 = 10;
/// Most characters of an answer that people are told.
const SAID: usize = 300;

/// One call of a hook, retries included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where, as written in the Canary.
    pub url: String,
    /// Time for one attempt.
    pub timeout: Duration,
    /// Further attempts when nobody usable answers.
    pub retries: u32,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// What is sent, as JSON.
    pub payload: Payload,
}

/// The body of a call; the peer's, and the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// The Canary's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its phase.
    pub phase: Phase,
    /// Names revision and configs that the call is about: the same for all calls about the same.
    pub checksum: String,
    /// Names this call: a repetition, also after a crash, has the same.
    pub id: String,
    /// What the hook's author sends along.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// What came back of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Answered {
        /// Status of the last attempt.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// None; a fragment says why, without the URL, which may hold secrets.
    Silent(String),
}

impl Call {
    /// The call of a hook.
    pub(super) fn of(webhook: &Webhook, payload: Payload) -> Self {
        let written = webhook.timeout.as_deref().and_then(|text| text.parse::<api::Duration>().ok());
        let timeout = written.and_then(|timeout| Duration::try_from(timeout).ok());
        let retries = u32::try_from(webhook.retries.unwrap_or(0)).unwrap_or(0);
        Call {
            url: webhook.url.clone(),
            timeout: timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT).min(LONGEST),
            retries: retries.min(MOST_RETRIES),
            insecure: webhook.disable_tls,
            payload: Payload { metadata: webhook.metadata.clone(), ..payload },
        }
    }
}

impl Reply {
    /// What the answer means. A gate that is closed says so itself; one behind which nobody works does not.
    pub fn outcome(&self) -> HookOutcome {
        match self {
            Reply::Answered { status: 200..=299, .. } => HookOutcome::Passed,
            Reply::Answered { status: 429 | 500.., .. } | Reply::Silent(_) => HookOutcome::Unanswered,
            Reply::Answered { .. } => HookOutcome::Refused,
        }
    }

    /// The answer in words.
    pub fn in_words(&self) -> String {
        match self {
            Reply::Answered { status, body } => match shown(body) {
                body if body.is_empty() => format!("it answered {status}"),
                body => format!("it answered {status}: {body}"),
            },
            Reply::Silent(why) => shown(why),
        }
    }
}

/// A foreign text as one line of bounded length.
fn shown(text: &str) -> String {
    let line = |c: char| if c.is_control() { ' ' } else { c };
    let words: String = text.chars().take(4 * SAID).map(line).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// The name of a hook type, as people read it.
pub(super) fn kind(type_: WebhookType) -> &'static str {
    match type_ {
        WebhookType::ConfirmRollout | WebhookType::ConfirmTrafficIncrease | WebhookType::ConfirmPromotion => {
            "gate"
        }
        _ => "hook",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn call(webhook: Value) -> Call {
        let mut hook = json!({"name": "gate", "url": "http://gate.shop/"});
        json_patch::merge(&mut hook, &webhook);
        let payload = Payload {
            name: "shop".to_owned(),
            namespace: "store".to_owned(),
            phase: Phase::Progressing,
            checksum: "ab12".to_owned(),
            id: "ab12/1970-01-01T00:00:00Z/rollout/gate".to_owned(),
            metadata: BTreeMap::new(),
        };
        Call::of(&serde_json::from_value(hook).unwrap(), payload)
    }

    #[test]
    fn the_payload_is_the_peers_with_the_id_of_the_call() {
        let sent = serde_json::to_value(call(json!({"metadata": {"type": "cmd"}})).payload).unwrap();
        let expected = json!({
            "name": "shop", "namespace": "store", "phase": "Progressing", "checksum": "ab12",
            "id": "ab12/1970-01-01T00:00:00Z/rollout/gate", "metadata": {"type": "cmd"},
        });
        assert_eq!(sent, expected);
        let bare = serde_json::to_value(call(json!({})).payload).unwrap();
        assert_eq!(bare.get("metadata"), None);
    }

    #[rstest]
    #[case::none(json!({}), 10_000, 0)]
    #[case::written(json!({"timeout": "1.5s", "retries": 3}), 1_500, 3)]
    #[case::nothing_at_all(json!({"timeout": "0s"}), 10_000, 0)]
    #[case::too_short_a_text(json!({"timeout": "5"}), 10_000, 0)]
    #[case::no_end(json!({"timeout": "48h", "retries": 1000}), 3_600_000, 10)]
    #[case::negative(json!({"timeout": "-5s", "retries": -1}), 10_000, 0)]
    fn time_and_attempts_have_bounds(#[case] webhook: Value, #[case] millis: u64, #[case] retries: u32) {
        let call = call(webhook);
        assert_eq!((call.timeout, call.retries), (Duration::from_millis(millis), retries));
    }

    #[rstest]
    #[case::ok(200, HookOutcome::Passed)]
    #[case::w_hk_1_no_content(204, HookOutcome::Passed)]
    #[case::another_of_the_two_hundreds(206, HookOutcome::Passed)]
    #[case::moved(302, HookOutcome::Refused)]
    #[case::w_hk_4_a_closed_gate(403, HookOutcome::Refused)]
    #[case::not_found(404, HookOutcome::Refused)]
    #[case::busy(429, HookOutcome::Unanswered)]
    #[case::broken(500, HookOutcome::Unanswered)]
    #[case::w_hk_4_nobody_behind_the_proxy(503, HookOutcome::Unanswered)]
    fn a_status_means(#[case] status: u16, #[case] outcome: HookOutcome) {
        assert_eq!(Reply::Answered { status, body: String::new() }.outcome(), outcome);
    }

    #[test]
    fn what_is_told_of_an_answer_is_one_line_of_bounded_length() {
        let told = |body: &str| Reply::Answered { status: 500, body: body.to_owned() }.in_words();
        assert_eq!(told(""), "it answered 500");
        assert_eq!(told("2 tests\n\tfailed\u{7}\n"), "it answered 500: 2 tests failed");
        assert_eq!(told(&"ä".repeat(9999)).chars().count(), "it answered 500: …".chars().count() + SAID);
        assert_eq!(Reply::Silent("it took\ntoo long".to_owned()).in_words(), "it took too long");
    }
}
