//! DaemonSets.
//!
//! A DaemonSet has no count. It idles by a node selector that no node has, in its pod template: a merge patch adds the one key
//! and takes it away again, all other keys stay. The key is no part of a revision and never reaches the primary.

use serde_json::{Value, json};

use super::{Kind, Scaling, count, is_seen};
use crate::{
    api::{Object, TargetKind, at, names},
    workload::readiness::Pods,
};

/// `apps/v1` DaemonSet: it idles by a node selector.
#[derive(Debug)]
pub(super) struct DaemonSet;

impl Kind for DaemonSet {
    fn name(&self) -> TargetKind {
        TargetKind::DaemonSet
    }

    fn fields(&self) -> &'static [&'static str] {
        &["updateStrategy", "minReadySeconds", "revisionHistoryLimit"]
    }

    fn replicas(&self, _object: &Object) -> Option<i32> {
        None
    }

    fn is_idle(&self, object: &Object) -> bool {
        let selector = at(object, &["spec", "template", "spec", "nodeSelector"]);
        selector.is_some_and(|selector| selector.get(names::SCALE_TO_ZERO).is_some())
    }

    fn scaled(&self, replicas: i32) -> Scaling {
        let value = if replicas == 0 { json!("true") } else { Value::Null };
        let selector = json!({ names::SCALE_TO_ZERO: value });
        Scaling::Patch(json!({"spec": {"template": {"spec": {"nodeSelector": selector}}}}))
    }

    fn pods(&self, object: &Object) -> Pods {
        let status = |field| count(object, "status", field);
        let (wanted, available) = (status("desiredNumberScheduled"), status("numberAvailable"));
        // Where pods shall be, one on a node that got a taint stays as it is for good and is nothing to wait for. Where none
        // shall be, its controller takes them from every node that the selector does not match.
        let misplaced = if wanted == 0 { status("numberMisscheduled") } else { 0 };
        Pods {
            seen: is_seen(object),
            wanted,
            updated: status("updatedNumberScheduled"),
            all: status("currentNumberScheduled") + misplaced,
            available,
            // One after the other is replaced unless its user wants more at a time.
            holds: available > 0 && available + 1 >= wanted,
            stuck: None,
            hint: String::new(),
        }
    }

    fn problem(&self, target: &Object) -> Option<String> {
        let on_delete = at(target, &["spec", "updateStrategy", "type"]).is_some_and(|of| of == "OnDelete");
        on_delete.then(|| {
            "its updateStrategy is OnDelete, so no pod would ever get a new revision; \
             set spec.updateStrategy.type to RollingUpdate"
                .to_owned()
        })
    }
}
