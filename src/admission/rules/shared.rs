//! What Canaries share: a change or an end of it is told with the names of the Canaries that it concerns.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Check, Departure, Findings, MOST, Manner, Rule, Shared};
use crate::admission::catalog::{Catalog, SharedKind, SharedRef};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::analysis::{self, CheckId, Fault, Problem};
use crate::api::{API_VERSION, Canary, CanaryKey, MetricTemplate, ObjectRef};

pub(super) static BROKEN: Rule = Rule {
    id: "SL505",
    severity: Severity::Error,
    title: "A change of a MetricTemplate leaves the Canaries that use it able to ask it",
    manner: Manner::Plain,
    check: Check::MetricTemplate(broken),
    cel: &[],
    wrong: "
metadata:
  name: app
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
---
kind: MetricTemplate
metadata:
  name: errors
---
kind: MetricTemplate
metadata:
  name: errors
spec:
  query: sum(rate(errors_total{path=\"{{ variables.path }}\"}[{{ interval }}]))
",
    right: "
metadata:
  name: app
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
---
kind: MetricTemplate
metadata:
  name: errors
---
kind: MetricTemplate
metadata:
  name: errors
spec:
  query: sum(rate(errors_total{path=\"{{ variables.path }}\"}[{{ interval }}]))
",
};

pub(super) static IN_USE: Rule = Rule {
    id: "SL506",
    severity: Severity::Warning,
    title: "A MetricTemplate or AlertProvider that is deleted is used by no Canary",
    manner: Manner::Plain,
    check: Check::Departure(in_use),
    cel: &[],
    wrong: "
# kubectl delete
metadata:
  name: app
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
---
kind: MetricTemplate
metadata:
  name: errors
",
    right: "
# kubectl delete
kind: MetricTemplate
metadata:
  name: errors
",
};

/// How many Canaries are named; the others are counted.
const NAMED: usize = 5;

/// The Canaries of a sentence: `Canary shop/a`, `Canaries shop/a, shop/b and 3 more`.
fn named(canaries: &[&CanaryKey]) -> String {
    let names: Vec<String> = canaries.iter().take(NAMED).map(ToString::to_string).collect();
    let kind = if canaries.len() == 1 { "Canary" } else { "Canaries" };
    match canaries.len().saturating_sub(NAMED) {
        0 => format!("{kind} {}", names.join(", ")),
        more => format!("{kind} {} and {more} more", names.join(", ")),
    }
}

fn in_use(departure: &Departure<'_>, findings: &mut Findings) {
    let Some(kind) = SharedKind::named(departure.kind) else { return };
    let CanaryKey { namespace, name } = departure.key.clone();
    let users: Vec<&CanaryKey> = departure.catalog.users(&SharedRef { kind, namespace, name }).collect();
    if users.is_empty() {
        return;
    }
    let lack = match kind {
        SharedKind::MetricTemplate => "checks do not pass without it",
        SharedKind::AlertProvider => "alerts reach nobody without it",
    };
    findings.report(
        "metadata.name",
        format!("{} {} is used by {}, whose {lack}", kind.as_str(), departure.key, named(&users)),
        "Create it again, or change the Canaries",
    );
}

/// Where a Canary cannot ask a template: by check, what is wrong.
fn faults(canary: &Canary, template: &Shared<'_, MetricTemplate>, of: &MetricTemplate) -> Vec<Problem> {
    let settings = template.settings;
    let settings = analysis::Settings {
        provider: settings.provider,
        metrics_server: settings.metrics_server.clone(),
        no_cross_namespace_refs: settings.no_cross_namespace_refs,
    };
    let this = |namespace: &str, name: &str| {
        (namespace == template.key.namespace && name == template.key.name).then_some(of)
    };
    let plan = analysis::plan(canary, &settings, this).into_iter().filter_map(Result::err);
    let concerns = |problem: &Problem| match &problem.fault {
        Fault::Template { .. } | Fault::Provider { .. } => true,
        Fault::EmptyQuery => problem.path.ends_with(".templateRef"),
        _ => false,
    };
    plan.filter(concerns).collect()
}

/// The Canaries that use a MetricTemplate; of many the first ones.
pub(super) fn users<'a>(
    catalog: &'a Catalog,
    template: &CanaryKey,
) -> impl Iterator<Item = (&'a CanaryKey, ObjectRef)> + use<'a> {
    let CanaryKey { namespace, name } = template.clone();
    let shared = SharedRef { kind: SharedKind::MetricTemplate, namespace, name };
    let users: Vec<&CanaryKey> = catalog.users(&shared).take(MOST).collect();
    users.into_iter().map(|key| (key, ObjectRef::new(API_VERSION, "Canary", &key.namespace, &key.name)))
}

fn broken(template: &Shared<'_, MetricTemplate>, findings: &mut Findings) {
    let Some(old) = template.old.filter(|old| old.spec != template.object.spec) else { return };
    let mut told: Vec<(&CanaryKey, Problem)> = Vec::new();
    for (key, reference) in users(template.catalog, template.key) {
        let Some(Lookup::Found(object)) = template.lookups.get(&reference) else { continue };
        let Ok(canary) = Canary::deserialize(object) else { continue };
        let before = faults(&canary, template, old);
        let stood: BTreeSet<&CheckId> = before.iter().map(|problem| &problem.id).collect();
        let after = faults(&canary, template, template.object);
        if let Some(problem) = after.into_iter().find(|problem| !stood.contains(&problem.id)) {
            told.push((key, problem));
        }
    }
    let Some((_, problem)) = told.first() else { return };
    let broken: Vec<&CanaryKey> = told.iter().map(|(key, _)| *key).collect();
    let (path, way_out) = match problem.fault {
        Fault::Provider { .. } => {
            ("spec.provider", "Keep a provider that can be asked, or change the Canaries first")
        }
        _ => (
            "spec.query",
            "Change the Canaries first, such as their templateVariables, or keep what they can render",
        ),
    };
    findings.report(
        path,
        format!("{} could not ask it any more: {}", named(&broken), problem.fault),
        way_out,
    );
}
