//! A run: raise the share step by step as long as the checks pass.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    Ask, AskId, Next, Plan, Reason,
    draft::{Draft, later},
    promote::begin_promotion,
    rest::stand_by_promoted,
    scene::{Revised, Scene},
};
use crate::{
    analysis::Verdict,
    api::{Check, Phase},
    routing::Weight,
    workload::{Readiness, RevisionId},
};

/// Unanswered questions are asked again after this time, in seconds; they have limits of their own well below it.
const ASK_AGAIN: i64 = 30;

/// Begins a run.
pub(super) fn start(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) {
    draft.enter(Phase::Progressing);
    draft.status.last_applied_spec = Some(revision.to_string());
    set_share(scene, draft, Weight::ZERO);
    // A share that the primary cannot take back is kept, and checked before it may rise.
    draft.status.step_index = i32::from(draft.status.canary_weight > 0);
    draft.status.iterations = 0;
    draft.status.failed_checks = 0;
    draft.status.checks.clear();
    let next =
        if scene.skips_analysis() { "it is promoted without analysis" } else { "its pods are started" };
    draft.event(Reason::RevisionDetected, format!("New revision {revision}: {next}."));
}

/// One look at a run.
pub(super) fn progress(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    match scene.revised(&draft.status) {
        Revised::New(revision) => {
            draft.event(
                Reason::RevisionSuperseded,
                format!("Revision {revision} takes the place of the one under analysis."),
            );
            return start(scene, draft, &revision);
        }
        Revised::Promoted => {
            draft.event(
                Reason::RevisionSuperseded,
                "The target is back at the promoted revision; the run ends.",
            );
            // The weight is taken away as after any run: as soon as the primary can carry it.
            return stand_by_promoted(scene, draft);
        }
        Revised::Same => {}
    }
    let revision = draft.status.last_applied_spec.clone().unwrap_or_default();
    if !scene.is_stored(&revision) {
        return wait(scene, draft, format!("A snapshot of revision {revision} is being kept."));
    }
    if scene.skips_analysis() {
        return begin_promotion(scene, draft, "The analysis is skipped.");
    }
    if scene.plan.is_empty() {
        return draft.block(
            "NoSteps",
            "There is no step to take: set stepWeight, stepWeights or iterations in spec.analysis.",
        );
    }
    match scene.canary_readiness() {
        Readiness::Ready => {}
        Readiness::Waiting(why) => return wait(scene, draft, why),
        Readiness::Failed(why) => return take_back(scene, draft, &why),
    }
    if draft.status.step_index == 0 {
        return follow(scene, draft);
    }
    // The plan may have been edited since: never stay above what it allows now.
    set_share(scene, draft, weight(draft).min(scene.plan.limit()));
    if let Err(why) = scene.routed(weight(draft)) {
        return wait(scene, draft, why);
    }
    draft.status.deadline_at = None;
    match draft.status.next_step_at.as_ref().map(|due| due.0) {
        Some(due) if due <= scene.now => check(scene, draft, &revision, due),
        Some(due) => draft.wake_at(due),
        None => wait_an_interval(scene, draft),
    }
}

/// Waits until the deadline of the wait; a wait starts the interval anew.
fn wait(scene: &Scene<'_>, draft: &mut Draft<'_>, why: String) {
    draft.status.next_step_at = None;
    if draft.overdue(scene.deadline()) {
        take_back(scene, draft, &format!("Not within {} s: {why}", scene.deadline().as_secs()));
    } else {
        draft.say(why);
    }
}

fn wait_an_interval(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let due = later(scene.now, scene.interval());
    draft.status.next_step_at = Some(Time(due));
    draft.wake_at(due);
}

/// Asks, and judges once everything is answered.
fn check(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &str, due: Timestamp) {
    let id = |name: String| AskId { revision: revision.to_owned(), due, name };
    let mut verdicts = Vec::new();
    let mut asked = 0;
    for planned in scene.checks() {
        let (id, metric, verdict) = match planned {
            Err(problem) => {
                let verdict = Verdict::unanswered(&problem.metric, &problem.fault);
                (id(problem.id.to_string()), problem.metric, verdict)
            }
            Ok(check) => {
                let id = id(check.id.to_string());
                match scene.observation.answers.get(&id) {
                    None => {
                        draft.ask(Ask { id, check });
                        asked += 1;
                        continue;
                    }
                    Some(Ok(sample)) => (id, check.metric.clone(), check.judge(*sample)),
                    Some(Err(reason)) => (id, check.metric.clone(), check.unanswered(reason)),
                }
            }
        };
        verdicts.push(Check {
            id: id.to_string(),
            name: metric,
            value: verdict.value,
            passed: Some(verdict.passed()),
            message: Some(verdict.message),
            time: Some(Time(scene.now)),
        });
    }
    if asked > 0 {
        return draft.wake_at(later(scene.now, SignedDuration::from_secs(ASK_AGAIN)));
    }
    let failed: Vec<String> = verdicts
        .iter()
        .filter(|check| check.passed != Some(true))
        .filter_map(|check| check.message.clone())
        .collect();
    draft.status.checks = verdicts;
    if failed.is_empty() {
        return follow(scene, draft);
    }
    draft.status.failed_checks += 1;
    let threshold = scene.analysis().threshold.unwrap_or(1).max(1);
    let sentence =
        format!("Failed check {} of {threshold}: {}", draft.status.failed_checks, failed.join("; "));
    draft.event(Reason::CheckFailed, sentence.clone());
    if draft.status.failed_checks >= threshold {
        return take_back(scene, draft, &sentence);
    }
    wait_an_interval(scene, draft);
}

/// The present step passed: what is next?
fn follow(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    match scene.plan.next(draft.status.step_index, weight(draft)) {
        Next::Promote => begin_promotion(scene, draft, "All checks passed."),
        Next::Step { index, weight } => {
            let first = draft.status.step_index == 0;
            draft.status.step_index = index;
            draft.status.next_step_at = None;
            draft.status.deadline_at = None;
            set_share(scene, draft, weight);
            if let Plan::BlueGreen { iterations, .. } = scene.plan {
                draft.status.iterations = index;
                if first {
                    draft.say("The canary is ready; the first check is due after the interval.");
                } else {
                    draft.event(
                        Reason::IterationPassed,
                        format!("Iteration {} of {iterations} passed.", index - 1),
                    );
                }
                wait_an_interval(scene, draft);
            } else {
                draft.event(Reason::WeightRaised, format!("The canary gets {weight} % of the traffic."));
            }
        }
    }
}

/// Ends the run: the revision is taken back.
pub(super) fn take_back(scene: &Scene<'_>, draft: &mut Draft<'_>, why: &str) {
    draft.enter(Phase::Failed);
    draft.event(Reason::RolledBack, format!("The revision is taken back. {why}"));
    set_share(scene, draft, Weight::ZERO);
}

/// Gives the canary another share; a smaller one only if the primary can carry the difference.
fn set_share(scene: &Scene<'_>, draft: &mut Draft<'_>, share: Weight) {
    let promoted = draft.status.last_promoted_spec.clone();
    if share > weight(draft) || scene.primary_can_carry(promoted.as_deref()) {
        draft.status.canary_weight = share.into();
    }
}

/// The share that the status intends.
pub(super) fn weight(draft: &Draft<'_>) -> Weight {
    Weight::try_from(i64::from(draft.status.canary_weight)).unwrap_or(Weight::ZERO)
}
