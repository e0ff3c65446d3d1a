//! The ConfigMaps and Secrets that the target's pods need. They are looked up in a second round: only the target tells which.

use super::{Check, Context, Findings, MOST, Manner, Rule, selector};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::api::{Object, ObjectRef};
use crate::workload::configs;

pub(super) static MISSING: Rule = Rule {
    id: "SL217",
    severity: Severity::Warning,
    title: "The ConfigMaps and Secrets that the target's pods need exist",
    manner: Manner::Plain,
    check: Check::Canary(missing),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      volumes:
        - name: settings
          configMap:
            name: settings
---
spec:
  targetRef:
    name: app
",
    right: "
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      volumes:
        - name: settings
          configMap:
            name: settings
            optional: true
---
spec:
  targetRef:
    name: app
",
};

/// The configs without which no pod of a target starts.
pub(super) fn references(target: &Object, namespace: &str) -> Vec<ObjectRef> {
    let needed =
        configs::references(&target["spec"]["template"]).into_iter().filter(|needed| !needed.optional);
    needed.take(MOST).map(|needed| needed.config.object(namespace)).collect()
}

/// Silent about what nobody could look at: the right to read Secrets may be kept from us.
fn missing(context: &Context<'_>, findings: &mut Findings) {
    let Some(target) = selector::workload(context) else { return };
    for reference in references(target, &context.key.namespace) {
        if *context.look(&reference) == Lookup::Missing {
            let target = &context.canary.spec.target_ref;
            findings.report(
                "spec.targetRef.name",
                format!("{} {} needs {reference}, which does not exist", target.kind, target.name),
                "Create it, for pods do not start without, or correct its name in the pod template",
            );
        }
    }
}
