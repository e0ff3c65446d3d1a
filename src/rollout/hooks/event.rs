//! Events as calls: of the `event` hooks of a Canary, or of the one that the operator set for all others.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Call, Payload, of, payload};
use crate::{
    api::{Canary, CanaryStatus, Webhook, WebhookType},
    rollout::{AskId, Event},
};

/// The calls that tell a Canary's own `event` hooks.
pub fn event_calls(canary: &Canary, status: &CanaryStatus, event: &Event, now: Timestamp) -> Vec<Call> {
    let hooks = of(canary, WebhookType::Event).into_iter();
    hooks.map(|hook| told(canary, status, event, now, &hook.name, hook.webhook)).collect()
}

/// The call that tells the operator's hook: of Canaries without one of their own.
pub fn global_event_call(
    url: &str,
    canary: &Canary,
    status: &CanaryStatus,
    event: &Event,
    now: Timestamp,
) -> Call {
    let webhook = Webhook { url: url.to_owned(), type_: WebhookType::Event, ..Webhook::default() };
    told(canary, status, event, now, "", &webhook)
}

fn told(
    canary: &Canary,
    status: &CanaryStatus,
    event: &Event,
    now: Timestamp,
    name: &str,
    webhook: &Webhook,
) -> Call {
    let revision = status.last_applied_spec.clone().unwrap_or_default();
    let name = format!("{}/{name}", webhook.type_);
    let id = AskId { revision, due: now, name };
    let kind = if event.reason.is_warning() { "Warning" } else { "Normal" };
    let own = [
        ("eventMessage", event.message.clone()),
        ("eventType", kind.to_owned()),
        ("timestamp", now.as_millisecond().to_string()),
    ];
    let call = Call::of(webhook, payload(canary, status.phase, &id));
    let mut metadata: BTreeMap<String, String> = call.payload.metadata.clone();
    metadata.extend(own.map(|(key, value)| (key.to_owned(), value)));
    Call { payload: Payload { metadata, ..call.payload }, ..call }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{api::Phase, rollout::Reason};

    #[test]
    fn an_event_is_told_with_the_phase_that_it_led_to() {
        let canary: Canary = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "analysis": {"webhooks": [
                    {"name": "log", "type": "event", "url": "http://log.shop/", "timeout": "2s", "retries": 1,
                     "metadata": {"team": "fruit", "eventType": "mine"}},
                    {"name": "load", "url": "http://load.shop/"},
                ]},
            },
        }))
        .unwrap();
        let status = CanaryStatus {
            phase: Phase::Failed,
            last_applied_spec: Some("ab12".to_owned()),
            ..CanaryStatus::default()
        };
        let event = Event::new(Reason::RolledBack, "The revision is taken back.");
        let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let calls = event_calls(&canary, &status, &event, now);
        assert_eq!(calls.len(), 1, "hooks of other types hear nothing");
        assert_eq!((calls[0].url.as_str(), calls[0].retries), ("http://log.shop/", 1));
        let expected = json!({
            "name": "shop", "namespace": "store", "phase": "Failed", "checksum": "ab12",
            "id": "ab12/2023-11-14T22:13:20.123Z/event/log",
            "metadata": {
                "eventMessage": "The revision is taken back.", "eventType": "Warning",
                "timestamp": "1700000000123", "team": "fruit",
            },
        });
        assert_eq!(serde_json::to_value(&calls[0].payload).unwrap(), expected);
        let global = global_event_call("https://events.example.com/", &canary, &status, &event, now);
        assert_eq!((global.timeout.as_secs(), global.retries), (10, 0));
    }
}
