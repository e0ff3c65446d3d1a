//! What comes next and when. It follows from what the status keeps and from the spec, never from the present time: so it moves only
//! when something else in the status does, and costs no write of its own.

use jiff::{SignedDuration, Timestamp, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::{Next, analyse::weight, clock::rounded_up, draft::Draft, gates, refs, scene::Scene};
use crate::{
    api::{Canary, CanaryStatus, Phase},
    routing::Weight,
};

/// What comes next where nothing can be read that it would follow from.
pub(super) const UNREADABLE: &str = "it goes on once that is mended";
/// What comes next where something that it would follow from could not be read.
pub(super) const UNREAD: &str = "it goes on once that can be read, which is tried again and again";
/// What comes next for a Canary that is suspended.
pub(super) const SUSPENDED: &str = "it goes on where it was once spec.suspend is false";

/// What comes next for a Canary that is looked at in full.
pub(super) fn next(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    match draft.status.phase {
        Phase::Unset | Phase::Initializing => first_primary(scene, draft),
        Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting => rest(scene, draft),
        Phase::Progressing | Phase::WaitingPromotion => run(scene, draft),
        Phase::Promoting => promotion(scene, draft),
        Phase::Finalising => finalisation(scene, draft),
        Phase::Terminating | Phase::Terminated => leaving(scene.canary, &draft.status),
    }
}

/// What comes next for a Canary that breaks a rule of the gate.
pub(super) fn refused(canary: &Canary, status: &CanaryStatus) -> String {
    const MENDED: &str = "nothing else is done until the Canary keeps the rules";
    match time(&status.deadline_at).filter(|_| status.canary_weight > 0) {
        Some(deadline) => {
            let primary = refs::primary_name(canary);
            format!("{primary} gets all traffic from {deadline} on, if it can carry it; {MENDED}")
        }
        None => MENDED.to_owned(),
    }
}

/// What comes next for a Canary that is being deleted.
pub(super) fn leaving(canary: &Canary, status: &CanaryStatus) -> String {
    let target = refs::target(canary);
    let gone = format!("the Canary goes once {target} serves and everybody is led to it");
    match (time(&status.settle_until), time(&status.deadline_at)) {
        (Some(settled), _) => format!("{gone}, which goes on at {settled}"),
        (None, Some(deadline)) => format!("{gone}; what is awaited has until {deadline}"),
        (None, None) => gone,
    }
}

fn first_primary(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let (target, primary) = (refs::target(scene.canary), refs::primary_name(scene.canary));
    let (settled, deadline) = (time(&draft.status.settle_until), time(&draft.status.deadline_at));
    let deadline = deadline.filter(|_| !draft.is_blocked());
    let goal = match settled {
        _ if draft.status.last_promoted_spec.is_none() => {
            format!("requests are led to {primary} once it is ready, and {target} serves until then")
        }
        Some(settled) => return format!("{target} idles at zero from {settled} on"),
        None => format!("{target} idles at zero {} after the route is in force", in_words(scene.settle())),
    };
    match deadline {
        Some(deadline) => format!("{goal}; the Canary is stalled if that is not so by {deadline}"),
        None => goal,
    }
}

fn rest(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let status = &draft.status;
    let (target, primary) = (refs::target(scene.canary), refs::primary_name(scene.canary));
    let (settled, deadline) = (time(&status.settle_until), time(&status.deadline_at));
    if draft.is_queued() {
        return "it starts when its turn comes: first come, first served, without a deadline".to_owned();
    }
    if status.canary_weight > 0 {
        let goal = format!("{primary} gets all traffic as soon as it can carry it");
        return match (deadline.filter(|_| status.phase == Phase::Failed), scene.pods_awaited_until(draft)) {
            (Some(deadline), _) => format!("{goal}, from {deadline} on with any pod that is ready"),
            (None, Some(until)) => format!("{goal}, from {until} on also with fewer pods than serve now"),
            (None, None) => goal,
        };
    }
    let run = match gates::before_start(scene, draft).filter(|_| status.phase == Phase::Waiting) {
        Some(gate) => format!("{gate}, without a deadline, and if it agrees, the run starts"),
        None if status.phase == Phase::Waiting => "once its pods are gone, the run starts".to_owned(),
        None => "a new revision starts a run".to_owned(),
    };
    match (settled, deadline.filter(|_| !draft.is_blocked())) {
        (Some(settled), _) => format!("{target} idles at zero from {settled} on; {run}"),
        (None, Some(deadline)) => format!(
            "{target} idles at zero once the route is in force, and the Canary is stalled if it is not by {deadline}; {run}"
        ),
        (None, None) => format!("{target} idles at zero once the route is in force; {run}"),
    }
}

fn run(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let status = &draft.status;
    let (due, deadline) = (time(&status.next_step_at), time(&status.deadline_at));
    let goal = goal(scene, draft);
    if scene.skips_analysis() {
        return match deadline {
            Some(deadline) => {
                format!("{goal} once it is stored; it is taken back if it is not by {deadline}")
            }
            None => goal,
        };
    }
    let begins = status.step_index == 0 && weight(draft) == Weight::ZERO;
    match (due, deadline) {
        (Some(due), _) if begins => {
            let hooks = gates::before_first(scene, draft, due);
            let hooks = hooks.unwrap_or_else(|| format!("the canary is looked at at {due}; if it is ready"));
            format!("{hooks}, {goal}")
        }
        (Some(due), deadline) => {
            if let Some(gate) = gates::asked(scene, draft) {
                return format!("{gate} is asked at {due}; if it agrees, {goal}");
            }
            let gate =
                gates::closed(scene, draft).map(|gate| format!(", then {gate} again")).unwrap_or_default();
            let held = deadline
                .map(|deadline| {
                    format!("; the revision is taken back if nothing can be judged by {deadline}")
                })
                .unwrap_or_default();
            format!("the checks at {due}{gate}; if they pass, {goal}{held}")
        }
        (None, Some(deadline)) if begins => {
            format!(
                "{goal} once its pods are ready; the revision is taken back if they are not by {deadline}"
            )
        }
        (None, Some(deadline)) => format!(
            "the checks {} after pods and route are ready, and if they pass, {goal}; the revision is taken back if they are not ready by {deadline}",
            in_words(scene.interval())
        ),
        (None, None) if draft.is_blocked() => UNREADABLE.to_owned(),
        (None, None) => format!("{goal} once its pods are ready"),
    }
}

/// What the run is about to do.
fn goal(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let step = scene.plan.next(draft.status.step_index, weight(draft));
    match step {
        _ if scene.skips_analysis() => format!("{} gets the revision", refs::primary_name(scene.canary)),
        Next::Promote => format!("{} gets the revision", refs::primary_name(scene.canary)),
        Next::Step { index, weight } => match (scene.plan.iterations(), scene.plan.copies(index, weight)) {
            (Some(of), _) if index == 1 && weight == Weight::ZERO => {
                format!("the canary is checked {of} times")
            }
            (Some(_), _) if index == 1 => format!("the canary gets {weight} % of the requests that match"),
            (Some(of), _) => format!("check {index} of {of} follows"),
            (None, Some(copied)) => format!("{copied} % of the requests are copied to the canary"),
            (None, None) => format!("the canary gets {weight} %"),
        },
    }
}

fn promotion(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let status = &draft.status;
    let (settled, deadline) = (time(&status.settle_until), time(&status.deadline_at));
    let primary = refs::primary_name(scene.canary);
    let share = i32::from(weight(draft));
    let switches = scene.plan.switches() && !scene.skips_analysis() && share > 0;
    match (time(&status.next_step_at), deadline) {
        (_, Some(deadline)) if switches && settled.is_none() => format!(
            "{primary} gets the revision {} after all users are led to the canary; it is taken back if they are not by {deadline}",
            in_words(scene.settle())
        ),
        (_, Some(deadline)) => {
            format!("{}; the promotion fails if it is not by {deadline}", ready(&primary, share))
        }
        (Some(due), None) => {
            let step = scene.analysis().and_then(|analysis| analysis.step_weight_promotion).unwrap_or(0);
            let share = (share - step.clamp(0, 100)).max(0);
            format!("{primary} gets {} % of the traffic at {due}", 100 - share)
        }
        (None, None) => match settled.filter(|_| switches) {
            Some(settled) => format!("{primary} gets the revision at {settled}"),
            None => ready(&primary, share),
        },
    }
}

/// What comes once the primary is ready; where the canary has no share, nothing is to be given back.
fn ready(primary: &str, share: i32) -> String {
    match share {
        0 => format!("the revision counts as promoted once {primary} is ready and the target at rest"),
        _ => format!("{primary} gets all traffic once it is ready"),
    }
}

fn finalisation(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let target = refs::target(scene.canary);
    match (time(&draft.status.settle_until), time(&draft.status.deadline_at)) {
        (Some(settled), _) => {
            format!("the revision counts as promoted and {target} goes to zero at {settled}")
        }
        (None, Some(deadline)) => format!(
            "the revision counts as promoted {} after the route is in force, or at {deadline} if it is not",
            in_words(scene.settle())
        ),
        (None, None) => "the revision counts as promoted once the route is in force".to_owned(),
    }
}

/// A time as people read it: the first whole second at which it has come.
fn time(of: &Option<MicroTime>) -> Option<Timestamp> {
    of.as_ref().map(|time| rounded_up(time.0, Unit::Second))
}

fn in_words(duration: SignedDuration) -> String {
    format!("{duration:#}")
}
