//! Whether the primary's pods find a node once the target idles.

use super::{Check, Context, Findings, Manner, Rule, selector};
use crate::admission::problem::Severity;
use crate::workload::{self, Selector};

pub(super) static BESIDE_ITSELF: Rule = Rule {
    id: "SL215",
    severity: Severity::Warning,
    title: "The target's pods do not have to run beside each other (required podAffinity), for it idles without any",
    manner: Manner::Plain,
    check: Check::Canary(beside_itself),
    cel: &[],
    wrong: "
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      affinity:
        podAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - topologyKey: topology.kubernetes.io/zone
              labelSelector:
                matchLabels:
                  app: app
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
      affinity:
        podAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - topologyKey: topology.kubernetes.io/zone
              labelSelector:
                matchLabels:
                  app: cache
---
spec:
  targetRef:
    name: app
",
};

/// A warning only: pods of another workload may have the label as well.
fn beside_itself(context: &Context<'_>, findings: &mut Findings) {
    let Some(target) = selector::workload(context) else { return };
    let Ok(selector) = Selector::of(target, &context.settings.selector_labels) else { return };
    if workload::needs_its_own_pods(target, &selector, &context.key.namespace) {
        let (kind, name) = (context.canary.spec.target_ref.kind, context.canary.target_name());
        findings.report(
            "spec.targetRef.name",
            format!(
                "pods of the primary have to run beside pods with {}={}, and while {kind} {name} idles it has none",
                selector.key, selector.value
            ),
            "Make its podAffinity preferred, or ask for a label that target and primary share",
        );
    }
}
