//! What is to be done: the answer of the state machine, as data. Nothing here acts.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Ask, AskId, Event};
use crate::api::{Canary, CanaryStatus, Object, ObjectRef, Phase};

/// The one answer to an Observation.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The status as it must be before anything else is written; equal to the present one when nothing changed.
    pub status: CanaryStatus,
    /// Writes in the order in which they must happen, only those that change something.
    pub effects: Vec<Effect>,
    /// How many of them, the first ones, take requests from the canary: they build on no other write.
    pub lowering: usize,
    /// Questions to the outside whose answers a later decision needs. Asking twice is harmless.
    pub asks: Vec<Ask>,
    /// The questions that this decision knows of, answered or not; answers to all others are of no use any more.
    pub known: BTreeSet<AskId>,
    /// Configs whose content must be read before the same is decided again: what they are copied from or to.
    pub lacks: Vec<ObjectRef>,
    /// When to look again although nothing happened.
    pub wake: Option<Timestamp>,
    /// What to tell people; told once the status stands.
    pub events: Vec<Event>,
}

/// Whether a decision starts a rollout of a Canary that is between two.
pub fn starts(canary: &Canary, decision: &Decision) -> bool {
    let before = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let between = matches!(before, Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting);
    between && decision.status.phase.runs()
}

/// Who writes: one field manager a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// The primary workload.
    Primary,
    /// The primary's autoscaler.
    Scaler,
    /// The generated Services.
    Services,
    /// Routes of our own.
    Route,
    /// The mark and the owner annotation on objects of users.
    Claim,
    /// Snapshots of revisions.
    Snapshot,
}

impl Manager {
    /// The field manager's name as the API server stores it.
    pub fn as_str(self) -> &'static str {
        match self {
            Manager::Primary => "sluice/primary",
            Manager::Scaler => "sluice/scaler",
            Manager::Services => "sluice/services",
            Manager::Route => "sluice/route",
            Manager::Claim => "sluice/claim",
            Manager::Snapshot => "sluice/snapshot",
        }
    }
}

/// One write to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Server-side apply, forced, of an object that we own; `object` holds just the fields that we want.
    Apply {
        /// The fields, with `apiVersion`, `kind`, `metadata.name` and `metadata.namespace`.
        object: Object,
        /// Under which name.
        manager: Manager,
    },
    /// A merge patch inside an object that others share; `patch.metadata.resourceVersion` is its precondition.
    Merge {
        /// The object.
        reference: ObjectRef,
        /// The merge patch.
        patch: Object,
        /// Under which name.
        manager: Manager,
    },
    /// A JSON Patch inside an object that others share; its own tests are its precondition.
    Patch {
        /// The object.
        reference: ObjectRef,
        /// Tests, then changes.
        patch: json_patch::Patch,
        /// Under which name.
        manager: Manager,
    },
    /// Sets replicas by the scale subresource, so that nobody's next apply conflicts.
    Scale {
        /// The workload.
        reference: ObjectRef,
        /// The count.
        replicas: i32,
    },
    /// Deletes an object of ours, if it is still the one with this uid.
    Delete {
        /// The object.
        reference: ObjectRef,
        /// Its uid.
        uid: String,
    },
}
