//! The dry run of a write to a Canary.

use serde_json::Value;

use super::{tell, words};
use crate::{
    admission::{Lookup, Lookups, Verdict, review::Request, rules},
    api::{Canary, CanaryStatus, Phase},
    rollout::{Act, Settings, Timeline},
    workload,
};

/// Adds to the verdict on a dry run what the write would lead to.
pub(in crate::admission) fn foresee(
    request: &Request,
    mut verdict: Verdict,
    settings: &Settings,
    lookups: &Lookups,
) -> Verdict {
    let canary = request.object.as_ref().filter(|_| request.dry_run && request.kind == "Canary");
    let canary = canary.and_then(|object| rules::read::<Canary>("Canary", object)).map(|read| read.object);
    if let Some(canary) = canary.filter(|_| verdict.is_allowed()) {
        let old = request.old_object.as_ref().and_then(|old| rules::read::<Canary>("Canary", old));
        let status = old.and_then(|old| old.object.status).unwrap_or_default();
        let target = rules::target_reference(&canary, &request.namespace).and_then(|of| lookups.get(&of));
        let plan = plan(&canary, &status, target, settings);
        tell(&mut verdict, plan);
    }
    verdict
}

fn plan(canary: &Canary, status: &CanaryStatus, target: Option<&Lookup>, settings: &Settings) -> Vec<String> {
    let (name, primary) = (canary.target_name(), canary.primary_name());
    if canary.spec.suspend {
        return vec!["nothing happens while spec.suspend is true.".to_owned()];
    }
    let found = match target {
        Some(Lookup::Found(target)) => Some(target),
        Some(Lookup::Missing) => {
            let kind = canary.spec.target_ref.kind;
            return vec![format!("nothing happens until {kind} {name} exists.")];
        }
        _ => None,
    };
    let Some(timeline) = Timeline::of(canary, settings) else { return Vec::new() };
    let count = found.and_then(|target| pods(canary, target));
    let mut plan = vec![if status.last_promoted_spec.is_none() {
        let pods = count.map(|count| format!(", {}", words::pods(count))).unwrap_or_default();
        format!(
            "{primary} is made of what {name} runs{pods}; once it is ready it gets all traffic and {name} rests without pods."
        )
    } else if matches!(status.phase, Phase::Progressing | Phase::WaitingPromotion) {
        format!(
            "the rollout in progress goes on from {} %: {}.",
            status.canary_weight,
            next(&timeline, status)
        )
    } else {
        "no rollout starts by this alone.".to_owned()
    }];
    plan.push(match canary.spec.skip_analysis {
        true => format!("each new revision of {name} is promoted at once, for spec.skipAnalysis is true."),
        false => format!("each new revision of {name} gets {}.", words::run(&timeline)),
    });
    if let Some(count) = count.filter(|_| !canary.spec.skip_analysis) {
        plan.push(format!("a rollout needs {}, beside those of {primary}.", words::pods(count)));
    }
    plan
}

/// What comes next in a run.
fn next(timeline: &Timeline, status: &CanaryStatus) -> String {
    let above = timeline.steps.iter().find_map(|step| match step.what {
        Act::Share(weight) if i32::from(weight) > status.canary_weight => Some(format!("{weight} % is next")),
        Act::Iteration { number, of, .. } | Act::Chosen { number, of } if number > status.step_index => {
            Some(format!("check {number} of {of} is next"))
        }
        _ => None,
    });
    above.unwrap_or_else(|| "promotion is next".to_owned())
}

/// How many pods the user wishes; none for a kind without a count, or one that an autoscaler counts.
fn pods(canary: &Canary, target: &Value) -> Option<i32> {
    let kind = workload::kind::of(canary.spec.target_ref.kind)?;
    kind.replicas(target).filter(|_| canary.spec.autoscaler_ref.is_none())?;
    Some(workload::wished(target).unwrap_or(1))
}
