//! Strategies that a provider cannot follow, whoever writes its router. What never ends, or sends other users to the canary than
//! is written, is refused; what the peer leaves out without harm is left out and warned of.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Analysis, AnalysisMatch, Provider, cel};
use crate::routing::{self, Ability, Criterion};

pub(super) static NO_MATCHING: Rule = Rule {
    id: "SL312",
    severity: Severity::Error,
    title: "An A/B run (match with iterations) is of a provider that tells requests apart; nginx does so instead of weights",
    manner: Manner::Plain,
    check: Check::Canary(no_matching),
    cel: &[cel::A_B_NEEDS_MATCHING],
    wrong: "
spec:
  provider: traefik
  service:
    gatewayRefs: []
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 5
    match:
      - headers:
          x-canary:
            exact: insider
",
    right: "
spec:
  provider: traefik
  service:
    gatewayRefs: []
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 5
",
};

pub(super) static UNKNOWN_CRITERION: Rule = Rule {
    id: "SL313",
    severity: Severity::Error,
    title: "The provider tells requests apart by all that spec.analysis.match asks for",
    manner: Manner::Plain,
    check: Check::Canary(unknown_criterion),
    cel: &[],
    wrong: "
spec:
  provider: gatewayapi:v1
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 5
    match:
      - headers:
          x-canary:
            prefix: inside
",
    right: "
spec:
  provider: gatewayapi:v1
  analysis:
    stepWeight: null
    maxWeight: null
    iterations: 5
    match:
      - headers:
          x-canary:
            regex: ^inside.*
",
};

pub(super) static NO_MIRROR: Rule = Rule {
    id: "SL314",
    severity: Severity::Error,
    title: "Steps that begin with copies of requests (spec.analysis.mirror) are of a provider with which requests are copied",
    manner: Manner::Plain,
    check: Check::Canary(no_mirror),
    cel: &[],
    wrong: "
spec:
  provider: contour
  service:
    gatewayRefs: []
  analysis:
    mirror: true
",
    right: "
spec:
  provider: contour
  service:
    gatewayRefs: []
",
};

pub(super) static NO_EFFECT: Rule = Rule {
    id: "SL315",
    severity: Severity::Warning,
    title: "The strategy has a use for what spec.analysis sets; the rest has no effect",
    manner: Manner::Plain,
    check: Check::Canary(no_effect),
    cel: &[],
    wrong: "
spec:
  provider: contour
  service:
    gatewayRefs: []
  analysis:
    sessionAffinity:
      cookieName: app
",
    right: "
spec:
  provider: contour
  service:
    gatewayRefs: []
",
};

/// What the Canary's provider can do for it.
fn ability(context: &Context<'_>) -> Ability {
    routing::ability(context.provider(), routing::is_tcp(context.canary))
}

/// Whether a run checks a number of times rather than at steps of weight.
fn iterates(context: &Context<'_>, analysis: &Analysis) -> bool {
    context.provider() == Provider::Kubernetes || analysis.iterations.is_some_and(|count| count > 0)
}

/// With the peer each of these takes all users to the canary at once.
fn no_matching(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis().filter(|analysis| !analysis.matches.is_empty()) else { return };
    let provider = context.provider();
    let (path, iterates) = ("spec.analysis.match", iterates(context, analysis));
    if provider == Provider::Nginx && !iterates {
        findings.report(
            path,
            "an Ingress of nginx goes by conditions or by weight, so that those who match would get the canary at once",
            "Set iterations instead of steps of weight, or remove match",
        );
    } else if provider != Provider::Kubernetes && iterates && ability(context).matching.is_empty() {
        let whose = match routing::is_tcp(context.canary) {
            true => "connections that are routed as they are (appProtocol tcp)".to_owned(),
            false => format!("provider {provider}"),
        };
        findings.report(
            path,
            format!(
                "{whose} cannot tell requests apart, so that either all users would get the canary or nobody"
            ),
            "Remove match for blue/green, or use a provider with A/B such as istio",
        );
    }
}

/// The conditions of an entry: the place of each in it and what it is.
fn criteria(wanted: &AnalysisMatch) -> impl Iterator<Item = (String, Criterion)> + '_ {
    let headers = wanted.headers.iter().map(|(name, value)| {
        let by = match value {
            value if value.regex.is_some() => Criterion::HeaderRegex,
            value if value.prefix.is_some() => Criterion::HeaderPrefix,
            value if value.suffix.is_some() => Criterion::HeaderSuffix,
            _ => Criterion::HeaderExact,
        };
        (format!("headers[{name:?}]"), by)
    });
    let parameters =
        wanted.query_params.keys().map(|name| (format!("queryParams[{name:?}]"), Criterion::QueryParameter));
    let labels =
        (!wanted.source_labels.is_empty()).then(|| ("sourceLabels".to_owned(), Criterion::SourceLabels));
    headers.chain(parameters).chain(labels)
}

/// A condition that is left out lets other users pass than is written, so that this is no matter of a warning.
fn unknown_criterion(context: &Context<'_>, findings: &mut Findings) {
    let (Some(analysis), known) = (context.analysis(), ability(context).matching) else { return };
    if known.is_empty() {
        return;
    }
    let provider = context.provider();
    for (index, wanted) in analysis.matches.iter().enumerate() {
        let at = format!("spec.analysis.match[{index}]");
        for (place, by) in criteria(wanted).filter(|(_, by)| !known.contains(by)) {
            let names: Vec<&str> = known.iter().map(|by| by.name()).collect();
            findings.report(
                format!("{at}.{place}"),
                format!("provider {provider} does not tell requests apart by {}", by.name()),
                format!("Use {}; what begins with v1 is the regex ^v1.*", names.join(", ")),
            );
        }
        if criteria(wanted).next().is_none() {
            findings.report(
                at,
                "it has no condition, so that every user would get the canary",
                "Name headers, or remove it",
            );
        }
    }
    let conditions: usize = analysis.matches.iter().map(|wanted| wanted.headers.len()).sum();
    if provider == Provider::Nginx && conditions > 1 {
        findings.report(
            "spec.analysis.match",
            format!("an Ingress of nginx has one condition, and here are {conditions}"),
            "Keep the one header or cookie that tells the users of the canary",
        );
    }
}

fn no_mirror(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    if analysis.mirror && !iterates(context, analysis) && !ability(context).mirror {
        findings.report(
            "spec.analysis.mirror",
            format!(
                "with provider {} no requests are copied, so that the run would not get past them",
                context.provider()
            ),
            "Remove mirror, or use provider istio",
        );
    }
}

/// What the peer leaves out as well.
fn no_effect(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let (can, provider, iterates) = (ability(context), context.provider(), iterates(context, analysis));
    let mut warn = |useless: bool, field: &str, why: String| {
        if useless {
            findings.report(
                format!("spec.analysis.{field}"),
                format!("{why}, so that it has no effect"),
                "Remove it",
            );
        }
    };
    let without = |what: &str| format!("with provider {provider} {what}");
    let matches = !analysis.matches.is_empty() && can.matching.is_empty();
    warn(
        matches && (!iterates || provider == Provider::Kubernetes),
        "match",
        without("requests are not told apart"),
    );
    warn(analysis.mirror && iterates && !can.mirror, "mirror", without("no requests are copied"));
    warn(
        analysis.session_affinity.is_some() && !can.affinity,
        "sessionAffinity",
        without("users are not kept on a version"),
    );
    warn(
        analysis.session_affinity.is_some() && can.affinity && (iterates || !analysis.matches.is_empty()),
        "sessionAffinity",
        "users are kept on a version while weights rise for all, not with iterations or match".to_owned(),
    );
    warn(
        analysis.mirror_weight.is_some_and(|weight| weight > 0) && !analysis.mirror,
        "mirrorWeight",
        "nothing is copied without mirror".to_owned(),
    );
    warn(
        analysis.max_weight.is_some_and(|weight| weight > 0) && analysis.step_weight.is_none(),
        "maxWeight",
        "it is the limit of stepWeight, which is not set".to_owned(),
    );
}
