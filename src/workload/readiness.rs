//! Whether pods can carry traffic.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use serde_json::Value;

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

/// Judges a Deployment by its status; `threshold_percent` of the wished pods have to be available, taken as 1 to 100 and
/// rounded up. A Deployment of 0 replicas is ready when its pods are gone: the caller knows whether that is what it wants.
pub fn deployment(deployment: &Deployment, threshold_percent: i32) -> Readiness {
    let status = deployment.status.clone().unwrap_or_default();
    let spec = deployment.spec.clone().unwrap_or_default();
    let generation = deployment.metadata.generation.unwrap_or_default();
    if status.observed_generation.unwrap_or_default() < generation {
        return Readiness::Waiting("the Deployment controller has not seen the last change yet".to_owned());
    }
    let conditions = status.conditions.unwrap_or_default();
    let condition = |of: &str| conditions.iter().find(|condition| condition.type_ == of);
    if let Some(progressing) = condition("Progressing")
        && progressing.reason.as_deref() == Some("ProgressDeadlineExceeded")
    {
        return Readiness::Failed(format!(
            "the rollout made no progress within {} s{}",
            spec.progress_deadline_seconds.unwrap_or(600),
            because(Some(progressing))
        ));
    }
    let wished = i64::from(spec.replicas.unwrap_or(1));
    let updated = i64::from(status.updated_replicas.unwrap_or_default());
    let all = i64::from(status.replicas.unwrap_or_default());
    let available = i64::from(status.available_replicas.unwrap_or_default());
    if updated < wished {
        let paused = if spec.paused == Some(true) { "; the Deployment is paused" } else { "" };
        let failure = condition("ReplicaFailure").filter(|condition| condition.status == "True");
        return Readiness::Waiting(format!(
            "{updated} of {wished} pods have the new template{paused}{}",
            because(failure)
        ));
    }
    if all > updated {
        return Readiness::Waiting(format!("{} pods of the old template are still there", all - updated));
    }
    if wished == 0 && all > 0 {
        return Readiness::Waiting(format!("{all} pods are still there"));
    }
    let enough = (wished * i64::from(threshold_percent.clamp(1, 100)) + 99) / 100;
    if available < enough {
        return Readiness::Waiting(format!(
            "{available} of {wished} pods are available, {enough} are needed"
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
            let condition = |of: &str| endpoint.get("conditions").and_then(|all| all.get(of)?.as_bool());
            if condition("ready").unwrap_or(true) && !condition("terminating").unwrap_or(false) {
                let pod = ["/targetRef/uid", "/targetRef/name", "/addresses/0"];
                pods.extend(pod.iter().find_map(|path| endpoint.pointer(path)?.as_str()));
            }
        }
    }
    pods.len()
}

fn because(condition: Option<&DeploymentCondition>) -> String {
    let message = condition.and_then(|condition| condition.message.as_deref());
    message.filter(|message| !message.is_empty()).map(|message| format!(": {message}")).unwrap_or_default()
}
