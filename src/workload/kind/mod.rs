//! The kinds of workload that can be released. A kind is one file here and one line in [`KINDS`]; the watches of `cluster`
//! and the chart's role have a line each too.

mod daemonset;
mod deployment;

use std::fmt;

use serde_json::Value;

use super::readiness::Pods;
use crate::api::{Object, ObjectRef, TargetKind, at};

/// What there is to know of a kind of workload.
pub trait Kind: fmt::Debug + Sync {
    /// Its name; the group is `apps/v1` for all of them.
    fn name(&self) -> TargetKind;

    /// Fields of its `spec`, beside the pod template, that the primary gets from the target.
    fn fields(&self) -> &'static [&'static str];

    /// How many pods it asks for; none if that is not for it to say.
    fn replicas(&self, object: &Object) -> Option<i32>;

    /// Whether it asks for no pod at all.
    fn is_idle(&self, object: &Object) -> bool;

    /// How it comes to ask for this many pods. Kinds without a count only tell 0 from more.
    fn scaled(&self, replicas: i32) -> Scaling;

    /// What its status says of its pods.
    fn pods(&self, object: &Object) -> Pods;

    /// Why a target cannot be released as it is: fault and way out, divided by a semicolon.
    fn problem(&self, _target: &Object) -> Option<String> {
        None
    }
}

/// How a target is brought to ask for more or fewer pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// By its scale subresource, so that nobody's next apply conflicts.
    Replicas(i32),
    /// By a merge patch of this content.
    Patch(Value),
}

/// All kinds that can be released.
pub static KINDS: &[&dyn Kind] = &[&deployment::Deployment, &daemonset::DaemonSet];

/// The kind of this name, if it can be released.
pub fn of(name: TargetKind) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

impl dyn Kind {
    /// A reference to an object of this kind.
    pub fn reference(&self, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef::new("apps/v1", self.name().as_str(), namespace, name)
    }
}

/// A count of an object's spec or status; 0 where there is none.
fn count(object: &Object, of: &str, field: &str) -> i64 {
    at(object, &[of, field]).and_then(Value::as_i64).unwrap_or_default()
}

/// Whether the kind's controller has seen the last change.
fn is_seen(object: &Object) -> bool {
    count(object, "status", "observedGeneration") >= count(object, "metadata", "generation")
}
