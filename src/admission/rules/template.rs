//! MetricTemplates, and the Canaries that use them. A Canary may come before its template, so what rests on it only warns.

use super::cross_namespace::within;
use super::metric::{Mend, faults};
use super::{Check, Context, Findings, Manner, Rule, Shared, unsupported};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::analysis::{Fault, SettingsError, server, template};
use crate::api::{Canary, MetricTemplate, ObjectRef};

pub(super) static QUERY: Rule = Rule {
    id: "SL426",
    severity: Severity::Error,
    title: "The query of a MetricTemplate is a template that can be read",
    manner: Manner::Plain,
    check: Check::MetricTemplate(query),
    cel: &[],
    wrong: "
kind: MetricTemplate
spec:
  query: sum(rate(errors_total{app=\"{{ nobody }}\"}[{{ interval }}]))
",
    right: "
kind: MetricTemplate
spec:
  query: sum(rate(errors_total{app=\"{{ target }}\"}[{{ interval }}]))
",
};

pub(super) static PROVIDER: Rule = Rule {
    id: "SL427",
    severity: Severity::Error,
    title: "A MetricTemplate says what its kind of server needs: address, region, secretRef",
    manner: Manner::Plain,
    check: Check::MetricTemplate(provider),
    cel: &[],
    wrong: "
kind: MetricTemplate
spec:
  provider:
    type: cloudwatch
    address: null
",
    right: "
kind: MetricTemplate
spec:
  provider:
    type: cloudwatch
    address: null
    region: eu-west-1
",
};

pub(super) static MISSING: Rule = Rule {
    id: "SL502",
    severity: Severity::Warning,
    title: "The MetricTemplates that a Canary uses exist; until they do, its checks do not pass",
    manner: Manner::Plain,
    check: Check::Canary(missing),
    cel: &[],
    wrong: "
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
",
    right: "
kind: MetricTemplate
metadata:
  name: errors
---
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
",
};

pub(super) static VARIABLES: Rule = Rule {
    id: "SL503",
    severity: Severity::Warning,
    title: "A metric sets the templateVariables that its MetricTemplate uses",
    manner: Manner::Plain,
    check: Check::Canary(variables),
    cel: &[],
    wrong: "
kind: MetricTemplate
metadata:
  name: errors
spec:
  query: sum(rate(errors_total{path=\"{{ variables.path }}\"}[{{ interval }}]))
---
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
",
    right: "
kind: MetricTemplate
metadata:
  name: errors
spec:
  query: sum(rate(errors_total{path=\"{{ variables.path }}\"}[{{ interval }}]))
---
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
        templateVariables:
          path: /
",
};

pub(super) static ASKED: Rule = Rule {
    id: "SL504",
    severity: Severity::Warning,
    title: "The MetricTemplates that a Canary uses can be asked; until they can, its checks do not pass",
    manner: Manner::Plain,
    check: Check::Canary(asked),
    cel: &[],
    wrong: "
kind: MetricTemplate
metadata:
  name: errors
spec:
  provider:
    type: datadog
    address: null
---
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
",
    right: "
kind: MetricTemplate
metadata:
  name: errors
spec:
  provider:
    type: datadog
    address: null
    secretRef:
      name: datadog
---
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
",
};

/// The MetricTemplates that a Canary names, with the place of each; those of other namespaces only if that is allowed.
pub(super) fn references(canary: &Canary, namespace: &str, across: bool) -> Vec<(usize, ObjectRef)> {
    let metrics = canary.spec.analysis.iter().flat_map(|analysis| &analysis.metrics).enumerate();
    let named = metrics.filter_map(|(index, metric)| {
        Some((index, within(metric.template_ref.as_ref()?, "MetricTemplate", namespace, across)?))
    });
    named.take(super::MOST).collect()
}

/// Reports a fault of a template, whose way out stands behind a semicolon if it has one; a colon follows its place.
pub(super) fn tell(findings: &mut Findings, path: &str, fault: &str) {
    match fault.contains("; ") {
        true => findings.report_sentence(path, fault),
        false => findings.report(path, fault, "Correct the template"),
    }
}

fn query(template: &Shared<'_, MetricTemplate>, findings: &mut Findings) {
    if let Err(error) = template::parse(&template.object.spec.query) {
        tell(findings, "spec.query", &format!("the query is wrong at {error}"));
    }
}

fn provider(template: &Shared<'_, MetricTemplate>, findings: &mut Findings) {
    for problem in server::problems(&template.object.spec.provider) {
        // A rule of its own speaks about kinds that cannot be asked yet.
        if !matches!(problem, SettingsError::NotSupported { .. }) {
            findings.report_sentence(problem.path(), &problem.to_string());
        }
    }
}

fn asked(context: &Context<'_>, findings: &mut Findings) {
    for problem in faults(context, Mend::Window) {
        if matches!(problem.fault, Fault::Provider { .. }) && !unsupported::is_kind(&problem.fault) {
            findings.report_sentence(&problem.path, &problem.fault.to_string());
        }
    }
}

fn missing(context: &Context<'_>, findings: &mut Findings) {
    let across = !context.settings.no_cross_namespace_refs;
    for (index, reference) in references(context.canary, &context.key.namespace, across) {
        let path = format!("spec.analysis.metrics[{index}].templateRef");
        match context.look(&reference) {
            Lookup::Found(_) | Lookup::Unseen => {}
            Lookup::Missing => findings.report(
                path,
                format!("{reference} does not exist, so its check cannot pass"),
                "Create it before the next revision, or correct templateRef",
            ),
            Lookup::Failed(reason) => findings.report(
                path,
                format!("{reference} could not be looked at ({reason})"),
                "Look at the Canary's conditions once it is stored",
            ),
        }
    }
}

fn variables(context: &Context<'_>, findings: &mut Findings) {
    for problem in faults(context, Mend::Window) {
        if matches!(problem.fault, Fault::Template { .. }) {
            tell(findings, &problem.path, &problem.fault.to_string());
        }
    }
}
