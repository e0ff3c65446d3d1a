//! What happens to a released workload in the write that its user makes: an idle target keeps its replicas and remembers the
//! wish, an idle DaemonSet keeps the node selector by which it idles, a changed pod template is stamped, our marks are put back.
//!
//! Nothing is ever refused here and nothing else is touched; in any doubt the object passes as it is. All is computed from the
//! old object, because the API server may call more than once for one write and other webhooks may have changed the new one.

use json_patch::{Patch, PatchOperation};
use serde_json::{Value, json};

use super::marks::{annotation, ours, remove, restore, set};
use super::write::Write;
use crate::admission::verdict::Verdict;
use crate::api::names::{REPLICAS, REQUESTED_BY, REVISION, SCALE_TO_ZERO};
use crate::api::{Phase, TargetKind, at};
use crate::workload::RevisionId;

/// Beginning of the names of our own field managers.
const OUR_MANAGERS: &str = "sluice/";

/// Judges the write to a workload that a Canary releases.
pub(super) fn review(write: &Write<'_>) -> Verdict {
    write.verdict()
}

impl Write<'_> {
    fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::allow();
        let mut annotations = ours(self.old, "annotations");
        if let Some(revision) = self.revision() {
            annotations.insert(REVISION.to_owned(), revision.as_str().into());
            annotations.insert(REQUESTED_BY.to_owned(), self.request.user.clone().into());
        }
        let mut patch = Vec::new();
        if self.entry.claim.kind == TargetKind::DaemonSet {
            patch.extend(self.node_selector());
        }
        if self.entry.claim.kind == TargetKind::Deployment {
            let (wish, held) = self.wish();
            if let Some(wish) = &wish {
                annotations.insert(REPLICAS.to_owned(), wish.clone().into());
            }
            if let Some(replicas) = held {
                patch.push(set(&["spec", "replicas"], replicas.into(), self.new.pointer("/spec/replicas")));
                verdict.changes.push(self.held(replicas, wish.as_deref()));
            }
        }
        restore(self.new, "labels", &ours(self.old, "labels"), &mut patch);
        restore(self.new, "annotations", &annotations, &mut patch);
        verdict.patch = Patch(patch);
        verdict
    }

    /// The revision that this write asks for, if it is another one than before.
    fn revision(&self) -> Option<RevisionId> {
        let (old, new) = (self.old.pointer("/spec/template"), self.new.pointer("/spec/template")?);
        let revision = (old != Some(new)).then(|| RevisionId::of_template(new))?;
        (old.map(RevisionId::of_template).as_ref() != Some(&revision)).then_some(revision)
    }

    /// Whether no run is under way, so that the target rests or is about to. One whose Canary is suspended is in its user's hands.
    fn rests(&self) -> bool {
        let over = matches!(
            self.entry.phase,
            Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting
        );
        over && !self.entry.suspended
    }

    /// Puts the key by which a DaemonSet idles back where it was taken away at rest, and takes it away where it was not: only
    /// the controller moves it.
    fn node_selector(&self) -> Option<PatchOperation> {
        let nodes = ["spec", "template", "spec", "nodeSelector"];
        let key = [nodes.as_slice(), &[SCALE_TO_ZERO]].concat();
        match (at(self.old, &key), at(self.new, &key)) {
            (Some(idle), None) if self.rests() => Some(match at(self.new, &nodes) {
                Some(present) if present.is_object() => set(&key, idle.clone(), None),
                present => set(&nodes, json!({ SCALE_TO_ZERO: idle }), present),
            }),
            (None, Some(_)) => Some(remove(&key)),
            _ => None,
        }
    }

    /// The replica count that the writer wishes, if this write says one, and the count to keep, if it must not be followed.
    fn wish(&self) -> (Option<String>, Option<i64>) {
        let count = |object: &Value| object.pointer("/spec/replicas").and_then(Value::as_i64);
        let (Some(old), Some(new)) = (count(self.old), count(self.new)) else { return (None, None) };
        if new == old {
            return (self.earlier_wish(), None);
        }
        // Without an owner the number is the API's default, because the manifest no longer names one: not a wish.
        let wish = self.owned_by_another(&["f:spec", "f:replicas"]).unwrap_or(true).then(|| new.to_string());
        (wish, (self.rests() && old == 0).then_some(old))
    }

    /// The wish that an earlier call for this same write has put into the new object. A user who writes the annotation owns it;
    /// what a webhook writes is owned by nobody.
    fn earlier_wish(&self) -> Option<String> {
        let written = annotation(self.new, REPLICAS)?;
        let key = format!("f:{REPLICAS}");
        let path = ["f:metadata", "f:annotations", key.as_str()];
        (self.owned_by_another(&path) != Some(true)).then(|| written.to_owned())
    }

    /// Whether a field manager other than ours owns a field of the new object; `None` if ownership is not recorded.
    fn owned_by_another(&self, path: &[&str]) -> Option<bool> {
        let managers =
            self.new.pointer("/metadata/managedFields")?.as_array().filter(|all| !all.is_empty())?;
        Some(managers.iter().any(|entry| {
            let foreign = entry
                .get("manager")
                .and_then(Value::as_str)
                .is_none_or(|name| !name.starts_with(OUR_MANAGERS));
            foreign && entry.get("fieldsV1").and_then(|fields| at(fields, path)).is_some()
        }))
    }

    fn held(&self, replicas: i64, wish: Option<&str>) -> String {
        let (kind, name, canary) = (&self.request.kind, &self.request.name, &self.canary.name);
        let phase = self.entry.phase;
        match wish {
            Some(wish) => format!(
                "{kind} {name} stays at {replicas} replicas while Canary {canary} is {phase}; \
                 the wish for {wish} is kept in the annotation {REPLICAS} and reaches {name}-primary with the next promotion"
            ),
            None => format!("{kind} {name} stays at {replicas} replicas while Canary {canary} is {phase}"),
        }
    }
}
