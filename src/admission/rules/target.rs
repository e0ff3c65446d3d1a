//! Whether the target is there. A manifest may come before its workload, so these only warn.

use super::{Check, Context, Findings, Manner, Rule, provider};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{Canary, ObjectRef, TargetKind};
use crate::workload;

pub(super) static MISSING: Rule = Rule {
    id: "SL201",
    severity: Severity::Warning,
    title: "The target exists; until it does, the Canary waits for it",
    manner: Manner::Plain,
    check: Check::Canary(missing),
    cel: &[],
    wrong: "
spec:
  targetRef:
    name: ap
",
    right: "
spec:
  targetRef:
    name: app
",
};

pub(super) static UNKNOWN: Rule = Rule {
    id: "SL204",
    severity: Severity::Warning,
    title: "The target can be looked at when the Canary is written",
    manner: Manner::Plain,
    check: Check::Canary(unknown),
    cel: &[],
    wrong: "
# the API server does not answer
spec:
  targetRef:
    name: app
",
    right: "
spec:
  targetRef:
    name: app
",
};

pub(super) static IMPOSSIBLE: Rule = Rule {
    id: "SL205",
    severity: Severity::Error,
    title: "The target's pods get a new revision by themselves (a DaemonSet's updateStrategy is not OnDelete)",
    manner: Manner::Plain,
    check: Check::Canary(impossible),
    cel: &[],
    wrong: "
kind: DaemonSet
metadata:
  name: app
spec:
  updateStrategy:
    type: OnDelete
---
spec:
  targetRef:
    kind: DaemonSet
    name: app
",
    right: "
kind: DaemonSet
metadata:
  name: app
spec:
  updateStrategy:
    type: RollingUpdate
---
spec:
  targetRef:
    kind: DaemonSet
    name: app
",
};

pub(super) static HIDDEN_PORT: Rule = Rule {
    id: "SL206",
    severity: Severity::Error,
    title: "Port discovery finds no other container port with the number of spec.service.port",
    manner: Manner::Plain,
    check: Check::Canary(hidden_port),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      containers:
        - name: app
          ports:
            - name: http
              containerPort: 8080
            - name: admin
              containerPort: 80
---
spec:
  service:
    port: 80
    targetPort: http
    portDiscovery: true
",
    right: "
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      containers:
        - name: app
          ports:
            - name: http
              containerPort: 8080
            - name: admin
              containerPort: 9090
---
spec:
  service:
    port: 80
    targetPort: http
    portDiscovery: true
",
};

pub(super) static NO_REPLICAS: Rule = Rule {
    id: "SL207",
    severity: Severity::Error,
    title: "An autoscaler is for a target with replicas; a DaemonSet has none, a Knative Service scales itself",
    manner: Manner::Plain,
    check: Check::Canary(no_replicas),
    cel: &[],
    wrong: "
kind: DaemonSet
metadata:
  name: app
---
spec:
  targetRef:
    kind: DaemonSet
    name: app
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
  targetRef:
    kind: Deployment
    name: app
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: app
",
};

pub(super) static VERSION: Rule = Rule {
    id: "SL208",
    severity: Severity::Warning,
    title: "spec.targetRef.apiVersion is apps/v1 for a Deployment or a DaemonSet",
    manner: Manner::Plain,
    check: Check::Canary(version),
    cel: &[],
    wrong: "
spec:
  targetRef:
    apiVersion: v1
    kind: Deployment
    name: app
",
    right: "
spec:
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: app
",
};

/// The target as the API server knows it; none for kinds whose objects rules do not look at.
pub(super) fn reference(canary: &Canary, namespace: &str) -> Option<ObjectRef> {
    let kind = canary.spec.target_ref.kind;
    (kind != TargetKind::Service)
        .then(|| ObjectRef::new("apps/v1", kind.as_str(), namespace, canary.target_name()))
}

/// The outcome of the look at the target.
pub(super) fn look<'a>(context: &'a Context<'_>) -> Option<&'a Lookup> {
    reference(context.canary, &context.key.namespace).map(|reference| context.look(&reference))
}

fn missing(context: &Context<'_>, findings: &mut Findings) {
    if look(context) == Some(&Lookup::Missing) {
        let (kind, name) = (context.canary.spec.target_ref.kind, context.canary.target_name());
        findings.report(
            "spec.targetRef.name",
            format!("there is no {kind} {name} in namespace {}", context.key.namespace),
            "Create it, the Canary waits for it, or correct the name",
        );
    }
}

fn unknown(context: &Context<'_>, findings: &mut Findings) {
    if let Some(Lookup::Failed(reason)) = look(context) {
        let (kind, name) = (context.canary.spec.target_ref.kind, context.canary.target_name());
        findings.report(
            "spec.targetRef.name",
            format!("{kind} {name} could not be looked at ({reason}), so its labels were not checked"),
            "Look at the Canary's conditions once it is stored",
        );
    }
}

fn impossible(context: &Context<'_>, findings: &mut Findings) {
    let Some(kind) = workload::kind::of(context.canary.spec.target_ref.kind) else { return };
    if let Some(Lookup::Found(target)) = look(context)
        && let Some(problem) = kind.problem(target)
    {
        let name = context.canary.target_name();
        findings.report_sentence("spec.targetRef.name", &format!("{} {name}: {problem}", kind.name()));
    }
}

fn hidden_port(context: &Context<'_>, findings: &mut Findings) {
    let (Some(service), Some(Lookup::Found(target))) = (&context.canary.spec.service, look(context)) else {
        return;
    };
    for (container, number) in workload::hidden_ports(service, target) {
        findings.report(
            "spec.service.portDiscovery",
            format!(
                "port {number} of container {container} cannot be added: the Services have {number} for another port already"
            ),
            "Choose another spec.service.port, or set portDiscovery to false",
        );
    }
}

fn no_replicas(context: &Context<'_>, findings: &mut Findings) {
    let target = &context.canary.spec.target_ref;
    let message = match target.kind {
        TargetKind::DaemonSet => "a DaemonSet has a pod on each of its nodes, so nothing can scale it",
        TargetKind::Service if provider::is_knative(target) => "Knative scales its Services itself",
        _ => return,
    };
    if context.canary.spec.autoscaler_ref.is_some() {
        findings.report("spec.autoscalerRef", message, "Remove autoscalerRef");
    }
}

fn version(context: &Context<'_>, findings: &mut Findings) {
    let target = &context.canary.spec.target_ref;
    if let Some(kind) = workload::kind::of(target.kind) {
        let wanted = kind.reference("", "").api_version;
        if target.api_version != wanted {
            findings.report(
                "spec.targetRef.apiVersion",
                format!("{} is taken as {wanted}, where {}s are", target.api_version, target.kind),
                format!("Write {wanted}"),
            );
        }
    }
}
