//! A run: raise the share step by step as long as the checks pass.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use super::{
    Answer, Ask, AskId, Inconclusive, Next, Question, Reason,
    clock::{later, this_second},
    draft::Draft,
    gates::{self, Stand},
    hooks,
    promote::begin_promotion,
    rest::stand_by_promoted,
    scene::{Revised, Scene},
    words,
};
use crate::{
    analysis::{Outcome, Verdict},
    api::{Check, CheckBounds, CheckOutcome, Phase},
    routing::Weight,
    workload::{Readiness, RevisionId},
};

/// Unanswered questions are asked again after this time, in seconds; they have limits of their own well below it.
const ASK_AGAIN: i64 = 30;
/// Most characters of a query that the status keeps.
const QUERY_IN_STATUS: usize = 1000;

/// Begins a run.
pub(super) fn start(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) {
    draft.enter(Phase::Progressing);
    draft.status.last_applied_spec = Some(revision.to_string());
    set_share(scene, draft, Weight::ZERO);
    // A share that the primary cannot take back is kept, and checked before it may rise.
    draft.status.step_index = scene.plan.begun(weight(draft));
    draft.status.iterations = 0;
    draft.status.failed_checks = 0;
    draft.status.checks.clear();
    hooks::forget(draft);
    let next =
        if scene.skips_analysis() { "it is promoted without analysis" } else { "its pods are started" };
    draft.event(Reason::RevisionDetected, format!("New revision {revision}: {next}."));
    // The wait for pods begins with the write that begins the run.
    draft.overdue(scene.deadline());
}

/// One look at a run.
pub(super) fn progress(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    match scene.revised(&draft.status) {
        Revised::New(revision) => return supersede(scene, draft, &revision),
        Revised::Promoted => return return_to_promoted(scene, draft),
        Revised::Same => {}
    }
    let revision = draft.status.last_applied_spec.clone().unwrap_or_default();
    if !scene.is_stored(&revision) {
        return wait(scene, draft, format!("A snapshot of revision {revision} is being kept."));
    }
    if scene.skips_analysis() {
        return begin_promotion(scene, draft, "The analysis is skipped.");
    }
    if let Some(back) = gates::called_back(scene, draft, &revision) {
        take_back(scene, draft, &back.why);
        return draft.alert(back.alert);
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
    // A share below the first step, which the primary could not take back, is checked like that of a step.
    if draft.status.step_index == 0 && weight(draft) == Weight::ZERO {
        return begin(scene, draft, &revision);
    }
    // The plan may have been edited since: never stay above what it allows now.
    set_share(scene, draft, weight(draft).min(scene.plan.limit()));
    if let Err(why) = scene.routed(&draft.status) {
        return wait(scene, draft, why);
    }
    // While nothing can be judged, the deadline of that goes on.
    if !is_held(scene, draft) {
        draft.status.deadline_at = None;
    }
    match draft.status.next_step_at.as_ref().map(|due| due.0) {
        Some(due) if due <= scene.now => check(scene, draft, &revision, due),
        Some(due) => draft.wake_at(due),
        None => {
            draft.say(format!("The route is in force: the canary has {} %", weight(draft)));
            wait_an_interval(scene, draft);
        }
    }
}

/// The canary is ready and has no traffic yet.
fn begin(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &str) {
    draft.status.deadline_at = None;
    let due = draft.status.next_step_at.as_ref().map_or(this_second(scene.now), |due| due.0);
    if due > scene.now {
        return draft.wake_at(due);
    }
    match gates::before_traffic(scene, draft, revision, due) {
        Stand::Open => follow(scene, draft, due),
        Stand::Awaited => {}
        Stand::Against(reason, told) => failed(scene, draft, reason, "Failed check", &told),
    }
}

/// A newer revision takes the place of the present one. What let that one start says nothing of this one: where there is a gate, it
/// waits as it would have without a run before it. So it does while there are pods that read other configs.
pub(super) fn supersede(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &RevisionId) {
    let stale = scene.has_stale_pods(&draft.status) && !scene.skips_analysis();
    if !gates::guard_starts(scene) && !stale {
        draft.event(
            Reason::RevisionSuperseded,
            format!("Revision {revision} takes the place of the one under analysis."),
        );
        return start(scene, draft, revision);
    }
    let awaited = if stale { "until the pods that read older configs are gone" } else { "for approval" };
    draft.event(
        Reason::RevisionSuperseded,
        format!("Revision {revision} ends the analysis of the one before it and waits {awaited}."),
    );
    draft.enter(Phase::Waiting);
    set_share(scene, draft, Weight::ZERO);
    // The former one was not judged: should it come back, it is new.
    draft.status.last_applied_spec = draft.status.last_promoted_spec.clone();
    draft.status.target = None;
}

/// The target asks again for what the primary runs.
pub(super) fn return_to_promoted(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    draft.event(Reason::RevisionSuperseded, "The target is back at the promoted revision; the run ends.");
    // The weight is taken away as after any run: as soon as the primary can carry it.
    stand_by_promoted(scene, draft);
}

/// Waits until the deadline of the wait; a wait starts the interval anew.
fn wait(scene: &Scene<'_>, draft: &mut Draft<'_>, why: String) {
    draft.status.next_step_at = None;
    if draft.overdue(scene.deadline()) {
        take_back(scene, draft, &format!("Not within {} s: {why}", scene.deadline().as_secs()));
    } else {
        draft.awaits(scene.deadline(), why);
    }
}

pub(super) fn wait_an_interval(scene: &Scene<'_>, draft: &mut Draft<'_>) {
    let due = later(scene.now, scene.interval());
    draft.status.next_step_at = Some(MicroTime(due));
    draft.wake_at(due);
}

/// Asks, and judges once everything is answered.
fn check(scene: &Scene<'_>, draft: &mut Draft<'_>, revision: &str, due: Timestamp) {
    // A revision that took over the share of the one before it was never without traffic.
    let stand = match gates::before_traffic(scene, draft, revision, due) {
        Stand::Open => gates::in_step(scene, draft, revision, due),
        stand => stand,
    };
    match stand {
        Stand::Open => {}
        Stand::Awaited => return,
        Stand::Against(reason, told) => return failed(scene, draft, reason, "Failed check", &told),
    }
    let id = |name: String| AskId { revision: revision.to_owned(), due, name };
    let mut checks = Vec::new();
    let mut asked = 0;
    for planned in scene.checks().iter() {
        let ended = match planned {
            Err(problem) => {
                let verdict = Verdict::unanswered(&problem.metric, &problem.fault);
                let id = id(problem.id.to_string()).to_string();
                Check { id, name: problem.metric.clone(), ..ended(verdict) }
            }
            Ok(check) => {
                let id = id(check.id.to_string());
                let verdict = match draft.answer(&scene.observation.answers, &id) {
                    Some(Answer::Measured(Ok(sample))) => check.judge(sample),
                    Some(Answer::Measured(Err(reason))) => check.unanswered(&reason),
                    Some(Answer::Said(_) | Answer::Heard(_)) | None => {
                        draft.ask(Ask { id, question: Question::Metric(Box::new(check.clone())) });
                        asked += 1;
                        continue;
                    }
                };
                let bounds = CheckBounds { min: check.bounds.min, max: check.bounds.max };
                let query = words::shortened(&check.query, QUERY_IN_STATUS);
                let (query, bounds, source) = (Some(query), Some(bounds), Some(check.source.to_string()));
                let (id, name) = (id.to_string(), check.metric.clone());
                Check { id, name, query, source, bounds, ..ended(words::ranged(check, verdict)) }
            }
        };
        // The next question may take a while: what was answered before it is not written again.
        let known = draft.status.checks.iter().find(|known| known.id == ended.id);
        let time = known.and_then(|known| known.time.clone()).unwrap_or(Time(scene.now));
        checks.push(Check { time: Some(time), ..ended });
    }
    if asked > 0 {
        return draft.wake_at(later(scene.now, SignedDuration::from_secs(ASK_AGAIN)));
    }
    draft.status.checks = checks;
    let checks = &draft.status.checks;
    let against = checks.iter().filter(|check| check.passed != Some(true));
    let told: Vec<String> = against.map(words::against).collect();
    if told.is_empty() {
        return follow(scene, draft, due);
    }
    let (told, any_failed) = (told.join("; "), has(checks, CheckOutcome::Failed));
    if is_held(scene, draft) {
        if draft.overdue(scene.deadline()) {
            let limit = scene.deadline().as_secs();
            return take_back(scene, draft, &format!("Nothing could be judged for {limit} s: {told}"));
        }
        let told = format!("The step is held: {told}");
        draft.event_once(Reason::CheckInconclusive, words::and(told, &words::keeps(weight(draft))));
        return wait_an_interval(scene, draft);
    }
    let (reason, kind) = match any_failed {
        true => (Reason::CheckFailed, "Failed check"),
        false => (Reason::CheckInconclusive, "Inconclusive, which counts as failed check"),
    };
    failed(scene, draft, reason, kind, &told);
}

/// Something speaks against the revision: it is taken back when that happens too often.
fn failed(scene: &Scene<'_>, draft: &mut Draft<'_>, reason: Reason, kind: &str, told: &str) {
    draft.status.failed_checks += 1;
    let threshold = scene.analysis().and_then(|analysis| analysis.threshold).unwrap_or(1).max(1);
    let sentence = format!("{kind} {} of {threshold}: {told}", draft.status.failed_checks);
    if draft.status.failed_checks >= threshold {
        draft.event(reason, words::and(sentence.clone(), "With that the revision is taken back."));
        return take_back(scene, draft, &sentence);
    }
    draft.event(reason, words::and(sentence, &words::keeps(weight(draft))));
    wait_an_interval(scene, draft);
}

/// Whether the last checks could not be judged, none of them failed, and the operator wants to wait for better ones.
fn is_held(scene: &Scene<'_>, draft: &Draft<'_>) -> bool {
    let checks = &draft.status.checks;
    let inconclusive = has(checks, CheckOutcome::NoData) || has(checks, CheckOutcome::Unanswered);
    let waits = scene.settings.inconclusive == Inconclusive::Hold;
    waits && inconclusive && !has(checks, CheckOutcome::Failed)
}

fn has(checks: &[Check], outcome: CheckOutcome) -> bool {
    checks.iter().any(|check| check.outcome == Some(outcome))
}

/// A check with its verdict, without what was asked.
fn ended(verdict: Verdict) -> Check {
    Check {
        value: verdict.value,
        passed: Some(verdict.passed()),
        outcome: Some(match verdict.outcome {
            Outcome::Passed => CheckOutcome::Passed,
            Outcome::Failed => CheckOutcome::Failed,
            Outcome::NoData => CheckOutcome::NoData,
            Outcome::Unanswered => CheckOutcome::Unanswered,
        }),
        message: Some(verdict.message),
        ..Check::default()
    }
}

/// The present step passed: what is next?
fn follow(scene: &Scene<'_>, draft: &mut Draft<'_>, due: Timestamp) {
    let next = scene.plan.next(draft.status.step_index, weight(draft));
    if !gates::may_follow(scene, draft, due, next) {
        return;
    }
    match next {
        Next::Promote => {
            let seen = words::seen(scene, draft);
            begin_promotion(scene, draft, &format!("All checks passed: {seen}."));
        }
        Next::Step { index, weight } => {
            let first = draft.status.step_index == 0;
            let (seen, before) = (words::seen(scene, draft), self::weight(draft));
            // Steps may have been added while the promotion waited.
            draft.status.phase = Phase::Progressing;
            draft.status.step_index = index;
            draft.status.next_step_at = None;
            draft.status.deadline_at = None;
            set_share(scene, draft, weight);
            if let Some(iterations) = scene.plan.iterations() {
                draft.status.iterations = index;
                if first && weight > Weight::ZERO {
                    draft.event(
                        Reason::WeightRaised,
                        format!(
                            "The canary gets {weight} % of the requests that match, raised from {before} %: {seen}"
                        ),
                    );
                } else if first {
                    draft.say(format!("The canary is ready for its checks: {seen}"));
                } else {
                    draft.event(
                        Reason::IterationPassed,
                        format!("Iteration {} of {iterations} passed: {seen}", index - 1),
                    );
                }
                wait_an_interval(scene, draft);
            } else if let Some(copied) = scene.plan.copies(index, weight) {
                let sentence = format!(
                    "{copied} % of the requests are copied to the canary, which gets none itself: {seen}"
                );
                draft.event(Reason::RequestsMirrored, sentence);
            } else {
                let of = if scene.chooses() { "requests that match" } else { "traffic" };
                let sentence =
                    format!("The canary gets {weight} % of the {of}, raised from {before} %: {seen}");
                draft.event(Reason::WeightRaised, sentence);
            }
            if scene.plan.iterations().is_none() {
                // The wait for the route begins with the write that asks for it.
                draft.overdue(scene.deadline());
            }
        }
    }
}

/// Ends the run: the revision is taken back.
pub(super) fn take_back(scene: &Scene<'_>, draft: &mut Draft<'_>, why: &str) {
    draft.enter(Phase::Failed);
    // The wait for the primary has an end: what failed must not keep its traffic for ever.
    draft.overdue(scene.deadline());
    let before = weight(draft);
    set_share(scene, draft, Weight::ZERO);
    let told = format!("The revision is taken back. {why}");
    draft.event(Reason::RolledBack, words::and(told, &words::leaves(before, weight(draft))));
    if weight(draft) == Weight::ZERO {
        draft.status.deadline_at = None;
    }
}

/// Gives the canary another share; a smaller one only if the primary can carry the difference.
fn set_share(scene: &Scene<'_>, draft: &mut Draft<'_>, share: Weight) {
    if share > weight(draft) || primary_takes_back(scene, draft) {
        draft.status.canary_weight = share.into();
    }
}

/// Whether the primary takes traffic back now. From a revision that was taken back it takes it sooner, and after the deadline with
/// any pod that is ready. A promotion that failed is another thing: the canary is good, and the primary is what is broken.
pub(super) fn primary_takes_back(scene: &Scene<'_>, draft: &mut Draft<'_>) -> bool {
    let promoted = draft.status.last_promoted_spec.clone();
    if scene.primary_can_carry(promoted.as_deref()) {
        return true;
    }
    let taken_back = draft.status.phase == Phase::Failed && draft.status.deadline_at.is_some();
    taken_back
        && (scene.primary_can_relieve() || draft.overdue(scene.deadline()) && scene.primary_endpoints > 0)
}

/// The share that the status intends.
pub(super) fn weight(draft: &Draft<'_>) -> Weight {
    Weight::try_from(i64::from(draft.status.canary_weight)).unwrap_or(Weight::ZERO)
}
