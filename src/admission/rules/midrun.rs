//! Edits that meet a run: what cannot take effect before its end, and what the run does with the rest.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Canary, CanaryStatus, Phase};
use crate::rollout::{Next, Plan};
use crate::routing::{self, Weight};

pub(super) static PROVIDER: Rule = Rule {
    id: "SL111",
    severity: Severity::Error,
    title: "The provider does not change while a run is under way: its route carries the traffic of both versions",
    manner: Manner::Plain,
    check: Check::Canary(provider),
    cel: &[],
    wrong: "
spec:
  provider: gatewayapi:v1
status:
  phase: Progressing
---
spec:
  provider: istio
  service:
    gatewayRefs: []
",
    right: "
spec:
  provider: gatewayapi:v1
status:
  phase: Succeeded
---
spec:
  provider: istio
  service:
    gatewayRefs: []
",
};

pub(super) static STEPS: Rule = Rule {
    id: "SL112",
    severity: Severity::Warning,
    title: "Steps that are edited while a run is under way count from its present weight on: the share never jumps",
    manner: Manner::Plain,
    check: Check::Canary(steps),
    cel: &[],
    wrong: "
spec:
  analysis:
    stepWeight: 10
    maxWeight: 50
status:
  phase: Progressing
  canaryWeight: 20
  stepIndex: 2
---
spec:
  analysis:
    stepWeight: 15
    maxWeight: 60
",
    right: "
spec:
  analysis:
    stepWeight: 10
    maxWeight: 50
status:
  phase: Progressing
  canaryWeight: 20
  stepIndex: 2
---
spec:
  analysis:
    threshold: 3
",
};

/// The Canary as it was, with its status, if one of these phases is under way.
fn during<'a>(context: &Context<'a>, phases: &[Phase]) -> Option<(&'a Canary, &'a CanaryStatus)> {
    let old = context.old?;
    let status = old.status.as_ref().filter(|status| phases.contains(&status.phase))?;
    Some((old, status))
}

fn provider(context: &Context<'_>, findings: &mut Findings) {
    let run = [Phase::Progressing, Phase::WaitingPromotion, Phase::Promoting, Phase::Finalising];
    let Some((old, status)) = during(context, &run) else { return };
    let (was, is) = (old.spec.provider.unwrap_or(context.settings.provider), context.provider());
    if was != is {
        findings.report(
            "spec.provider",
            format!("it cannot change from {was} to {is} while the Canary is {}", status.phase),
            format!("Write {was} until the run has ended; at rest the new route takes over before the old one goes"),
        );
    }
}

fn steps(context: &Context<'_>, findings: &mut Findings) {
    let Some((old, status)) = during(context, &[Phase::Progressing, Phase::WaitingPromotion]) else { return };
    let plan = |canary: &Canary| {
        let capabilities = routing::able(routing::router(context.provider())?, canary);
        canary.spec.analysis.as_ref().map(|analysis| Plan::of(analysis, capabilities))
    };
    let (Some(was), Some(is)) = (plan(old), plan(context.canary)) else { return };
    let Ok(share) = Weight::try_from(i64::from(status.canary_weight)) else { return };
    if was == is || is.is_empty() || context.canary.spec.skip_analysis {
        return;
    }
    let chooses = routing::router(context.provider())
        .is_some_and(|router| !routing::chosen(router, context.canary).is_empty());
    // A share of the requests that were chosen is never one of all.
    let present = if status.matched && !chooses { Weight::ZERO } else { share.min(is.limit()) };
    let stays = match present < share {
        true => format!("the canary falls back from {share} % to {present} %"),
        false => format!("the canary stays at {share} %"),
    };
    let next = match (is.next(status.step_index, present), &is) {
        (Next::Promote, _) => "once its checks pass it is promoted, for no step is left".to_owned(),
        (Next::Step { index, .. }, Plan::BlueGreen { iterations, .. } | Plan::Matched { iterations }) => {
            format!("iteration {index} of {iterations} is next")
        }
        (Next::Step { weight, .. }, _) => format!("{weight} % is next"),
    };
    findings.report(
        "spec.analysis",
        format!("the steps change in the middle of a run: {stays}, and {next}"),
        "Leave it so, or write the former steps until the run has ended",
    );
}
