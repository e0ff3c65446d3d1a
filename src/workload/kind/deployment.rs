//! Deployments.

use serde_json::Value;

use super::{Kind, Scaling, count, is_seen};
use crate::{
    api::{Object, TargetKind, at},
    workload::readiness::Pods,
};

/// `apps/v1` Deployment: it idles at 0 replicas.
#[derive(Debug)]
pub(super) struct Deployment;

impl Kind for Deployment {
    fn name(&self) -> TargetKind {
        TargetKind::Deployment
    }

    fn fields(&self) -> &'static [&'static str] {
        &["strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"]
    }

    fn replicas(&self, object: &Object) -> Option<i32> {
        let replicas = at(object, &["spec", "replicas"]).and_then(Value::as_i64);
        Some(replicas.and_then(|count| i32::try_from(count).ok()).unwrap_or(1))
    }

    fn is_idle(&self, object: &Object) -> bool {
        self.replicas(object) == Some(0)
    }

    fn scaled(&self, replicas: i32) -> Scaling {
        Scaling::Replicas(replicas)
    }

    fn pods(&self, object: &Object) -> Pods {
        let conditions = at(object, &["status", "conditions"]).and_then(Value::as_array);
        let condition = |of: &str| conditions.into_iter().flatten().find(|c| c["type"] == of);
        let stuck = condition("Progressing").filter(|c| c["reason"] == "ProgressDeadlineExceeded").map(|c| {
            let deadline = at(object, &["spec", "progressDeadlineSeconds"]).and_then(Value::as_i64);
            format!("the rollout made no progress within {} s{}", deadline.unwrap_or(600), because(c))
        });
        let paused = at(object, &["spec", "paused"]) == Some(&Value::Bool(true));
        let recreates = at(object, &["spec", "strategy", "type"]).is_some_and(|of| of == "Recreate");
        let failure = condition("ReplicaFailure").filter(|c| c["status"] == "True");
        Pods {
            seen: is_seen(object),
            wanted: self.replicas(object).unwrap_or(1).into(),
            updated: count(object, "status", "updatedReplicas"),
            all: count(object, "status", "replicas"),
            available: count(object, "status", "availableReplicas"),
            // By Recreate all go at once, and the condition tells of it when it has happened.
            holds: !recreates && condition("Available").is_some_and(|c| c["status"] == "True"),
            stuck,
            hint: format!(
                "{}{}",
                if paused { "; the Deployment is paused" } else { "" },
                failure.map(because).unwrap_or_default()
            ),
        }
    }
}

fn because(condition: &Value) -> String {
    let message = condition["message"].as_str().filter(|message| !message.is_empty());
    message.map(|message| format!(": {message}")).unwrap_or_default()
}
