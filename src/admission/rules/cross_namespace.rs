//! References into other namespaces, where the operator forbids them.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{API_VERSION, ObjectRef, Reference};

pub(super) static REFERENCE: Rule = Rule {
    id: "SL501",
    severity: Severity::Error,
    title: "Under --no-cross-namespace-refs, MetricTemplates, AlertProviders and Gloo Upstreams are of the Canary's namespace",
    manner: Manner::Strict,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
# sluice run --no-cross-namespace-refs
spec:
  analysis:
    metrics:
      - name: errors
        thresholdRange:
          max: 1
        templateRef:
          name: errors
          namespace: monitoring
",
    right: "
# sluice run --no-cross-namespace-refs
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

/// The object of ours that a Canary of namespace `own` names; of another namespace only if that is allowed.
pub(super) fn within(reference: &Reference, kind: &str, own: &str, across: bool) -> Option<ObjectRef> {
    let namespace = reference.namespace_or(own);
    (across || namespace == own)
        .then(|| ObjectRef::new(API_VERSION, kind, namespace, reference.name.as_str()))
}

fn check(context: &Context<'_>, findings: &mut Findings) {
    if !context.settings.no_cross_namespace_refs {
        return;
    }
    let own = context.key.namespace.as_str();
    let mut refuse = |path: String, kind: &str, name: &str, namespace: Option<&String>| {
        if let Some(other) = namespace.filter(|other| !other.is_empty() && *other != own) {
            findings.report(
                format!("{path}.namespace"),
                format!(
                    "{kind} {other}/{name} is of another namespace, which --no-cross-namespace-refs forbids"
                ),
                format!("Copy it to namespace {own} and leave the namespace out"),
            );
        }
    };
    let spec = &context.canary.spec;
    if let Some(upstream) = &spec.upstream_ref {
        refuse("spec.upstreamRef".into(), "Upstream", &upstream.name, upstream.namespace.as_ref());
    }
    let Some(analysis) = context.analysis() else { return };
    for (index, metric) in analysis.metrics.iter().enumerate() {
        if let Some(template) = &metric.template_ref {
            let path = format!("spec.analysis.metrics[{index}].templateRef");
            refuse(path, "MetricTemplate", &template.name, template.namespace.as_ref());
        }
    }
    for (index, alert) in analysis.alerts.iter().enumerate() {
        if let Some(provider) = &alert.provider_ref {
            let path = format!("spec.analysis.alerts[{index}].providerRef");
            refuse(path, "AlertProvider", &provider.name, provider.namespace.as_ref());
        }
    }
}
