//! What a Canary can never change.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::{Canary, Phase, cel};

pub(super) static APEX_NAME: Rule = Rule {
    id: "SL101",
    severity: Severity::Error,
    title: "The name of the apex Service never changes: spec.service.name, or the target's name where that is absent",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[cel::APEX_NAME_IS_IMMUTABLE],
    wrong: "
spec:
  service:
    name: shop
---
spec:
  service:
    name: store
",
    right: "
spec:
  service:
    name: shop
---
spec:
  service:
    name: shop
    portName: http
",
};

pub(super) static TARGET: Rule = Rule {
    id: "SL110",
    severity: Severity::Error,
    title: "The target never changes once the Canary is initialised: spec.targetRef.kind and name",
    manner: Manner::Plain,
    check: Check::Canary(target),
    cel: &[],
    wrong: "
spec:
  targetRef:
    name: api
status:
  phase: Succeeded
---
spec:
  targetRef:
    name: app
  service:
    name: api
",
    right: "
spec:
  targetRef:
    name: api
status:
  phase: Initializing
---
spec:
  targetRef:
    name: app
  service:
    name: api
",
};

/// Whether a primary was made of the target, so that another target would leave it behind.
fn is_initialised(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    !matches!(phase, Phase::Unset | Phase::Initializing)
}

/// Whether both name the same workload.
fn same_target(one: &Canary, other: &Canary) -> bool {
    one.target_name() == other.target_name() && one.spec.target_ref.kind == other.spec.target_ref.kind
}

fn target(context: &Context<'_>, findings: &mut Findings) {
    let Some(old) = context.old.filter(|old| is_initialised(old)) else { return };
    if same_target(old, context.canary) {
        return;
    }
    let name = |canary: &Canary| format!("{} {}", canary.spec.target_ref.kind, canary.target_name());
    let field = if old.target_name() == context.canary.target_name() { "kind" } else { "name" };
    let (was, is) = (name(old), name(context.canary));
    findings.report(
        format!("spec.targetRef.{field}"),
        format!("the target cannot change from {was} to {is}: the primary runs {was}, and nobody would release it any more"),
        format!("Name {was} again, and create another Canary for {is}"),
    );
}

fn check(context: &Context<'_>, findings: &mut Findings) {
    let Some(old) = context.old else { return };
    let (was, is) = (old.apex_name(), context.canary.apex_name());
    // Another target is refused as such; to keep the Service's name would not help.
    if was == is || is_initialised(old) && !same_target(old, context.canary) {
        return;
    }
    // Without a name of its own the Service follows the target, so a new target renames it as well.
    let named = context
        .canary
        .spec
        .service
        .as_ref()
        .is_some_and(|service| service.name.as_ref().is_some_and(|name| !name.is_empty()));
    let path = if named || old.target_name() == context.canary.target_name() {
        "spec.service.name"
    } else {
        "spec.targetRef.name"
    };
    findings.report(
        path,
        format!(
            "the apex Service cannot be renamed from {was} to {is}: the old Services and routes would stay behind"
        ),
        format!("Set spec.service.name to {was}, or create another Canary for {is}"),
    );
}
