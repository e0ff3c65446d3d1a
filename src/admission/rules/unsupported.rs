//! What the API allows and Sluice cannot do yet. It is refused rather than ignored: a gate that is never asked, or traffic that
//! goes another way than written, is worse than a Canary that does not start.

use super::metric::{Mend, faults};
use super::{Check, Context, Findings, Manner, Rule, Shared};
use crate::admission::problem::Severity;
use crate::analysis::server::{known, server};
use crate::analysis::{Fault, SettingsError};
use crate::api::{AutoscalerKind, MetricTemplate, Provider};
use crate::{routing, workload};

/// A rule about a field that Sluice does not serve yet.
const fn refused(
    id: &'static str,
    title: &'static str,
    check: fn(&Context<'_>, &mut Findings),
    wrong: &'static str,
    right: &'static str,
) -> Rule {
    Rule {
        id,
        severity: Severity::Error,
        title,
        manner: Manner::Plain,
        check: Check::Canary(check),
        cel: &[],
        wrong,
        right,
    }
}

/// An example that shows nothing but a plain Canary.
const PLAIN: &str = "
spec:
  targetRef:
    name: app
";

pub(super) static PROVIDER: Rule = refused(
    "SL901",
    "Sluice serves the provider; `sluice routers` lists those that it does",
    provider,
    "
spec:
  provider: linkerd
",
    "
spec:
  provider: gatewayapi:v1
",
);

pub(super) static AUTOSCALER: Rule = refused(
    "SL906",
    "Sluice copies HorizontalPodAutoscalers to the primary; the ScaledObjects of KEDA follow",
    autoscaler,
    "
spec:
  autoscalerRef:
    apiVersion: keda.sh/v1alpha1
    kind: ScaledObject
    name: app
",
    PLAIN,
);

pub(super) static TARGET_KIND: Rule = refused(
    "SL907",
    "Sluice releases Deployments and DaemonSets; Services follow",
    target_kind,
    "
spec:
  targetRef:
    apiVersion: v1
    kind: Service
",
    PLAIN,
);

pub(super) static TEMPLATE_PROVIDER: Rule = refused(
    "SL908",
    "Sluice asks MetricTemplates of providers prometheus, datadog, cloudwatch, newrelic and graphite; the others follow",
    template_provider,
    "
kind: MetricTemplate
metadata:
  name: errors
spec:
  provider:
    type: dynatrace
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
    PLAIN,
);

pub(super) static TEMPLATE_WAITS: Rule = Rule {
    id: "SL912",
    severity: Severity::Warning,
    title: "A MetricTemplate is of a provider that Sluice can ask, or it waits until then",
    manner: Manner::Plain,
    check: Check::MetricTemplate(template_waits),
    cel: &[],
    wrong: "
kind: MetricTemplate
spec:
  provider:
    type: dynatrace
",
    right: "
kind: MetricTemplate
spec:
  provider:
    type: prometheus
",
};

fn provider(context: &Context<'_>, findings: &mut Findings) {
    let provider = context.provider();
    if routing::router(provider).is_some() {
        return;
    }
    let served: Vec<&str> = served().map(Provider::as_str).collect();
    let path = "spec.provider";
    let whose = if context.canary.spec.provider.is_some() { "" } else { ", the controller's default," };
    findings.report(
        path,
        format!("provider {provider}{whose} is not served yet"),
        format!("Use one of {}", served.join(", ")),
    );
}

/// The providers that Sluice routes with.
fn served() -> impl Iterator<Item = Provider> {
    routing::ROUTERS.iter().flat_map(|router| router.providers()).copied()
}

fn autoscaler(context: &Context<'_>, findings: &mut Findings) {
    if let Some(autoscaler) = &context.canary.spec.autoscaler_ref
        && autoscaler.kind == AutoscalerKind::ScaledObject
    {
        findings.report(
            "spec.autoscalerRef",
            format!("{} {} would not be copied to the primary", autoscaler.kind, autoscaler.name),
            "Name a HorizontalPodAutoscaler, or remove autoscalerRef; the primary then keeps the target's replicas",
        );
    }
}

fn target_kind(context: &Context<'_>, findings: &mut Findings) {
    let kind = context.canary.spec.target_ref.kind;
    if workload::kind::of(kind).is_none() {
        let known: Vec<&str> = workload::kind::KINDS.iter().map(|kind| kind.name().as_str()).collect();
        findings.report(
            "spec.targetRef.kind",
            format!("{kind}s are not released yet"),
            format!("Name a {}", known.join(" or a ")),
        );
    }
}

fn template_provider(context: &Context<'_>, findings: &mut Findings) {
    for problem in faults(context, Mend::Window) {
        if is_kind(&problem.fault) {
            findings.report_sentence(&problem.path, &problem.fault.to_string());
        }
    }
}

/// Whether the fault is a kind of server that cannot be asked yet.
pub(super) fn is_kind(fault: &Fault) -> bool {
    matches!(fault, Fault::Provider { error, .. } if matches!(**error, SettingsError::NotSupported { .. }))
}

fn template_waits(template: &Shared<'_, MetricTemplate>, findings: &mut Findings) {
    let kind = template.object.spec.provider.type_;
    if server(kind).is_none() {
        findings.report(
            "spec.provider.type",
            format!("metric provider {kind} cannot be asked yet, so Canaries that use it are refused"),
            format!("Use {} until then", known()),
        );
    }
}
