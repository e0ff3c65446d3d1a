//! What only some providers need, and the workload that only one of them releases.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Provider, TargetKind, TargetRef, cel};

pub(super) static KNATIVE: Rule = Rule {
    id: "SL210",
    severity: Severity::Error,
    title: "A Knative Service (serving.knative.dev/v1) is released by provider knative, which releases nothing else",
    manner: Manner::Plain,
    check: Check::Canary(knative),
    cel: &[],
    wrong: "
spec:
  provider: knative
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
",
    right: "
spec:
  provider: gatewayapi:v1
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
",
};

pub(super) static NOT_NAMED: Rule = Rule {
    id: "SL311",
    severity: Severity::Error,
    title: "What the provider starts from is named: ingressRef (nginx, skipper), routeRef (apisix), service.meshName (appmesh)",
    manner: Manner::Plain,
    check: Check::Canary(not_named),
    cel: &[cel::INGRESS_IS_NAMED, cel::ROUTE_IS_NAMED, cel::MESH_IS_NAMED],
    wrong: "
spec:
  provider: nginx
  service:
    gatewayRefs: []
",
    right: "
spec:
  provider: nginx
  service:
    gatewayRefs: []
  ingressRef:
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    name: app
",
};

/// Group and version of the one kind of Knative that can be released.
const SERVING: &str = "serving.knative.dev/v1";

/// Whether the target is of Knative, in whatever version.
pub(super) fn is_knative(target: &TargetRef) -> bool {
    target.kind == TargetKind::Service && target.api_version.starts_with("serving.knative.dev/")
}

fn knative(context: &Context<'_>, findings: &mut Findings) {
    let (provider, target) = (context.provider(), &context.canary.spec.target_ref);
    let (name, version) = (&target.name, &target.api_version);
    if provider != Provider::Knative && is_knative(target) {
        findings.report(
            "spec.provider",
            format!("provider {provider} cannot move the traffic of Knative Service {name}"),
            "Write knative",
        );
    } else if provider == Provider::Knative && !(is_knative(target) && version == SERVING) {
        findings.report(
            "spec.targetRef",
            format!(
                "provider knative moves the traffic of Services of {SERVING}, and {} {name} is of {version}",
                target.kind
            ),
            "Name such a Service, or choose another provider",
        );
    }
}

fn not_named(context: &Context<'_>, findings: &mut Findings) {
    let (provider, spec) = (context.provider(), &context.canary.spec);
    let mesh = spec.service.as_ref().and_then(|service| service.mesh_name.as_deref());
    let (path, there, what) = match provider {
        Provider::Nginx | Provider::Skipper => {
            ("spec.ingressRef", spec.ingress_ref.is_some(), "an Ingress that leads to the apex Service")
        }
        Provider::Apisix => {
            ("spec.routeRef", spec.route_ref.is_some(), "an ApisixRoute that leads to the apex Service")
        }
        Provider::AppMeshV1Beta1 => (
            "spec.service.meshName",
            mesh.is_some_and(|mesh| !mesh.is_empty()),
            "the mesh that its objects belong to",
        ),
        _ => return,
    };
    if !there {
        findings.report(
            path,
            format!("provider {provider} starts from {what}, and none is named"),
            format!("Set {path}"),
        );
    }
}
