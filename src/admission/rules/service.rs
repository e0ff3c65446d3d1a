//! What the Services need.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Canary, Provider};

pub(super) static INCOMPLETE: Rule = Rule {
    id: "SL301",
    severity: Severity::Error,
    title: "spec.service names the port that clients use; a targetPort by name is at most 15 of a-z, 0-9 and -",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
spec:
  service: null
",
    right: "
spec:
  service:
    port: 80
    targetPort: http
",
};

pub(super) static HEADLESS: Rule = Rule {
    id: "SL316",
    severity: Severity::Warning,
    title: "spec.service.headless does not change: the address of a Service never does",
    manner: Manner::Plain,
    check: Check::Canary(headless),
    cel: &[],
    wrong: "
spec:
  service:
    headless: false
---
spec:
  service:
    headless: true
",
    right: "
spec:
  service:
    headless: true
---
spec:
  service:
    headless: true
    portName: web
",
};

fn headless(context: &Context<'_>, findings: &mut Findings) {
    let service = |canary: &Canary| canary.spec.service.clone();
    let (Some(was), Some(is)) = (context.old.and_then(service), service(context.canary)) else { return };
    if was.headless != is.headless {
        findings.report(
            "spec.service.headless",
            "the Services keep the address that they were made with, or none, so that this has no effect",
            "Put it back, or move to another Canary with another spec.service.name",
        );
    }
}

fn check(context: &Context<'_>, findings: &mut Findings) {
    let Some(service) = &context.canary.spec.service else {
        // A Knative Service brings its own.
        if context.provider() != Provider::Knative {
            let fix = "Add spec.service with the port that clients use";
            findings.report("spec.service", "it is missing, so there is no port to serve", fix);
        }
        return;
    };
    if let Some(IntOrString::String(name)) = &service.target_port
        && !name.is_empty()
        && !is_port_name(name)
    {
        findings.report(
            "spec.service.targetPort",
            format!("{name:?} cannot be the name of a container's port"),
            "Write its name or number; a name has at most 15 lower-case letters, digits and -",
        );
    }
}

/// Whether a text is a port's name as the API server takes it (IANA service name).
fn is_port_name(text: &str) -> bool {
    (1..=15).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && text.contains(|c: char| c.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}
