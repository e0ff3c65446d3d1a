//! Alerts of a Canary that nobody gets, or more of them than with the peer.

use super::cross_namespace::within;
use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{Canary, ObjectRef};
use serde_json::Value;

pub(super) static SEVERITY: Rule = Rule {
    id: "SL461",
    severity: Severity::Warning,
    title: "An alert says from which severity on it is sent; one that does not is sent with every event (the peer never sends it)",
    manner: Manner::Plain,
    check: Check::Json(severity),
    cel: &[],
    wrong: "
kind: AlertProvider
metadata:
  name: on-call
---
spec:
  analysis:
    alerts:
      - name: on-call
        providerRef:
          name: on-call
",
    right: "
kind: AlertProvider
metadata:
  name: on-call
---
spec:
  analysis:
    alerts:
      - name: on-call
        severity: error
        providerRef:
          name: on-call
",
};

pub(super) static NOBODY: Rule = Rule {
    id: "SL462",
    severity: Severity::Warning,
    title: "An alert names the AlertProvider that carries it",
    manner: Manner::Plain,
    check: Check::Canary(nobody),
    cel: &[],
    wrong: "
spec:
  analysis:
    alerts:
      - name: on-call
        severity: error
",
    right: "
kind: AlertProvider
metadata:
  name: on-call
---
spec:
  analysis:
    alerts:
      - name: on-call
        severity: error
        providerRef:
          name: on-call
",
};

pub(super) static MISSING: Rule = Rule {
    id: "SL511",
    severity: Severity::Warning,
    title: "The AlertProviders that a Canary names exist; until they do, its alerts reach nobody",
    manner: Manner::Plain,
    check: Check::Canary(missing),
    cel: &[],
    wrong: "
spec:
  analysis:
    alerts:
      - name: on-call
        severity: error
        providerRef:
          name: on-call
",
    right: "
kind: AlertProvider
metadata:
  name: on-call
---
spec:
  analysis:
    alerts:
      - name: on-call
        severity: error
        providerRef:
          name: on-call
",
};

/// The AlertProviders that a Canary names, with the place of each in its list; those of other namespaces only if that is allowed.
pub(super) fn references(canary: &Canary, namespace: &str, across: bool) -> Vec<(usize, ObjectRef)> {
    let alerts = canary.spec.analysis.iter().flat_map(|analysis| &analysis.alerts).enumerate();
    let named = alerts.filter_map(|(index, alert)| {
        Some((index, within(alert.provider_ref.as_ref()?, "AlertProvider", namespace, across)?))
    });
    named.take(super::MOST).collect()
}

/// The type reads an absent severity as info, so that only the JSON knows.
fn severity(kind: &str, object: &Value, findings: &mut Findings) {
    let alerts =
        object.pointer("/spec/analysis/alerts").filter(|_| kind == "Canary").and_then(Value::as_array);
    for (index, alert) in alerts.into_iter().flatten().enumerate() {
        let severity = alert.get("severity").filter(|severity| !severity.is_null());
        if alert.is_object() && severity.is_none_or(|severity| severity.as_str() == Some("")) {
            findings.report(
                format!("spec.analysis.alerts[{index}].severity"),
                "none is set, so that every alert is sent, from info on",
                "Write info, warn or error",
            );
        }
    }
}

fn nobody(context: &Context<'_>, findings: &mut Findings) {
    let alerts = context.analysis().into_iter().flat_map(|analysis| &analysis.alerts).enumerate();
    for (index, alert) in alerts.filter(|(_, alert)| alert.provider_ref.is_none()) {
        findings.report(
            format!("spec.analysis.alerts[{index}].providerRef"),
            format!("alert {} names no AlertProvider, so that nobody gets it", alert.name),
            "Name one, or remove the alert",
        );
    }
}

fn missing(context: &Context<'_>, findings: &mut Findings) {
    let across = !context.settings.no_cross_namespace_refs;
    for (index, reference) in references(context.canary, &context.key.namespace, across) {
        if *context.look(&reference) == Lookup::Missing {
            findings.report(
                format!("spec.analysis.alerts[{index}].providerRef"),
                format!("{reference} does not exist, so that its alerts reach nobody"),
                "Create it, or correct providerRef",
            );
        }
    }
}
