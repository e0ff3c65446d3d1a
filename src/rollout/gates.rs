//! Where in a run its hooks are asked, and what their answers lead to. Gates wait for ever: a person may be asleep. What they
//! hold back goes on being watched.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use super::{
    AskId, Next, Plan, Reason,
    analyse::{wait_an_interval, weight},
    clock::{later, this_second},
    draft::Draft,
    hooks::{self, Hook, Said},
    scene::Scene,
    text::whole,
    words,
};
use crate::{
    api::{Check, HookAnswer, HookOutcome, Phase, Severity, WebhookType},
    workload::RevisionId,
};

/// How the hooks of one place in a run stand.
pub(super) enum Stand {
    /// All agree, or there are none.
    Open,
    /// One has not answered yet.
    Awaited,
    /// One does not agree: why people are told, and what.
    Against(Reason, String),
}

/// Whether a new revision needs somebody's word to start.
pub(super) fn guard_starts(scene: &Scene<'_>) -> bool {
    !hooks::of(scene.canary, WebhookType::ConfirmRollout).is_empty()
}

/// Whether a new revision may start: every `confirm-rollout` gate is open. Until then the Canary waits.
pub(super) fn may_start(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) -> bool {
    let type_ = WebhookType::ConfirmRollout;
    for hook in hooks::of(scene.canary, type_) {
        match polled(scene, draft, &hook, revision.as_str()) {
            Poll::Said(said) if said.outcome == HookOutcome::Passed => hooks::tell(draft, type_, &said),
            Poll::Said(said) => {
                let enters = draft.status.phase != Phase::Waiting;
                if enters {
                    draft.enter(Phase::Waiting);
                }
                draft.wake_at(later(scene.now, scene.interval()));
                let said = said.or_news(enters).means("The revision does not start.");
                hooks::tell(draft, type_, &said);
                return false;
            }
            Poll::Passed => {}
            Poll::Later => return false,
        }
    }
    true
}

/// The gate that a revision waits for in phase Waiting, and when it is asked again.
pub(super) fn before_start(scene: &Scene<'_>, draft: &Draft<'_>) -> Option<String> {
    let revision = scene.target.as_ref()?.snapshot.revision.as_str();
    let open = |hook: &Hook<'_>| matches!(hook.said(draft, revision), Some((HookOutcome::Passed, _)));
    let hook = hooks::of(scene.canary, WebhookType::ConfirmRollout).into_iter().find(|hook| !open(hook))?;
    let title = hook.title();
    Some(match hook.said(draft, revision) {
        Some((_, time)) => {
            format!("{title} is asked again at {}", later(this_second(time), scene.interval()))
        }
        None => format!("{title} is asked"),
    })
}

/// The gate that did not agree when the last step of the run had passed.
pub(super) fn closed(scene: &Scene<'_>, draft: &Draft<'_>) -> Option<String> {
    let revision = draft.status.last_applied_spec.as_deref()?;
    let types = [WebhookType::ConfirmTrafficIncrease, WebhookType::ConfirmPromotion];
    let hooks = types.into_iter().flat_map(|type_| hooks::of(scene.canary, type_));
    let closed = |hook: &Hook<'_>| {
        hook.said(draft, revision).is_some_and(|(outcome, _)| outcome != HookOutcome::Passed)
    };
    hooks.into_iter().find(closed).map(|hook| hook.title())
}

/// No revision waits any more: the Canary is where its last run left it.
pub(super) fn nothing_waits(draft: &mut Draft<'_>) {
    if draft.status.phase == Phase::Waiting {
        let promoted = draft.status.last_applied_spec == draft.status.last_promoted_spec;
        draft.enter(if promoted { Phase::Succeeded } else { Phase::Failed });
        draft.say("No revision waits any more.");
    }
}

/// A `rollback` hook wants the revision taken back.
pub(super) struct CalledBack {
    /// Which one, and what it said.
    pub(super) why: String,
    /// How loudly people are alerted: somebody wished it so.
    pub(super) alert: Option<Severity>,
}

/// Whether a `rollback` hook wants the revision taken back. Nobody is told of one that does not.
pub(super) fn called_back(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &str) -> Option<CalledBack> {
    let type_ = WebhookType::Rollback;
    for hook in hooks::of(scene.canary, type_) {
        let wished = |by: &str| CalledBack {
            why: whole(format!("A rollback is asked for by {by}")),
            alert: (!hook.is_muted()).then_some(Severity::Warn),
        };
        match polled(scene, draft, &hook, revision) {
            Poll::Said(said) => {
                draft.wake_at(later(scene.now, scene.interval()));
                match said.outcome {
                    HookOutcome::Passed => return Some(wished(&said.sentence)),
                    HookOutcome::Unanswered => hooks::tell(draft, type_, &said),
                    HookOutcome::Refused => {}
                }
            }
            Poll::Passed => return Some(wished(&hook.title())),
            Poll::Later => {}
        }
    }
    None
}

/// The `pre-rollout` hooks: each agrees once, before the canary gets traffic, or more of what it took over.
pub(super) fn before_traffic(
    scene: &Scene<'_>,
    draft: &mut Draft<'_>,
    revision: &str,
    due: Timestamp,
) -> Stand {
    in_order(scene, draft, WebhookType::PreRollout, revision, due)
}

/// The `rollout` hooks: asked at the end of each step, before the metrics.
pub(super) fn in_step(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &str, due: Timestamp) -> Stand {
    in_order(scene, draft, WebhookType::Rollout, revision, due)
}

/// Whether the gates before the next step, or before the promotion, are open. While they are not, the step lasts and is checked.
pub(super) fn may_follow(scene: &Scene<'_>, draft: &mut Draft<'_>, due: Timestamp, next: Next) -> bool {
    let revision = draft.status.last_applied_spec.clone().unwrap_or_default();
    for type_ in gates(scene, draft, next) {
        for hook in hooks::of(scene.canary, type_) {
            let Some(said) = hook.ask(scene, draft, &revision, due) else {
                let passed = words::seen(scene, draft);
                awaited(draft, due, &format!("All checks passed: {passed}; {} is asked", hook.title()));
                return false;
            };
            if said.outcome != HookOutcome::Passed {
                let enters =
                    type_ == WebhookType::ConfirmPromotion && draft.status.phase != Phase::WaitingPromotion;
                if enters {
                    draft.enter(Phase::WaitingPromotion);
                }
                let said = said.or_news(enters).means(&words::keeps(weight(draft)));
                hooks::tell(draft, type_, &said);
                wait_an_interval(scene, draft);
                return false;
            }
            hooks::tell(draft, type_, &said);
        }
    }
    true
}

/// A run has ended in this decision: its `post-rollout` hooks are to be called.
fn ended(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let before = matches!(
        draft.phase_before(),
        Phase::Progressing | Phase::WaitingPromotion | Phase::Promoting | Phase::Finalising
    );
    let phase = draft.status.phase;
    if !before || !matches!(phase, Phase::Succeeded | Phase::Failed) {
        return;
    }
    let revision = draft.status.last_applied_spec.clone().unwrap_or_default();
    for hook in hooks::of(scene.canary, WebhookType::PostRollout) {
        let id = hook.id(&revision, this_second(scene.now)).to_string();
        hooks::note(scene, draft, HookAnswer { id, phase, ..hook.blank() });
    }
}

/// Calls the `post-rollout` hooks of the last run in their order; one that does not agree ends the row, and nothing else.
pub(super) fn post_rollout(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    ended(scene, draft);
    let type_ = WebhookType::PostRollout;
    let mut stopped = false;
    for hook in hooks::of(scene.canary, type_) {
        let open = hook.entry(draft).filter(|entry| entry.outcome.is_none()).cloned();
        let Some((entry, id)) = open.and_then(|entry| Some((entry.clone(), entry.id.parse::<AskId>().ok()?)))
        else {
            continue;
        };
        if stopped {
            draft.status.hooks.retain(|entry| !hook.is(entry));
            continue;
        }
        let Some(reply) = hook.reply(scene, draft, id, entry.phase) else { return };
        let (outcome, words) = (reply.outcome(), reply.in_words());
        let said = hook.say(outcome, &words, None);
        let answer =
            HookAnswer { outcome: Some(outcome), message: Some(words), time: Some(Time(scene.now)), ..entry };
        hooks::note(scene, draft, answer);
        stopped = outcome != HookOutcome::Passed;
        // The end of the run stays the last word.
        draft.tell(reason(outcome), format!("Answered: {}", said.sentence));
    }
}

/// A hook is being asked. That is told where it costs no write.
fn awaited(draft: &mut Draft<'_>, due: Timestamp, told: &str) {
    draft.status.next_step_at = Some(MicroTime(due));
    draft.say_aside(told);
}

/// The hooks before the first step that have not agreed yet, when they are asked and that they may agree, as the beginning of a
/// sentence; none if none is left.
pub(super) fn before_first(scene: &Scene<'_>, draft: &Draft<'_>, due: Timestamp) -> Option<String> {
    let revision = draft.status.last_applied_spec.as_deref()?;
    let open = |hook: &Hook<'_>| !matches!(hook.said(draft, revision), Some((HookOutcome::Passed, _)));
    let next = scene.plan.next(draft.status.step_index, weight(draft));
    let types = std::iter::once(WebhookType::PreRollout).chain(gates(scene, draft, next));
    let mut left = types.flat_map(|type_| hooks::of(scene.canary, type_)).filter(open);
    let first = left.next()?.title();
    Some(match left.count() {
        0 => format!("{first} is asked at {due}; if it agrees"),
        more => format!("{first} and {more} more are asked from {due} on; if they agree"),
    })
}

/// The gate that is being asked because all checks that were due have passed.
pub(super) fn asked(scene: &Scene<'_>, draft: &Draft<'_>) -> Option<String> {
    let (due, next) =
        (draft.status.next_step_at.as_ref()?.0, scene.plan.next(draft.status.step_index, weight(draft)));
    let of_now = |check: &Check| check.id.parse::<AskId>().is_ok_and(|id| id.due == due);
    let checks = &draft.status.checks;
    if checks.is_empty() || !checks.iter().all(|check| of_now(check) && check.passed == Some(true)) {
        return None;
    }
    let revision = draft.status.last_applied_spec.as_deref()?;
    let agreed = |hook: &Hook<'_>| {
        let entry = hook.entry(draft).filter(|entry| entry.id == hook.id(revision, due).to_string());
        entry.is_some_and(|entry| entry.outcome == Some(HookOutcome::Passed))
    };
    let hooks = gates(scene, draft, next).flat_map(|type_| hooks::of(scene.canary, type_));
    hooks.into_iter().find(|hook| !agreed(hook)).map(|hook| hook.title())
}

/// The types of the gates before what comes next.
fn gates(scene: &Scene<'_>, draft: &Draft<'_>, next: Next) -> impl Iterator<Item = WebhookType> + use<> {
    // Steps may have been added while the promotion waits: these are gated as all others.
    let analysed = draft.status.phase == Phase::Progressing || next != Next::Promote;
    let shifts = matches!(scene.plan, Plan::Weights { .. }) && analysed;
    let types = [
        (WebhookType::ConfirmTrafficIncrease, shifts),
        (WebhookType::ConfirmPromotion, next == Next::Promote),
    ];
    types.into_iter().filter_map(|(type_, asked)| asked.then_some(type_))
}

/// Asks the hooks of a type one after the other; the first that does not agree ends the row.
fn in_order(
    scene: &Scene<'_>,
    draft: &mut Draft<'_>,
    type_: WebhookType,
    revision: &str,
    due: Timestamp,
) -> Stand {
    let once = type_ == WebhookType::PreRollout;
    for hook in hooks::of(scene.canary, type_) {
        if once && hook.said(draft, revision).is_some_and(|(outcome, _)| outcome == HookOutcome::Passed) {
            continue;
        }
        let Some(said) = hook.ask(scene, draft, revision, due) else {
            awaited(draft, due, &format!("The canary is ready; {} is asked", hook.title()));
            return Stand::Awaited;
        };
        if said.outcome != HookOutcome::Passed {
            return Stand::Against(reason(said.outcome), said.sentence);
        }
        hooks::tell(draft, type_, &said);
    }
    Stand::Open
}

/// What came of looking at a hook that is asked in its own time.
enum Poll {
    /// It agreed before, in this run.
    Passed,
    /// It is asked right now, or later.
    Later,
    /// It just answered.
    Said(Said),
}

/// Asks a hook at once and then an interval after each answer, until it agrees.
fn polled(scene: &Scene<'_>, draft: &mut Draft<'_>, hook: &Hook<'_>, revision: &str) -> Poll {
    let due = match hook.said(draft, revision) {
        Some((HookOutcome::Passed, _)) => return Poll::Passed,
        Some((_, time)) => later(time, scene.interval()),
        // Something that does not move until it has answered, so that a repetition is known as one.
        None => draft
            .status
            .last_transition_time
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |time| this_second(time.0)),
    };
    if due > scene.now {
        draft.wake_at(due);
        return Poll::Later;
    }
    hook.ask(scene, draft, revision, due).map_or(Poll::Later, Poll::Said)
}

fn reason(outcome: HookOutcome) -> Reason {
    match outcome {
        HookOutcome::Passed => Reason::HookPassed,
        HookOutcome::Refused => Reason::HookFailed,
        HookOutcome::Unanswered => Reason::HookUnanswered,
    }
}
