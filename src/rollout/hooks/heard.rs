//! What `event` hooks answered: nobody waits for it and nothing follows from it, but it stands in the status as for all others.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Call, Reply, of};
use crate::{
    api::{Canary, HookAnswer, WebhookType},
    rollout::{Answer, Answers, AskId, draft::Draft},
};

/// What an `event` hook of a Canary answered to a call, for its next decision.
pub fn heard(call: &Call, reply: &Reply, now: Timestamp) -> Option<(AskId, Answer)> {
    let id: AskId = call.payload.id.parse().ok()?;
    let (type_, name) = id.name.split_once('/')?;
    if type_ != WebhookType::Event.as_str() || name.is_empty() {
        return None;
    }
    let answer = HookAnswer {
        name: name.to_owned(),
        type_: WebhookType::Event,
        id: call.payload.id.clone(),
        phase: call.payload.phase,
        outcome: Some(reply.outcome()),
        message: Some(reply.in_words()),
        time: Some(Time(now)),
    };
    Some((id, Answer::Heard(Box::new(answer))))
}

/// Puts the last answer of each `event` hook into the status, unless it says what stands there: that is no reason for a write, each
/// of which may lead to the next event. Entries of hooks that are no more go.
pub(in super::super) fn hear(canary: &Canary, answers: &Answers, draft: &mut Draft<'_>) {
    let hooks = of(canary, WebhookType::Event);
    let entries = &mut draft.status.hooks;
    entries.retain(|entry| entry.type_ != WebhookType::Event || hooks.iter().any(|hook| hook.is(entry)));
    for hook in &hooks {
        let own = answers.iter().filter_map(|(id, answer)| match answer {
            Answer::Heard(entry) if hook.is(entry) => Some((id.due, entry)),
            _ => None,
        });
        let Some((_, last)) = own.max_by_key(|(due, _)| *due) else { continue };
        match entries.iter_mut().find(|entry| hook.is(entry)) {
            Some(former) if former.outcome == last.outcome && former.message == last.message => {}
            Some(former) => former.clone_from(last),
            None => entries.push(last.as_ref().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::{CanaryStatus, HookOutcome, Phase},
        rollout::{Decision, Event, Observation, Reason, Settings, decide, event_calls, global_event_call},
    };

    fn canary(hooks: &[Value], status: &CanaryStatus) -> Canary {
        // Suspended: nothing else is decided.
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {
                "suspend": true,
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "analysis": {"webhooks": hooks},
            },
            "status": status,
        }))
        .unwrap()
    }

    fn hook(name: &str) -> Value {
        json!({"name": name, "type": "event", "url": "http://log.shop/"})
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What the hooks answered to an event of that second.
    fn answers(canary: &Canary, second: i64, status: u16) -> Answers {
        let event = Event::new(Reason::WeightRaised, "20 %.");
        let told = CanaryStatus {
            phase: Phase::Progressing,
            last_applied_spec: Some("ab12".to_owned()),
            ..CanaryStatus::default()
        };
        let calls = event_calls(canary, &told, &event, at(second));
        let reply = Reply::Answered { status, body: "noted".to_owned() };
        calls.iter().map(|call| heard(call, &reply, at(second + 1)).unwrap()).collect()
    }

    fn decided(canary: Canary, answers: Answers) -> Decision {
        let observation = Observation {
            canary: Arc::new(canary),
            live: Default::default(),
            configs: Default::default(),
            answers,
            problems: Vec::new(),
            unread: None,
            full: None,
            writes: Default::default(),
            sketches: Default::default(),
        };
        decide(&observation, &Settings::default(), at(100))
    }

    #[test]
    fn the_last_answer_of_an_event_hook_stands_in_the_status() {
        let canary = canary(&[hook("log"), hook("log")], &CanaryStatus::default());
        let mut known = answers(&canary, 10, 500);
        known.extend(answers(&canary, 20, 200));
        let decision = decided(canary, known);
        let names: Vec<&str> = decision.status.hooks.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["log", "log#2"]);
        let expected = HookAnswer {
            name: "log".to_owned(),
            type_: WebhookType::Event,
            id: "ab12/1970-01-01T00:00:20Z/event/log".to_owned(),
            phase: Phase::Progressing,
            outcome: Some(HookOutcome::Passed),
            message: Some("it answered 200: noted".to_owned()),
            time: Some(Time(at(21))),
        };
        assert_eq!(decision.status.hooks[0], expected);
        assert!(decision.events.is_empty(), "an answer is no event");
        assert!(decision.known.is_empty(), "and is kept nowhere else");
    }

    #[test]
    fn an_answer_as_before_is_no_reason_for_a_write() {
        let canary_with = |status: &CanaryStatus| canary(&[hook("log")], status);
        let first = canary_with(&CanaryStatus::default());
        let status = decided(first.clone(), answers(&first, 10, 200)).status;
        let same = decided(canary_with(&status), answers(&first, 20, 200));
        assert_eq!(same.status, status);
        let other = decided(canary_with(&status), answers(&first, 30, 503)).status;
        assert_eq!(other.hooks[0].outcome, Some(HookOutcome::Unanswered));
        assert_eq!(other.hooks[0].time, Some(Time(at(31))));
    }

    #[test]
    fn the_answer_of_a_hook_that_is_no_more_goes() {
        let first = canary(&[hook("log"), hook("audit")], &CanaryStatus::default());
        let known = answers(&first, 10, 200);
        let status = decided(first, known.clone()).status;
        assert_eq!(status.hooks.len(), 2);
        let left = decided(canary(&[hook("audit")], &status), known).status.hooks;
        assert_eq!(left.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["audit"]);
    }

    #[test]
    fn the_operators_hook_has_no_entry() {
        let canary = canary(&[], &CanaryStatus::default());
        let event = Event::new(Reason::WeightRaised, "20 %.");
        let call = global_event_call("http://events/", &canary, &CanaryStatus::default(), &event, at(1));
        assert_eq!(heard(&call, &Reply::Silent("no".to_owned()), at(2)), None);
    }
}
