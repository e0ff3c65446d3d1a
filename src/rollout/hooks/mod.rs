//! The hooks of a Canary: which there are, what each was last asked and what it said. An answer stands in the status in the
//! same write in which it counts, so that no crash asks an answered question again.

mod call;
mod event;
mod heard;
mod host;
mod payload;

pub use call::{Call, Payload, Reply};
pub use event::{event_calls, global_event_call};
pub(super) use heard::hear;
pub use heard::heard;
pub use host::{HookHosts, Reach};
pub(super) use payload::payload;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Answer, Ask, AskId, Question, Reason, clock::later, draft::Draft, scene::Scene, words};
use crate::api::{Canary, HookAnswer, HookOutcome, Severity, Webhook, WebhookType};

/// An unanswered call is asked for again after this time, in seconds: it is lost only with the process that made it.
const ASK_AGAIN: i64 = 30;

/// One hook.
pub(super) struct Hook<'a> {
    /// Its name, with a number where another one of its type has the same.
    name: String,
    webhook: &'a Webhook,
}

/// What a hook said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) outcome: HookOutcome,
    /// Type, name and answer, as the beginning of a sentence.
    pub(super) sentence: String,
    /// What it said last in this run, if it did and that was another thing.
    pub(super) before: Option<HookOutcome>,
    /// Whether it says so for the first time in a row.
    pub(super) news: bool,
    /// Whether nobody is alerted about it.
    pub(super) muted: bool,
}

impl Said {
    /// The same, told also if something else is new.
    pub(super) fn or_news(self, news: bool) -> Said {
        Said { news: self.news || news, ..self }
    }

    /// The same, with what follows from it.
    pub(super) fn means(self, decided: &str) -> Said {
        Said { sentence: words::and(self.sentence, decided), ..self }
    }
}

/// The hooks of a type, in the order in which they are called.
pub(super) fn of(canary: &Canary, type_: WebhookType) -> Vec<Hook<'_>> {
    let written = canary.spec.analysis.iter().flat_map(|analysis| &analysis.webhooks);
    let mut hooks: Vec<Hook<'_>> = Vec::new();
    for webhook in written.filter(|webhook| webhook.type_ == type_) {
        let same = hooks.iter().filter(|hook| hook.webhook.name == webhook.name).count();
        let name = if same == 0 { webhook.name.clone() } else { format!("{}#{}", webhook.name, same + 1) };
        hooks.push(Hook { name, webhook });
    }
    hooks
}

impl Hook<'_> {
    /// The identity of a call.
    pub(super) fn id(&self, revision: &str, due: Timestamp) -> AskId {
        let name = format!("{}/{}", self.webhook.type_, self.name);
        AskId { revision: revision.to_owned(), due, name }
    }

    /// What people call it.
    pub(super) fn title(&self) -> String {
        format!("{} {} {}", self.webhook.type_, call::kind(self.webhook.type_), self.name)
    }

    /// Whether nobody is alerted about it.
    pub(super) fn is_muted(&self) -> bool {
        self.webhook.mute_alert
    }

    /// Its entry in the status.
    pub(super) fn entry<'s>(&self, draft: &'s Draft<'_>) -> Option<&'s HookAnswer> {
        draft.status.hooks.iter().find(|entry| self.is(entry))
    }

    /// What it said last about a revision in the present run.
    pub(super) fn said(&self, draft: &Draft<'_>, revision: &str) -> Option<(HookOutcome, Timestamp)> {
        let entry = self.entry(draft).filter(|entry| concerns(entry, revision))?;
        Some((entry.outcome?, entry.time.as_ref()?.0))
    }

    /// Asks it, unless the answer is there; none while it is awaited.
    pub(super) fn ask(
        &self,
        scene: &Scene<'_>,
        draft: &mut Draft<'_>,
        revision: &str,
        due: Timestamp,
    ) -> Option<Said> {
        let id = self.id(revision, due);
        let before = self.entry(draft).cloned();
        if let Some(entry) = before.as_ref().filter(|entry| entry.id == id.to_string())
            && let Some(outcome) = entry.outcome
        {
            let words = entry.message.clone().unwrap_or_default();
            return Some(self.say(outcome, &words, Some(outcome)));
        }
        let before = before.filter(|entry| concerns(entry, revision)).and_then(|entry| entry.outcome);
        let phase = draft.status.phase;
        let reply = self.reply(scene, draft, id.clone(), phase)?;
        let (outcome, words) = (reply.outcome(), reply.in_words());
        let entry = HookAnswer {
            id: id.to_string(),
            phase,
            outcome: Some(outcome),
            message: Some(words.clone()),
            time: Some(Time(scene.now)),
            ..self.blank()
        };
        note(scene, draft, entry);
        Some(self.say(outcome, &words, before))
    }

    /// What came back; asks for it if nothing did.
    pub(super) fn reply(
        &self,
        scene: &Scene<'_>,
        draft: &mut Draft<'_>,
        id: AskId,
        phase: crate::api::Phase,
    ) -> Option<Reply> {
        if let Some(Answer::Said(reply)) = draft.answer(&scene.observation.answers, &id) {
            return Some(reply);
        }
        let call = Call::of(self.webhook, payload(scene.canary, phase, &id));
        draft.ask(Ask { id, question: Question::Hook(Box::new(call)) });
        draft.wake_at(later(scene.now, SignedDuration::from_secs(ASK_AGAIN)));
        None
    }

    /// An entry without anything asked.
    pub(super) fn blank(&self) -> HookAnswer {
        HookAnswer { name: self.name.clone(), type_: self.webhook.type_, ..HookAnswer::default() }
    }

    /// Whether an entry is this hook's.
    pub(super) fn is(&self, entry: &HookAnswer) -> bool {
        entry.type_ == self.webhook.type_ && entry.name == self.name
    }

    pub(super) fn say(&self, outcome: HookOutcome, words: &str, before: Option<HookOutcome>) -> Said {
        let sentence = format!("{}: {words}", self.title());
        Said { outcome, sentence, before, news: before != Some(outcome), muted: self.is_muted() }
    }
}

/// Puts an entry in the place of the hook's former one; entries of hooks that are no more go.
pub(super) fn note(scene: &Scene<'_>, draft: &mut Draft<'_>, entry: HookAnswer) {
    let known: Vec<Hook<'_>> = WebhookType::ALL.iter().flat_map(|type_| of(scene.canary, *type_)).collect();
    let hooks = &mut draft.status.hooks;
    match hooks.iter_mut().find(|former| former.type_ == entry.type_ && former.name == entry.name) {
        Some(former) => *former = entry,
        None => hooks.push(entry),
    }
    hooks.retain(|entry| known.iter().any(|hook| hook.is(entry)));
}

/// A run begins or ends: agreement stays to be read and counts no more.
pub(super) fn forget(draft: &mut Draft<'_>) {
    let passed = |entry: &&mut HookAnswer| entry.outcome == Some(HookOutcome::Passed);
    draft.status.hooks.iter_mut().filter(passed).for_each(|entry| entry.id.clear());
}

/// Whether an entry is about a revision, in the present run.
fn concerns(entry: &HookAnswer, revision: &str) -> bool {
    entry.id.parse::<AskId>().is_ok_and(|id| id.revision == revision)
}

/// Tells people what a hook said, once in a row.
pub(super) fn tell(draft: &mut Draft<'_>, type_: WebhookType, said: &Said) {
    let asked_often =
        matches!(type_, WebhookType::Rollout | WebhookType::Rollback | WebhookType::ConfirmTrafficIncrease);
    match said.outcome {
        HookOutcome::Passed if said.news && (!asked_often || said.before.is_some()) => {
            draft.event(Reason::HookPassed, format!("Passed: {}", said.sentence));
        }
        HookOutcome::Passed => {}
        HookOutcome::Refused | HookOutcome::Unanswered => {
            let (reason, what) = match said.outcome {
                HookOutcome::Refused => (Reason::GateClosed, "Closed"),
                _ => (Reason::HookUnanswered, "No usable answer"),
            };
            let sentence = format!("{what}: {}", said.sentence);
            if said.news {
                draft.event(reason, sentence);
                draft.alert((!said.muted).then_some(Severity::Warn));
            } else {
                draft.say(sentence);
            }
        }
    }
}
