//! Metrics that can be asked and judged, and yet do not tell what their writer thinks.

use std::collections::BTreeSet;

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::analysis;
use crate::api::Duration;

pub(super) static OLDER_BOUND: Rule = Rule {
    id: "SL430",
    severity: Severity::Warning,
    title: "A metric has one form of bounds: threshold is not used beside thresholdRange",
    manner: Manner::Plain,
    check: Check::Canary(older_bound),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: request-success-rate
        threshold: 95
        thresholdRange:
          min: 99
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

pub(super) static SAME_NAME: Rule = Rule {
    id: "SL431",
    severity: Severity::Warning,
    title: "Metrics have names of their own, and so have webhooks",
    manner: Manner::Plain,
    check: Check::Canary(same_name),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        query: sum(rate(errors_total[1m]))
      - name: errors
        thresholdRange:
          max: 5
        query: sum(rate(warnings_total[1m]))
",
    right: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        query: sum(rate(errors_total[1m]))
      - name: warnings
        thresholdRange:
          max: 5
        query: sum(rate(warnings_total[1m]))
",
};

pub(super) static SHORT_WINDOW: Rule = Rule {
    id: "SL432",
    severity: Severity::Warning,
    title: "The interval of a metric is at least 10s, so that it holds what a server collected",
    manner: Manner::Plain,
    check: Check::Canary(short_window),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: request-success-rate
        interval: 5s
        thresholdRange:
          min: 99
",
    right: "
spec:
  analysis:
    metrics:
      - name: request-success-rate
        interval: 30s
        thresholdRange:
          min: 99
",
};

pub(super) static SERIES: Rule = Rule {
    id: "SL433",
    severity: Severity::Error,
    title: "The query of a metric asks for numbers of now, not for a range of them",
    manner: Manner::Plain,
    check: Check::Canary(series),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        query: errors_total[1m]
",
    right: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        query: sum(rate(errors_total[1m]))
",
};

/// Metric servers rarely collect more often than this; how often yours does is not known here.
const SHORTEST: Duration = Duration::from_seconds(10);

fn older_bound(context: &Context<'_>, findings: &mut Findings) {
    for (index, metric) in context.metrics() {
        let range = metric.threshold_range.unwrap_or_default();
        if let Some(threshold) = metric.threshold.filter(|_| range.min.is_some() || range.max.is_some()) {
            findings.report(
                format!("spec.analysis.metrics[{index}].threshold"),
                format!("{threshold} is not used, because thresholdRange counts"),
                "Remove it",
            );
        }
    }
}

/// With the peer as here, what is exported about two of one name is mixed up; the run itself goes well.
fn same_name(context: &Context<'_>, findings: &mut Findings) {
    let Some(analysis) = context.analysis() else { return };
    let metrics = analysis.metrics.iter().map(|metric| metric.name.as_str());
    let webhooks = analysis.webhooks.iter().map(|webhook| webhook.name.as_str());
    twice("metrics", metrics, findings);
    twice("webhooks", webhooks, findings);
}

fn twice<'a>(list: &str, names: impl Iterator<Item = &'a str>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            findings.report(
                format!("spec.analysis.{list}[{index}].name"),
                format!("{name} is there already, and what is told of the two cannot be told apart"),
                "Choose another name",
            );
        }
    }
}

fn short_window(context: &Context<'_>, findings: &mut Findings) {
    for (index, metric) in context.metrics() {
        let Some(text) = metric.interval.as_deref() else { continue };
        if text.parse::<Duration>().is_ok_and(|window| window > Duration::ZERO && window < SHORTEST) {
            findings.report(
                format!("spec.analysis.metrics[{index}].interval"),
                format!("in {text} a metric server hardly collects anything, and without data a check does not pass"),
                "Write at least twice the time between two collections of your server, such as 1m",
            );
        }
    }
}

/// Inline queries are asked of Prometheus, which answers such a one with lists.
fn series(context: &Context<'_>, findings: &mut Findings) {
    for (index, metric) in context.metrics() {
        if metric.query.as_deref().is_some_and(analysis::query::is_range) {
            findings.report(
                format!("spec.analysis.metrics[{index}].query"),
                "it ends with a range, so that the answer is lists of values and not a number",
                "Put a function around it, such as sum(rate(…[1m]))",
            );
        }
    }
}
