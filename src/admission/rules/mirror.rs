//! Permanent mirrors of a route.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::cel;

pub(super) static NO_PORT: Rule = Rule {
    id: "SL304",
    severity: Severity::Error,
    title: "A Service that gets copies of requests is named with its port",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[cel::SERVICE_BACKEND_HAS_A_PORT],
    wrong: "
spec:
  service:
    mirror:
      - backendRef:
          name: shadow
",
    right: "
spec:
  service:
    mirror:
      - backendRef:
          name: shadow
          port: 80
",
};

fn check(context: &Context<'_>, findings: &mut Findings) {
    let mirrors = context.canary.spec.service.iter().flat_map(|service| &service.mirror);
    for (index, mirror) in mirrors.enumerate() {
        let service =
            |backend: &&crate::api::BackendRef| backend.group.is_empty() && backend.kind == "Service";
        if let Some(backend) =
            mirror.backend_ref.as_ref().filter(service).filter(|backend| backend.port.is_none())
        {
            findings.report(
                format!("spec.service.mirror[{index}].backendRef.port"),
                format!("Service {} is named without a port", backend.name),
                "Add the port that gets the copies",
            );
        }
    }
}
