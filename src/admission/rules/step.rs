//! Steps that lead nowhere, and those that are coerced.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Analysis, cel};
use crate::routing;

pub(super) static NO_THRESHOLD: Rule = Rule {
    id: "SL402",
    severity: Severity::Warning,
    title: "spec.analysis.threshold is at least 1; less counts as 1",
    manner: Manner::Plain,
    check: Check::Canary(threshold),
    cel: &[],
    wrong: "
spec:
  analysis:
    threshold: 0
",
    right: "
spec:
  analysis:
    threshold: 1
",
};

pub(super) static ONE_WAY: Rule = Rule {
    id: "SL403",
    severity: Severity::Error,
    title: "A run advances in one way: stepWeight, stepWeights or iterations",
    manner: Manner::Plain,
    check: Check::Canary(one_way),
    cel: &[cel::ONE_WAY_TO_ADVANCE],
    wrong: "
spec:
  analysis:
    stepWeight: 10
    iterations: 5
",
    right: "
spec:
  analysis:
    stepWeight: 10
",
};

pub(super) static STEPS: Rule = Rule {
    id: "SL404",
    severity: Severity::Error,
    title: "Steps rise: stepWeight is at least 1, and each of stepWeights is greater than the one before",
    manner: Manner::Plain,
    check: Check::Canary(steps),
    cel: &[cel::STEPS_RISE],
    wrong: "
spec:
  analysis:
    stepWeight: null
    maxWeight: null
    stepWeights: [10, 10, 50]
",
    right: "
spec:
  analysis:
    stepWeight: null
    maxWeight: null
    stepWeights: [10, 20, 50]
",
};

pub(super) static MAX_WEIGHT: Rule = Rule {
    id: "SL405",
    severity: Severity::Error,
    title: "spec.analysis.maxWeight is a share: at most 100",
    manner: Manner::Plain,
    check: Check::Canary(max_weight),
    cel: &[cel::MAX_WEIGHT_CAN_BE_REACHED],
    wrong: "
spec:
  analysis:
    maxWeight: 150
",
    right: "
spec:
  analysis:
    maxWeight: 50
",
};

pub(super) static ITERATIONS: Rule = Rule {
    id: "SL406",
    severity: Severity::Error,
    title: "A run checks at least once: spec.analysis.iterations is at least 1",
    manner: Manner::Plain,
    check: Check::Canary(iterations),
    cel: &[],
    wrong: "
spec:
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 0
",
    right: "
spec:
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 5
",
};

pub(super) static COERCED: Rule = Rule {
    id: "SL407",
    severity: Severity::Warning,
    title: "A provider without weights (kubernetes) runs blue/green: steps of weight become 10 iterations",
    manner: Manner::Plain,
    check: Check::Canary(coerced),
    cel: &[],
    wrong: "
spec:
  provider: kubernetes
  service:
    gatewayRefs: []
  analysis:
    stepWeight: 10
",
    right: "
spec:
  provider: kubernetes
  service:
    gatewayRefs: []
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 10
",
};

pub(super) static CAPPED: Rule = Rule {
    id: "SL408",
    severity: Severity::Warning,
    title: "A step is at most maxWeight and 100 %; one above it counts as that",
    manner: Manner::Plain,
    check: Check::Canary(capped),
    cel: &[],
    wrong: "
spec:
  analysis:
    stepWeight: 150
    maxWeight: 100
",
    right: "
spec:
  analysis:
    stepWeight: 50
    maxWeight: 100
",
};

fn threshold(context: &Context<'_>, findings: &mut Findings) {
    if let Some(threshold) = context.analysis().and_then(|a| a.threshold).filter(|threshold| *threshold < 1) {
        findings.report("spec.analysis.threshold", format!("{threshold} counts as 1"), "Write 1 or more");
    }
}

/// Whether the provider can split traffic by weight; one that nobody serves yet is given the benefit of the doubt.
fn splits(context: &Context<'_>) -> bool {
    routing::router(context.provider()).is_none_or(|router| router.capabilities().weights)
}

/// The analysis, if it is one of weights on a provider that has them; with `skipAnalysis` no step is taken.
fn weighing<'a>(context: &'a Context<'_>) -> Option<&'a Analysis> {
    let weighs = splits(context) && !context.canary.spec.skip_analysis;
    context.analysis().filter(|analysis| weighs && analysis.iterations.is_none_or(|count| count <= 0))
}

fn one_way(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let ways = [
        ("iterations", analysis.iterations.is_some()),
        ("stepWeight", analysis.step_weight.is_some()),
        ("stepWeights", !analysis.step_weights.is_empty()),
    ];
    let set: Vec<&str> = ways.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    let message = match set.as_slice() {
        [_] => return,
        [] => "there is no step, so a run would never end".to_owned(),
        set => format!("{} exclude each other", set.join(" and ")),
    };
    let fix = "Set exactly one of stepWeight and stepWeights (shares of traffic) and iterations (blue/green)";
    findings.report("spec.analysis", message, fix);
}

fn steps(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = weighing(context) else { return };
    if let Some(step) = analysis.step_weight.filter(|step| *step < 1) {
        let message = format!("with steps of {step} % the canary never gets traffic and the run never ends");
        findings.report("spec.analysis.stepWeight", message, "Write at least 1");
    }
    let mut before = 0;
    for (index, step) in analysis.step_weights.iter().enumerate() {
        if *step <= before {
            let message = match index {
                0 => format!("a first step of {step} % gives the canary no traffic"),
                _ => format!("{step} does not rise above {before}, so the run would stay there for ever"),
            };
            let path = format!("spec.analysis.stepWeights[{index}]");
            findings.report(path, message, "Write shares that rise from step to step, such as [5, 20, 50]");
        }
        before = before.max(*step);
    }
}

fn capped(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = weighing(context) else { return };
    if let Some(step) = analysis.step_weight.filter(|step| *step > 100) {
        let message = format!("a step of {step} % takes all traffic to the canary at once");
        findings.report("spec.analysis.stepWeight", message, "Write 1 to 100");
    } else if let (Some(step), Some(most)) = (analysis.step_weight, analysis.max_weight)
        && most > 0
        && step > most
    {
        let message = format!("{step} is more than maxWeight {most}, so that {most} % is the only step");
        findings.report("spec.analysis.stepWeight", message, format!("Write at most {most}"));
    }
    if let Some(step) = analysis.step_weights.iter().find(|step| **step > 100) {
        findings.report("spec.analysis.stepWeights", format!("{step} counts as 100"), "Write at most 100");
    }
}

fn max_weight(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis().filter(|analysis| analysis.step_weight.is_some()) else { return };
    if let Some(most) = analysis.max_weight.filter(|most| *most > 100) {
        let message = format!("{most} % is more than all traffic, so the run would never be promoted");
        findings.report("spec.analysis.maxWeight", message, "Write at most 100");
    }
}

fn iterations(context: &Context<'_>, findings: &mut Findings) {
    let iterations = weighing(context).and_then(|analysis| analysis.iterations);
    if let Some(count) = iterations {
        let message = format!("{count} iterations check nothing, so the run never ends");
        findings.report("spec.analysis.iterations", message, "Write 1 or more, or steps of weight");
    }
}

fn coerced(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    if splits(context) || analysis.iterations.is_some_and(|count| count != 0) {
        return;
    }
    let field = if analysis.step_weight.is_some() {
        "stepWeight"
    } else if !analysis.step_weights.is_empty() {
        "stepWeights"
    } else {
        "iterations"
    };
    findings.report(
        format!("spec.analysis.{field}"),
        format!(
            "provider {} cannot split traffic: the run is blue/green with 10 iterations",
            context.provider()
        ),
        "Set spec.analysis.iterations instead, or a provider with weights such as gatewayapi:v1",
    );
}
