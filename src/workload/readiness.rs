//! Whether pods can carry traffic.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kind::Kind;
use crate::api::Object;

/// Whether a workload is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// All pods are of the present template and enough of them are available.
    Ready,
    /// Not yet; the sentence says what is awaited.
    Waiting(String),
    /// Not any more without a change; the sentence says why.
    Failed(String),
}

/// The pods of a workload, as its status counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// Whether the status speaks of the last change.
    pub seen: bool,
    /// Pods that shall be.
    pub wanted: i64,
    /// Pods of the present template.
    pub updated: i64,
    /// All pods, those that have to go included.
    pub all: i64,
    /// Pods that take traffic.
    pub available: i64,
    /// Whether enough of them stay available while others are made or replaced, as the workload's strategy has it.
    pub holds: bool,
    /// Why there will be no more without a change.
    pub stuck: Option<String>,
    /// What may be the reason when pods are missing; empty or begins with a punctuation mark.
    pub hint: String,
}

impl Pods {
    /// Whether pods of another template are there or pods of this one are missing.
    pub fn are_being_replaced(&self) -> bool {
        !self.seen || self.updated < self.wanted || self.all > self.updated
    }

    /// Whether what is there will not become less by what is under way: no pod is replaced, though some may be missing.
    pub fn are_only_missing(&self) -> bool {
        self.seen && self.all <= self.updated
    }
}

/// Judges a workload by its status; `threshold_percent` of the wished pods have to be available, taken as 1 to 100 and
/// rounded up. One that asks for no pod is ready when its pods are gone: the caller knows whether that is what it wants.
pub fn readiness(kind: &dyn Kind, object: &Object, threshold_percent: i32) -> Readiness {
    let Pods { seen, wanted, updated, all, available, stuck, hint, holds: _ } = kind.pods(object);
    if !seen {
        return Readiness::Waiting(format!(
            "the {} controller has not seen the last change yet",
            kind.name()
        ));
    }
    if let Some(why) = stuck {
        return Readiness::Failed(why);
    }
    if updated < wanted {
        return Readiness::Waiting(format!("{updated} of {wanted} pods have the new template{hint}"));
    }
    if wanted == 0 && all > 0 {
        return Readiness::Waiting(format!("{all} pods are still there"));
    }
    if all > updated {
        return Readiness::Waiting(format!("{} pods of the old template are still there", all - updated));
    }
    let enough = (wanted * i64::from(threshold_percent.clamp(1, 100)) + 99) / 100;
    if available < enough {
        return Readiness::Waiting(format!(
            "{available} of {wanted} pods are available, {enough} are needed"
        ));
    }
    Readiness::Ready
}

/// Counts the endpoints of a Service that take traffic, each pod once though it may have an address of either family.
///
/// An endpoint that does not say whether it is ready is, as the API has it; a terminating one is not.
pub fn ready_endpoints<'a>(slices: impl Iterator<Item = &'a Object>, service: &str) -> usize {
    let mut pods = BTreeSet::new();
    for slice in slices {
        let labels = slice.get("metadata").and_then(|metadata| metadata.get("labels"));
        let of = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
        if of.and_then(Value::as_str) != Some(service) {
            continue;
        }
        for endpoint in slice.get("endpoints").and_then(Value::as_array).into_iter().flatten() {
            let (conditions, target) = (endpoint.get("conditions"), endpoint.get("targetRef"));
            let condition = |of: &str| conditions.and_then(|all| all.get(of)?.as_bool());
            if condition("ready").unwrap_or(true) && !condition("terminating").unwrap_or(false) {
                let target = |of: &str| target?.get(of)?.as_str();
                let address = || endpoint.get("addresses")?.get(0)?.as_str();
                pods.extend(target("uid").or_else(|| target("name")).or_else(address));
            }
        }
    }
    pods.len()
}
