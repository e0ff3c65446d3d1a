//! Deletions of what a Canary made or releases. A primary stays as long as its Canary does; of the rest people are told what
//! follows. The API server may leave out the name of one of many, so all is read from the old object.

use serde_json::Value;

use super::SERVICE;
use super::write::{goes, owner, refuse};
use crate::admission::catalog::{Catalog, Entry};
use crate::admission::lookup::Lookups;
use crate::admission::problem::{Problem, Severity};
use crate::admission::review::{Operation, Request};
use crate::admission::rules::{Check, Manner, Rule};
use crate::admission::verdict::Verdict;
use crate::api::CanaryKey;
use crate::api::names::BREAK_GLASS;
use crate::routing;
use crate::workload::break_glass;

/// The rule about deletions of primaries.
pub static PRIMARY: Rule = Rule {
    id: "SL602",
    severity: Severity::Error,
    title: "A primary is deleted with its Canary, not before it, unless its annotation sluice.dev/break-glass says why",
    manner: Manner::Plain,
    check: Check::Guard,
    cel: &[],
    wrong: "
status:
  phase: Succeeded
---
# kubectl delete
kind: Deployment
metadata:
  name: app-primary
  annotations:
    sluice.dev/canary: app
",
    right: "
status:
  phase: Succeeded
---
# kubectl delete
kind: Deployment
metadata:
  name: app-primary
  annotations:
    sluice.dev/canary: app
    sluice.dev/break-glass: its pods hang, and a restart does not help
",
};

/// The rule about deletions of targets.
pub static TARGET: Rule = Rule {
    id: "SL603",
    severity: Severity::Warning,
    title: "A target stays while a Canary releases it; without it the Canary waits, and its primary goes on serving",
    manner: Manner::Plain,
    check: Check::Guard,
    cel: &[],
    wrong: "
status:
  phase: Succeeded
---
# kubectl delete
kind: Deployment
metadata:
  annotations:
    sluice.dev/canary: app
",
    right: "
metadata:
  deletionTimestamp: 2026-01-01T00:00:00Z
status:
  phase: Succeeded
---
# kubectl delete
kind: Deployment
metadata:
  annotations:
    sluice.dev/canary: app
",
};

/// The rule about deletions of Services and routes.
pub static WAY: Rule = Rule {
    id: "SL604",
    severity: Severity::Warning,
    title: "A Service or a route of a Canary goes with it; deleted before, it is made anew, a Service with another address",
    manner: Manner::Plain,
    check: Check::Guard,
    cel: &[],
    wrong: "
status:
  phase: Succeeded
---
# kubectl delete
kind: Service
metadata:
  annotations:
    sluice.dev/canary: app
",
    right: "
metadata:
  deletionTimestamp: 2026-01-01T00:00:00Z
status:
  phase: Succeeded
---
# kubectl delete
kind: Service
metadata:
  annotations:
    sluice.dev/canary: app
",
};

/// Judges the deletion of a marked object.
pub fn review(request: &Request, catalog: &Catalog, lookups: &Lookups) -> Verdict {
    Deletion::read(request, catalog).map(|deletion| deletion.verdict(lookups)).unwrap_or_default()
}

struct Deletion<'a> {
    kind: &'a str,
    name: &'a str,
    object: &'a Value,
    canary: CanaryKey,
    entry: &'a Entry,
}

impl<'a> Deletion<'a> {
    /// The deletion, if it is of something whose Canary is there and stays.
    fn read(request: &'a Request, catalog: &'a Catalog) -> Option<Self> {
        let object = request.old_object.as_ref().filter(|object| !goes(object))?;
        if request.operation != Operation::Delete || !request.sub_resource.is_empty() {
            return None;
        }
        let name = object.pointer("/metadata/name")?.as_str()?;
        let (canary, entry) = owner(object, &request.namespace, catalog)?;
        Some(Deletion { kind: &request.kind, name, object, canary, entry })
    }

    fn verdict(&self, lookups: &Lookups) -> Verdict {
        let mut verdict = Verdict::allow();
        if self.is_way() {
            verdict.problems.push(self.way());
        } else if self.kind != self.entry.claim.kind.as_str() {
            return verdict;
        } else if self.name == self.entry.claim.target {
            verdict.problems.push(self.target());
        } else if self.name == self.entry.claim.primary() && break_glass(self.object).is_none() {
            refuse(&mut verdict, &self.canary, lookups, self.primary());
        }
        verdict
    }

    /// Whether clients reach the Canary's pods by it.
    fn is_way(&self) -> bool {
        let route = || routing::kinds().iter().any(|kind| kind.kind == self.kind);
        if self.kind == SERVICE {
            self.entry.claim.services().iter().any(|of| of == self.name)
        } else {
            route()
        }
    }

    fn way(&self) -> Problem {
        let Deletion { kind, name, canary, .. } = self;
        Problem {
            rule: WAY.id,
            severity: WAY.severity,
            path: "metadata.name".into(),
            message: format!(
                "{kind} {name} leads to what Canary {0} releases, and requests fail until Sluice has made it anew",
                canary.name
            ),
            fix: format!("Delete Canary {} if it is not wanted any more", canary.name),
        }
    }

    fn primary(&self) -> Problem {
        let Deletion { kind, name, canary, .. } = self;
        Problem {
            rule: PRIMARY.id,
            severity: PRIMARY.severity,
            path: "metadata.name".into(),
            message: format!("{kind} {name} serves for Canary {}", canary.name),
            fix: format!(
                "Restart it with kubectl rollout restart, or delete Canary {}, which takes it along; if it has to go, annotate \
                 it with {BREAK_GLASS}=\"<why>\" first, and Sluice makes it anew",
                canary.name
            ),
        }
    }

    fn target(&self) -> Problem {
        let Deletion { kind, name, canary, .. } = self;
        Problem {
            rule: TARGET.id,
            severity: TARGET.severity,
            path: "metadata.name".into(),
            message: format!(
                "{kind} {name} is released by Canary {0}, which waits for it from now on; {1} goes on serving",
                canary.name,
                self.entry.claim.primary()
            ),
            fix: format!("Delete Canary {} too, or apply {name} again", canary.name),
        }
    }
}
