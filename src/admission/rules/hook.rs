//! Webhooks of a run that can be called, and yet do not do what their writer thinks.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Duration, Webhook, WebhookType};

pub(super) static SLOW: Rule = Rule {
    id: "SL451",
    severity: Severity::Warning,
    title: "The webhooks of one step can all time out within the interval, or the next step is late",
    manner: Manner::Plain,
    check: Check::Canary(slow),
    cel: &[],
    wrong: "
spec:
  analysis:
    interval: 1m
    webhooks:
      - name: smoke-test
        url: http://tester.shop/
        timeout: 30s
        retries: 2
",
    right: "
spec:
  analysis:
    interval: 2m
    webhooks:
      - name: smoke-test
        url: http://tester.shop/
        timeout: 30s
        retries: 2
",
};

pub(super) static NEVER: Rule = Rule {
    id: "SL452",
    severity: Severity::Warning,
    title: "A webhook is of a type that this run calls: nothing is asked under skipAnalysis, and without steps of weight no share is raised",
    manner: Manner::Plain,
    check: Check::Canary(never),
    cel: &[],
    wrong: "
spec:
  analysis:
    iterations: 5
    stepWeight: null
    maxWeight: null
    webhooks:
      - name: approve
        type: confirm-traffic-increase
        url: http://approver.shop/
",
    right: "
spec:
  analysis:
    iterations: 5
    stepWeight: null
    maxWeight: null
    webhooks:
      - name: approve
        type: confirm-promotion
        url: http://approver.shop/
",
};

pub(super) static MUTE: Rule = Rule {
    id: "SL453",
    severity: Severity::Warning,
    title: "muteAlert is set only where an alert is sent: at the gates (confirm-rollout, confirm-traffic-increase, confirm-promotion) and at rollback",
    manner: Manner::Plain,
    check: Check::Canary(mute),
    cel: &[],
    wrong: "
spec:
  analysis:
    webhooks:
      - name: smoke-test
        type: pre-rollout
        url: http://tester.shop/
        muteAlert: true
",
    right: "
spec:
  analysis:
    webhooks:
      - name: approve
        type: confirm-promotion
        url: http://approver.shop/
        muteAlert: true
",
};

/// What the peer waits for an answer when a hook says nothing.
const TIMEOUT: Duration = Duration::from_seconds(10);

/// Whether a hook is asked in each step of a run.
fn is_of_a_step(hook: &Webhook) -> bool {
    matches!(hook.type_, WebhookType::Rollout | WebhookType::ConfirmTrafficIncrease | WebhookType::Rollback)
}

/// Whether an alert tells of a hook: of a gate that is closed, of a revision that is called back.
fn is_told(hook: &Webhook) -> bool {
    matches!(
        hook.type_,
        WebhookType::ConfirmRollout
            | WebhookType::ConfirmTrafficIncrease
            | WebhookType::ConfirmPromotion
            | WebhookType::Rollback
    )
}

/// The longest that a hook can take: each try its whole time. None for a time that another rule speaks about.
fn longest(hook: &Webhook) -> Option<i64> {
    let timeout = match hook.timeout.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => text.parse().ok()?,
        None => TIMEOUT,
    };
    let tries = i64::from(hook.retries.unwrap_or_default().max(0)).saturating_add(1);
    Some(timeout.nanoseconds().saturating_mul(tries))
}

fn slow(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let written = analysis.interval.as_deref().unwrap_or_default();
    let Ok(interval) = written.parse::<Duration>() else { return };
    let interval = interval.max(super::interval::SHORTEST);
    let hooks = analysis.webhooks.iter().filter(|hook| is_of_a_step(hook));
    let sum = hooks.filter_map(longest).fold(0, i64::saturating_add);
    if sum > interval.nanoseconds() {
        findings.report(
            "spec.analysis.webhooks",
            format!(
                "those of one step may take {} in all, longer than the interval of {interval}",
                Duration::from_nanoseconds(sum)
            ),
            "Lower their timeout or retries, or raise spec.analysis.interval",
        );
    }
}

fn never(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let skips = context.canary.spec.skip_analysis;
    let by_weight = analysis.step_weight.is_some() || !analysis.step_weights.is_empty();
    for (index, hook) in analysis.webhooks.iter().enumerate() {
        let why = match hook.type_ {
            WebhookType::ConfirmRollout | WebhookType::PostRollout | WebhookType::Event => continue,
            _ if skips => "with skipAnalysis nothing is asked between the start of a run and its end",
            WebhookType::ConfirmTrafficIncrease if !by_weight => "a run by iterations raises no share",
            _ => continue,
        };
        findings.report(
            format!("spec.analysis.webhooks[{index}].type"),
            format!("webhook {} ({}) is never called: {why}", hook.name, hook.type_),
            "Use confirm-rollout to hold a revision back, or leave it so",
        );
    }
}

fn mute(context: &Context<'_>, findings: &mut Findings) {
    let hooks = context.analysis().into_iter().flat_map(|analysis| &analysis.webhooks).enumerate();
    for (index, hook) in hooks.filter(|(_, hook)| hook.mute_alert && !is_told(hook)) {
        findings.report(
            format!("spec.analysis.webhooks[{index}].muteAlert"),
            format!("no alert is sent for a webhook of type {}, so that it has no effect", hook.type_),
            "Remove it",
        );
    }
}
