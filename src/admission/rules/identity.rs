//! What a Canary can never change.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::cel;

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

fn check(context: &Context<'_>, findings: &mut Findings) {
    let Some(old) = context.old else { return };
    let (was, is) = (old.apex_name(), context.canary.apex_name());
    if was == is {
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
