//! The label by which the pods of target and primary are told apart.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Check, Context, Findings, Manner, Rule, target};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{CanaryKey, Object, ObjectRef};
use crate::workload::{Selector, WorkloadError};

pub(super) static NONE: Rule = Rule {
    id: "SL202",
    severity: Severity::Error,
    title: "The target selects its pods by a supported label (app, name, app.kubernetes.io/name, or --selector-labels)",
    manner: Manner::Plain,
    check: Check::Canary(none),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: app
spec:
  selector:
    matchLabels:
      app: null
      component: app
---
spec:
  targetRef:
    name: app
",
    right: "
kind: Deployment
metadata:
  name: app
spec:
  selector:
    matchLabels:
      app: app
---
spec:
  targetRef:
    name: app
",
};

pub(super) static MORE: Rule = Rule {
    id: "SL203",
    severity: Severity::Warning,
    title: "The target selects its pods by one label whose value is its name",
    manner: Manner::Plain,
    check: Check::Canary(more),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: app
spec:
  selector:
    matchLabels:
      app: app
      tier: web
---
spec:
  targetRef:
    name: app
",
    right: "
kind: Deployment
metadata:
  name: app
spec:
  selector:
    matchLabels:
      app: app
---
spec:
  targetRef:
    name: app
",
};

pub(super) static SHARED: Rule = Rule {
    id: "SL214",
    severity: Severity::Error,
    title: "Two Canaries of a namespace have targets with different values of the selector label",
    manner: Manner::Plain,
    check: Check::Canary(shared),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: api
spec:
  selector:
    matchLabels:
      app: api
---
kind: Deployment
metadata:
  name: worker
spec:
  selector:
    matchLabels:
      app: api
---
metadata:
  name: api
spec:
  targetRef:
    name: api
  service:
    hosts: [api.example.com]
---
metadata:
  name: worker
spec:
  targetRef:
    name: worker
",
    right: "
kind: Deployment
metadata:
  name: api
spec:
  selector:
    matchLabels:
      app: api
---
kind: Deployment
metadata:
  name: worker
spec:
  selector:
    matchLabels:
      app: worker
---
metadata:
  name: api
spec:
  targetRef:
    name: api
  service:
    hosts: [api.example.com]
---
metadata:
  name: worker
spec:
  targetRef:
    name: worker
",
};

/// The target, if it has pods of its own and could be read.
pub(super) fn workload<'a>(context: &'a Context<'_>) -> Option<&'a Object> {
    match target::look(context) {
        Some(Lookup::Found(object)) => Some(object),
        _ => None,
    }
}

fn none(context: &Context<'_>, findings: &mut Findings) {
    let Some(workload) = workload(context) else { return };
    let path = "spec.targetRef.name";
    let found = Selector::of(workload, &context.settings.selector_labels);
    if let Err(WorkloadError::NoSelector { target, candidates }) = found {
        findings.report(
            path,
            format!("{target} selects its pods by none of the labels {}", candidates.join(", ")),
            "Add one of them to its spec.selector.matchLabels, or start Sluice with --selector-labels and yours",
        );
    }
}

fn more(context: &Context<'_>, findings: &mut Findings) {
    let Some(workload) = workload(context) else { return };
    let Ok(selector) = Selector::of(workload, &context.settings.selector_labels) else { return };
    let path = "spec.targetRef.name";
    let (kind, name) = (context.canary.spec.target_ref.kind, context.canary.target_name());
    let labels = workload.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let keys = labels.into_iter().flatten().map(|(key, _)| key.as_str());
    let further: Vec<&str> = keys.filter(|key| *key != selector.key).collect();
    if !further.is_empty() {
        findings.report(
            path,
            format!(
                "{kind} {name} also selects by {}, but the Services will select by {}={} alone",
                further.join(", "),
                selector.key,
                selector.value
            ),
            format!("Make sure that no other workload has {}={}", selector.key, selector.value),
        );
    }
    if selector.value != name && sharers(context, &selector).is_empty() {
        findings.report(
            path,
            format!(
                "label {} of {kind} {name} is {value}, not {name}, so Services and primary follow {value}",
                selector.key,
                value = selector.value
            ),
            format!("Make sure that no other workload has {}={}", selector.key, selector.value),
        );
    }
}

/// The label by which the pods of a target are found, `app=web`; none if it has no supported one.
pub(super) fn label(target: &Object, labels: &[String]) -> Option<String> {
    Selector::of(target, labels).ok().map(|selector| text(&selector))
}

fn text(selector: &Selector) -> String {
    format!("{}={}", selector.key, selector.value)
}

/// The targets of other Canaries whose pods have the same label: those of which it was seen, and those that are named like its
/// value.
fn sharers(context: &Context<'_>, selector: &Selector) -> Vec<(CanaryKey, ObjectRef)> {
    let (namespace, label) = (context.key.namespace.as_str(), text(selector));
    let own = target::reference(context.canary, namespace);
    let named = context.catalog.of_target(context.canary.spec.target_ref.kind, namespace, &selector.value);
    let seen = context.catalog.labelled(namespace, &label).cloned();
    let others: BTreeSet<CanaryKey> = named.into_iter().chain(seen).collect();
    let shares = |key: CanaryKey| {
        let entry = context.catalog.get(&key)?;
        let target = ObjectRef::new("apps/v1", entry.claim.kind.as_str(), namespace, &entry.claim.target);
        let has_it = match context.lookups.get(&target) {
            Some(Lookup::Missing | Lookup::Unseen) => false,
            Some(Lookup::Found(object)) => {
                self::label(object, &context.settings.selector_labels) == Some(label.clone())
            }
            // A refusal is confirmed by a look; the controller goes by what it saw.
            None if context.stored => entry.seen.label.as_ref() == Some(&label),
            None | Some(Lookup::Failed(_)) => true,
        };
        // Two Canaries of one target are the matter of another rule.
        (has_it && own.as_ref() != Some(&target)).then_some((key, target))
    };
    let others = others.into_iter().filter(|key| key != context.key && context.yields_to(key));
    others.filter_map(shares).collect()
}

/// The Services in front of one primary would lead to the pods of the other as well.
fn shared(context: &Context<'_>, findings: &mut Findings) {
    let Some(workload) = workload(context) else { return };
    let Ok(selector) = Selector::of(workload, &context.settings.selector_labels) else { return };
    for (canary, target) in sharers(context, &selector) {
        let path = "spec.targetRef.name";
        match context.lookups.get(&target) {
            None => findings.confirm(target.clone()),
            Some(Lookup::Failed(reason)) => {
                findings.doubt(
                    path,
                    format!(
                        "{}={} may be the selector label of {} {} of Canary {} too, which could not be looked at ({reason})",
                        selector.key, selector.value, target.kind, target.name, canary.name
                    ),
                    "Look at the conditions of both Canaries once this one is stored",
                );
                continue;
            }
            Some(_) => {}
        }
        findings.report(
            path,
            format!(
                "{}={} is the selector label of {} {} of Canary {} too, so that the Services would send its requests to both primaries",
                selector.key, selector.value, target.kind, target.name, canary.name
            ),
            format!("Give this target a value of its own, such as {}", context.canary.target_name()),
        );
    }
}
