//! Whether the autoscaler is that of the target. It may change at any time, so these only warn.

use serde_json::Value;

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{AutoscalerKind, Canary, ObjectRef, TargetKind};

pub(super) static ELSEWHERE: Rule = Rule {
    id: "SL211",
    severity: Severity::Warning,
    title: "The autoscaler that spec.autoscalerRef names scales the target",
    manner: Manner::Plain,
    check: Check::Canary(elsewhere),
    cel: &[],
    wrong: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
spec:
  scaleTargetRef:
    name: api
---
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: app
",
    right: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
---
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: app
",
};

pub(super) static FORGOTTEN: Rule = Rule {
    id: "SL212",
    severity: Severity::Warning,
    title: "The autoscaler that is named like its target and scales it is named in spec.autoscalerRef",
    manner: Manner::Plain,
    check: Check::Canary(forgotten),
    cel: &[],
    wrong: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
---
spec:
  targetRef:
    name: app
",
    right: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
---
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: app
",
};

pub(super) static VERSION: Rule = Rule {
    id: "SL213",
    severity: Severity::Warning,
    title: "spec.autoscalerRef.apiVersion is autoscaling/v2, or keda.sh/v1alpha1 for a ScaledObject",
    manner: Manner::Plain,
    check: Check::Canary(version),
    cel: &[],
    wrong: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
---
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2beta2
    kind: HorizontalPodAutoscaler
    name: app
",
    right: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
---
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: app
",
};

pub(super) static MISSING: Rule = Rule {
    id: "SL216",
    severity: Severity::Warning,
    title: "The autoscaler that is named exists; until it does, the primary keeps the number of pods that the target had",
    manner: Manner::Plain,
    check: Check::Canary(missing),
    cel: &[],
    wrong: "
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: nobody
",
    right: "
kind: HorizontalPodAutoscaler
metadata:
  name: app
---
spec:
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: app
",
};

const AUTOSCALING: &str = "autoscaling/v2";

/// The autoscaler to look at: the one that is named, or one that is named like the target, as most are.
pub(super) fn reference(canary: &Canary, namespace: &str) -> Option<ObjectRef> {
    let name = match &canary.spec.autoscaler_ref {
        Some(named) => (named.kind == AutoscalerKind::HorizontalPodAutoscaler).then_some(named.name.as_str()),
        None => (canary.spec.target_ref.kind == TargetKind::Deployment).then(|| canary.target_name()),
    };
    name.map(|name| {
        ObjectRef::new(AUTOSCALING, AutoscalerKind::HorizontalPodAutoscaler.as_str(), namespace, name)
    })
}

/// Kind and name of what the autoscaler scales; none if it could not be looked at.
fn scaled(context: &Context<'_>) -> Option<(String, String)> {
    let reference = reference(context.canary, &context.key.namespace)?;
    let Lookup::Found(autoscaler) = context.look(&reference) else { return None };
    let text = |pointer: &str| autoscaler.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Some((text("/spec/scaleTargetRef/kind")?, text("/spec/scaleTargetRef/name")?))
}

fn elsewhere(context: &Context<'_>, findings: &mut Findings) {
    let (Some(named), Some((kind, name))) = (&context.canary.spec.autoscaler_ref, scaled(context)) else {
        return;
    };
    let target = &context.canary.spec.target_ref;
    if (kind.as_str(), &name) != (target.kind.as_str(), &target.name) {
        findings.report(
            "spec.autoscalerRef.name",
            format!(
                "{} {} scales {kind} {name}, and its copy would scale the primary of {} {} by what that one needs",
                named.kind, named.name, target.kind, target.name
            ),
            "Name the target's own autoscaler",
        );
    }
}

fn forgotten(context: &Context<'_>, findings: &mut Findings) {
    if context.canary.spec.autoscaler_ref.is_some() {
        return;
    }
    let target = &context.canary.spec.target_ref;
    if scaled(context).is_some_and(|(kind, name)| kind == target.kind.as_str() && name == target.name) {
        findings.report(
            "spec.autoscalerRef",
            format!("HorizontalPodAutoscaler {} scales the target, and the primary would keep a fixed number of pods", target.name),
            "Name it here, so that the primary gets a copy",
        );
    }
}

fn missing(context: &Context<'_>, findings: &mut Findings) {
    let spec = &context.canary.spec;
    // Of a target that nothing can scale another rule speaks.
    let Some(named) = spec.autoscaler_ref.as_ref().filter(|_| spec.target_ref.kind == TargetKind::Deployment)
    else {
        return;
    };
    let reference = reference(context.canary, &context.key.namespace);
    if reference.is_some_and(|reference| *context.look(&reference) == Lookup::Missing) {
        findings.report(
            "spec.autoscalerRef.name",
            format!("there is no {} {} in namespace {}", named.kind, named.name, context.key.namespace),
            "Create it, or correct the name",
        );
    }
}

/// The version is not used for the look-up, with the peer neither.
fn version(context: &Context<'_>, findings: &mut Findings) {
    let Some(named) = &context.canary.spec.autoscaler_ref else { return };
    let wanted = match named.kind {
        AutoscalerKind::HorizontalPodAutoscaler => AUTOSCALING,
        AutoscalerKind::ScaledObject => "keda.sh/v1alpha1",
    };
    if named.api_version != wanted {
        findings.report(
            "spec.autoscalerRef.apiVersion",
            format!("{} is taken as {wanted}", named.api_version),
            format!("Write {wanted}"),
        );
    }
}
