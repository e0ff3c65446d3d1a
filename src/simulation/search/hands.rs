//! What people and GitOps write when something happens, and how they end it.

use serde_json::{Value, json};

use super::{
    happening::{FOREIGN, What},
    subject::{NAME, NAMESPACE, Subject, config, scaled},
};
use crate::{
    api::ObjectRef,
    simulation::{BROKEN, Memory},
    workload::configs::ConfigKind,
};

impl What {
    /// Makes the write of a user.
    pub(super) fn begin(&self, subject: &Subject, asked: u8, memory: &mut Memory) {
        let canary = super::canary();
        let write = |memory: &mut Memory, of: &ObjectRef, fields: Value| {
            if memory.get(of).is_some() {
                let _ = memory.merge(of, &fields);
            }
        };
        match self {
            What::Released(revision) => subject.release(memory, *revision),
            What::Plan(plan) => write(memory, &canary, json!({"spec": {"analysis": plan}})),
            What::Threshold(threshold) => {
                write(memory, &canary, json!({"spec": {"analysis": {"threshold": threshold}}}));
            }
            What::Skipped => write(memory, &canary, json!({"spec": {"skipAnalysis": true}})),
            What::Suspended => write(memory, &canary, json!({"spec": {"suspend": true}})),
            What::Scaled(replicas) => {
                let fields = if subject.target(1)["spec"]["replicas"].is_null() {
                    json!({"spec": {"template": {"spec": {"nodeSelector": null}}}})
                } else {
                    json!({"spec": {"replicas": replicas}})
                };
                write(memory, &subject.workload(NAME), fields);
            }
            What::Reapplied => {
                let _ = memory.merge(&subject.workload(NAME), &subject.target(asked));
            }
            What::TargetDeleted => memory.delete(&subject.workload(NAME)),
            What::PrimaryDeleted => memory.delete(&subject.primary()),
            What::PrimaryEdited => {
                let template = json!({"metadata": {"annotations": {BROKEN: null}},
                    "spec": {"containers": [{"name": NAME, "image": "shop:evil"}]}});
                write(memory, &subject.primary(), json!({"spec": {"template": template}}));
            }
            What::PrimaryRestarted => hang(memory, &subject.primary(), json!("true")),
            What::Rerouted(share) => reroute(memory, &subject.route(), *share),
            What::RouteDeleted => memory.delete(&subject.route()),
            What::ServiceDeleted(name) => memory.delete(&service(name)),
            What::ServiceEdited(name) => {
                write(memory, &service(name), json!({"spec": {"selector": {"app": "nobody"}}}));
            }
            What::ConfigEdited => {
                let _ = memory.merge(&config(ConfigKind::ConfigMap), &json!({"data": {"value": "edited"}}));
            }
            What::AutoscalerEdited => {
                let _ = memory.merge(&subject.autoscaler(), &scaled(3, 5));
            }
            What::Misruled { edited, .. } => write(memory, &canary, json!({"spec": edited})),
            What::Moved(provider) => write(memory, &canary, json!({"spec": {"provider": provider}})),
            What::SnapshotsDeleted(number) => {
                let snapshots = memory.of_kind("ControllerRevision");
                let chosen = |index: &usize| number.is_none_or(|number| number % snapshots.len() == *index);
                for index in (0..snapshots.len()).filter(chosen) {
                    memory.delete(&snapshots[index]);
                }
            }
            What::CanaryDeleted { reverts, .. } => {
                if *reverts {
                    write(memory, &canary, json!({"spec": {"revertOnDeletion": true}}));
                }
                memory.delete(&canary);
            }
            What::Marked(of) => {
                write(
                    memory,
                    of,
                    json!({"metadata": {"annotations": {FOREIGN: "keep"}, "labels": {FOREIGN: "keep"}}}),
                );
            }
            _ => {}
        }
    }

    /// Ends what a user began.
    pub(super) fn end(&self, subject: &Subject, asked: u8, memory: &mut Memory) {
        match self {
            What::Suspended if memory.get(&super::canary()).is_some() => {
                let _ = memory.merge(&super::canary(), &json!({"spec": {"suspend": false}}));
            }
            What::Misruled { mended, .. } if memory.get(&super::canary()).is_some() => {
                let _ = memory.merge(&super::canary(), &json!({"spec": mended}));
            }
            // One that goes is not made again before it is gone.
            What::CanaryDeleted { again: true, .. } if memory.get(&super::canary()).is_none() => {
                let _ = memory.merge(&super::canary(), &subject.canary());
            }
            What::TargetDeleted => {
                let _ = memory.merge(&subject.workload(NAME), &subject.target(asked));
            }
            What::PrimaryRestarted => hang(memory, &subject.primary(), Value::Null),
            _ => {}
        }
    }
}

/// Restarts a workload with pods that do not get ready, or with those that do.
fn hang(memory: &mut Memory, workload: &ObjectRef, broken: Value) {
    if memory.get(workload).is_some() {
        let template = json!({"metadata": {"annotations": {BROKEN: broken}}});
        let _ = memory.merge(workload, &json!({"spec": {"template": template}}));
    }
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Service", NAMESPACE, name)
}

/// Gives the canary another share wherever the route has one, whatever its kind is.
fn reroute(memory: &mut Memory, route: &ObjectRef, share: i64) {
    let Some(mut object) = memory.get(route).cloned() else { return };
    let mut found = false;
    edit(&mut object["spec"], &mut |list| {
        if let [primary, canary] = list
            && primary.get("weight").is_some()
            && canary.get("weight").is_some()
        {
            primary["weight"] = json!(100 - share);
            canary["weight"] = json!(share);
            found = true;
        }
    });
    if found {
        let _ = memory.replace_part(route, "spec", object["spec"].take());
    }
}

/// Visits all lists of a value.
fn edit(value: &mut Value, visit: &mut impl FnMut(&mut [Value])) {
    match value {
        Value::Array(list) => {
            visit(list);
            list.iter_mut().for_each(|item| edit(item, visit));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| edit(field, visit)),
        _ => {}
    }
}
