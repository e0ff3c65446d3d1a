//! One Canary a workload, one Canary a Service name.

use std::borrow::Cow;

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::catalog::{Claim, Overlap, Rival};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{API_VERSION, Canary, ObjectRef};

pub(super) static SAME_TARGET: Rule = Rule {
    id: "SL102",
    severity: Severity::Error,
    title: "A workload has one Canary",
    manner: Manner::Plain,
    check: Check::Canary(same_target),
    cel: &[],
    wrong: "
metadata:
  name: first
spec:
  service:
    name: first
---
metadata:
  name: second
spec:
  service:
    name: second
",
    right: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    name: first
    hosts: [api.example.com]
---
metadata:
  name: second
spec:
  service:
    name: second
",
};

pub(super) static SAME_SERVICE: Rule = Rule {
    id: "SL103",
    severity: Severity::Error,
    title: "A Service name belongs to one Canary: apex, apex-primary and apex-canary are all its own",
    manner: Manner::Plain,
    check: Check::Canary(same_service),
    cel: &[],
    wrong: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    name: shop
---
metadata:
  name: second
spec:
  service:
    name: shop-primary
",
    right: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    name: shop
    hosts: [shop.example.com]
---
metadata:
  name: second
spec:
  service:
    name: store
",
};

pub(super) static PRIMARY_AS_TARGET: Rule = Rule {
    id: "SL104",
    severity: Severity::Error,
    title: "The primary that a Canary makes is no target of another",
    manner: Manner::Plain,
    check: Check::Canary(primary_as_target),
    cel: &[],
    wrong: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    name: first
---
kind: Deployment
metadata:
  name: api-primary
spec:
  selector:
    matchLabels:
      app: api-primary
---
metadata:
  name: second
spec:
  targetRef:
    name: api-primary
  service:
    name: second
",
    right: "
metadata:
  name: first
spec:
  targetRef:
    name: api
  service:
    name: first
    hosts: [api.example.com]
---
metadata:
  name: second
spec:
  service:
    name: second
",
};

/// The rivals of these overlaps that the API server confirms, or that it has to be asked about. One that could not be asked about
/// is told and does not count: the index may be behind, and of two that were let in the controller stops the younger one.
pub(super) fn rivals(context: &Context<'_>, overlaps: &[Overlap], findings: &mut Findings) -> Vec<Rival> {
    let Claims { claim, rivals } = claims(context);
    let mut rivals: Vec<Rival> =
        rivals.iter().filter(|rival| overlaps.contains(&rival.overlap)).cloned().collect();
    rivals.retain(|rival| {
        let reference = ObjectRef::new(API_VERSION, "Canary", &rival.key.namespace, &rival.key.name);
        match context.lookups.get(&reference) {
            None => {
                findings.confirm(reference);
                true
            }
            Some(Lookup::Missing) => false,
            Some(Lookup::Unseen) => true,
            Some(Lookup::Failed(reason)) => {
                let (path, what) = subject(context.canary, rival.overlap);
                findings.doubt(
                    path,
                    format!("Canary {} may claim {what} too; it could not be asked ({reason})", rival.key),
                    "Look at the conditions of both Canaries once this one is stored",
                );
                false
            }
            Some(Lookup::Found(object)) => {
                let now: Result<Canary, _> = serde::Deserialize::deserialize(object);
                // One that cannot be read keeps its claim.
                now.map_or(true, |now| {
                    let overlap = claim.overlap(&context.catalog.claim(&now));
                    now.metadata.deletion_timestamp.is_none() && overlap == Some(rival.overlap)
                })
            }
        }
    });
    rivals
}

/// The field and the words for what two Canaries claim.
fn subject(canary: &Canary, overlap: Overlap) -> (&'static str, String) {
    match overlap {
        Overlap::Target => ("spec.targetRef.name", canary.target_name().to_owned()),
        Overlap::Primary => ("spec.targetRef.name", format!("{0} or {0}-primary", canary.target_name())),
        Overlap::Apex | Overlap::ServiceName => {
            ("spec.service.name", format!("Services of {}", canary.apex_name()))
        }
        Overlap::Route | Overlap::RoutePart => ("spec.service", "requests of its route".to_owned()),
    }
}

/// What a Canary claims where it is written, and the others that claim it too.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) claim: Claim,
    rivals: Vec<Rival>,
}

/// The claims of the Canary and the rivals to whom it yields, confirmed or not.
pub(super) fn claims<'a>(context: &'a Context<'_>) -> &'a Claims {
    context.memo.claims.get_or_init(|| {
        let mut canary = Cow::Borrowed(context.canary);
        if canary.metadata.namespace.as_ref() != Some(&context.key.namespace) {
            canary.to_mut().metadata.namespace = Some(context.key.namespace.clone());
        }
        let claim = context.catalog.claim(&canary);
        let mut rivals = context.catalog.rivals(context.key, &claim);
        rivals.retain(|rival| context.yields_to(&rival.key));
        Claims { claim, rivals }
    })
}

fn same_target(context: &Context<'_>, findings: &mut Findings) {
    let target = context.canary.target_name();
    for rival in rivals(context, &[Overlap::Target], findings) {
        let name = rival.key.name;
        findings.report(
            "spec.targetRef.name",
            format!("{target} is released by Canary {name} already"),
            format!("Change Canary {name}, delete it first, or name another target"),
        );
    }
}

fn same_service(context: &Context<'_>, findings: &mut Findings) {
    let apex = context.canary.apex_name();
    for rival in rivals(context, &[Overlap::Apex, Overlap::ServiceName], findings) {
        let name = rival.key.name;
        let message = match rival.overlap {
            Overlap::Apex => format!("the Service name {apex} belongs to Canary {name} already"),
            _ => format!(
                "the Services {apex}, {apex}-primary and {apex}-canary collide with those of Canary {name}"
            ),
        };
        findings.report("spec.service.name", message, "Choose another spec.service.name");
    }
}

fn primary_as_target(context: &Context<'_>, findings: &mut Findings) {
    let target = context.canary.target_name();
    for rival in rivals(context, &[Overlap::Primary], findings) {
        let name = rival.key.name;
        let (message, fix) = match target.ends_with("-primary") {
            true => (
                format!("{target} is the primary that Canary {name} makes"),
                "Name the workload that users deploy",
            ),
            false => (
                format!("its primary {target}-primary is the target of Canary {name}"),
                "Rename one of the workloads",
            ),
        };
        findings.report("spec.targetRef.name", message, fix);
    }
}
