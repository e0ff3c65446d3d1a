//! Metrics that cannot be asked or judged. The `analysis` room plans the checks as it will in a run; its faults are told here.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Check, Context, Findings, Manner, Rule, template};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::analysis::{self, Fault, Problem};
use crate::api::{MetricTemplate, ThresholdRange, cel};
use crate::routing;

pub(super) static UNKNOWN: Rule = Rule {
    id: "SL421",
    severity: Severity::Error,
    title: "A metric is builtin (request-success-rate, request-duration) or has a query or templateRef",
    manner: Manner::Plain,
    check: Check::Canary(unknown),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: error-rate
        thresholdRange:
          max: 1
",
    right: "
spec:
  analysis:
    metrics:
      - name: error-rate
        thresholdRange:
          max: 1
        query: sum(rate(errors_total[1m]))
",
};

pub(super) static BOUNDS: Rule = Rule {
    id: "SL422",
    severity: Severity::Error,
    title: "A metric has a bound that tells good from bad: thresholdRange with min (success rate) or max, and min below max",
    manner: Manner::Plain,
    check: Check::Canary(bounds),
    cel: &[cel::BOUNDS_IN_ORDER],
    wrong: "
spec:
  analysis:
    metrics:
      - name: request-success-rate
",
    right: "
spec:
  analysis:
    metrics:
      - name: request-success-rate
        thresholdRange:
          min: 99
",
};

pub(super) static WINDOW: Rule = Rule {
    id: "SL423",
    severity: Severity::Error,
    title: "The interval of a metric is a window as the metric server writes it: 30s, 1m, 1h30m",
    manner: Manner::Plain,
    check: Check::Canary(window),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: request-duration
        interval: 0s
        thresholdRange:
          max: 500
",
    right: "
spec:
  analysis:
    metrics:
      - name: request-duration
        interval: 1m
        thresholdRange:
          max: 500
",
};

pub(super) static QUERY: Rule = Rule {
    id: "SL424",
    severity: Severity::Error,
    title: "The query of a metric can be rendered: its template is right and its variables are set",
    manner: Manner::Plain,
    check: Check::Canary(query),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        query: sum(rate(errors_total{app=\"{{ target \"}[1m]))
",
    right: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        query: sum(rate(errors_total{app=\"{{ target }}\"}[1m]))
",
};

pub(super) static SERVER: Rule = Rule {
    id: "SL425",
    severity: Severity::Error,
    title: "The address of a metric server is a URL",
    manner: Manner::Plain,
    check: Check::Canary(server),
    cel: &[],
    wrong: "
spec:
  metricsServer: prometheus:9090
  analysis:
    metrics:
      - name: request-duration
        thresholdRange:
          max: 500
",
    right: "
spec:
  metricsServer: http://prometheus:9090
  analysis:
    metrics:
      - name: request-duration
        thresholdRange:
          max: 500
",
};

/// What is put right in a metric before it is planned: the room stops at the first fault of each, and the gate tells all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mend {
    /// Nothing.
    Nothing,
    /// The bounds.
    Bounds,
    /// The bounds and the window.
    Window,
}

/// What the `analysis` room finds wrong with the metrics of one Canary; many rules ask, and each plan is made once.
#[derive(Debug, Default)]
pub(super) struct Faults {
    as_written: OnceCell<Vec<Problem>>,
    bounded: OnceCell<Vec<Problem>>,
    windowed: OnceCell<Vec<Problem>>,
}

/// What the `analysis` room finds wrong with the metrics once that is put right which other rules speak about.
pub(super) fn faults<'a>(context: &'a Context<'_>, mend: Mend) -> &'a [Problem] {
    // Nothing hides behind a fault where there is none.
    if mend != Mend::Nothing && faults(context, Mend::Nothing).is_empty() {
        return &[];
    }
    let cell = match mend {
        Mend::Nothing => &context.memo.faults.as_written,
        Mend::Bounds => &context.memo.faults.bounded,
        Mend::Window => &context.memo.faults.windowed,
    };
    cell.get_or_init(|| plan(context, mend))
}

fn plan(context: &Context<'_>, mend: Mend) -> Vec<Problem> {
    if context.metrics().next().is_none() {
        return Vec::new();
    }
    let mut canary = context.canary.clone();
    canary.metadata.namespace = Some(context.key.namespace.clone());
    for metric in canary.spec.analysis.iter_mut().flat_map(|analysis| &mut analysis.metrics) {
        if mend != Mend::Nothing {
            metric.threshold_range = Some(ThresholdRange { min: Some(0.0), max: Some(1.0) });
        }
        if mend == Mend::Window {
            metric.interval = None;
        }
    }
    let settings = analysis::Settings {
        provider: context.settings.provider,
        metrics_server: context.settings.metrics_server.clone(),
        // A rule of its own speaks about those.
        no_cross_namespace_refs: false,
    };
    let place = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    let templates: BTreeMap<(String, String), MetricTemplate> = context
        .lookups
        .iter()
        .filter(|(reference, _)| reference.kind == "MetricTemplate")
        .filter_map(|(reference, lookup)| {
            let Lookup::Found(object) = lookup else { return None };
            let template = MetricTemplate::deserialize(object).ok()?;
            Some((place(&reference.namespace, &reference.name), template))
        })
        .collect();
    let plan = analysis::plan(&canary, &settings, |namespace, name| templates.get(&place(namespace, name)));
    plan.into_iter().filter_map(Result::err).collect()
}

fn tell(findings: &mut Findings, problems: &[Problem], concerns: fn(&Fault) -> bool) {
    for problem in problems.iter().filter(|problem| concerns(&problem.fault)) {
        findings.report_sentence(&problem.path, &problem.fault.to_string());
    }
}

fn unknown(context: &Context<'_>, findings: &mut Findings) {
    // A provider that is not served yet is told once, not with each of its metrics.
    let served = routing::router(context.provider()).is_some();
    for problem in faults(context, Mend::Window) {
        if problem.fault == Fault::Unknown || (served && matches!(problem.fault, Fault::NoBuiltin(_))) {
            findings.report_sentence(&problem.path, &problem.fault.to_string());
        }
    }
}

fn bounds(context: &Context<'_>, findings: &mut Findings) {
    tell(findings, faults(context, Mend::Nothing), |fault| matches!(fault, Fault::Bounds(_)));
}

fn window(context: &Context<'_>, findings: &mut Findings) {
    tell(findings, faults(context, Mend::Bounds), |fault| matches!(fault, Fault::Interval(_)));
}

fn query(context: &Context<'_>, findings: &mut Findings) {
    for problem in faults(context, Mend::Window) {
        match &problem.fault {
            // An empty query of a template is the template's matter.
            Fault::EmptyQuery if problem.path.ends_with(".templateRef") => {}
            Fault::Query(_) | Fault::EmptyQuery => {
                template::tell(findings, &problem.path, &problem.fault.to_string());
            }
            _ => {}
        }
    }
}

fn server(context: &Context<'_>, findings: &mut Findings) {
    for problem in faults(context, Mend::Window) {
        if !matches!(problem.fault, Fault::Address(_) | Fault::NoServer) {
            continue;
        }
        // The address is one for all metrics of the Canary, so it is told once.
        let path = "spec.metricsServer";
        if !findings.problems.iter().any(|told| told.rule == SERVER.id && told.path == path) {
            findings.report_sentence(path, &problem.fault.to_string());
        }
    }
}
