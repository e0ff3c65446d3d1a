//! The rest of a cluster, as simple as it can be: pods that take time to start, rolling updates, endpoints, and a
//! gateway.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Memory, gateway::Gateway};
use crate::api::{Object, ObjectRef};
use crate::workload::configs::{self, Config, ConfigRef, Reference, Tracked};

/// A pod template with this annotation never becomes ready.
pub const BROKEN: &str = "simulation/broken";

/// Nodes that a DaemonSet runs on.
const NODES: usize = 2;
/// Time from a pod's creation until it is ready.
const START: SignedDuration = SignedDuration::from_secs(4);
/// Time from an owner's end until the garbage collector deletes what it owned.
const COLLECT: SignedDuration = SignedDuration::from_millis(800);

#[derive(Clone, Debug)]
struct Pod {
    /// Shared by all pods of one template.
    template: Arc<Template>,
    ready_at: Timestamp,
    /// The checksums of its configs as they were when it started.
    read: Arc<Tracked>,
}

/// What pods are made from.
#[derive(Clone, Debug)]
struct Template {
    value: Value,
    /// The configs that it refers to.
    references: Vec<Reference>,
}

/// The pods of a workload, as its status counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    wanted: usize,
    all: usize,
    updated: usize,
    available: usize,
    updated_available: usize,
}

/// Controllers and nodes.
#[derive(Clone, Debug, Default)]
pub struct Kubernetes {
    pods: BTreeMap<Arc<ObjectRef>, Vec<Pod>>,
    /// The workloads whose status says what was counted last.
    told: BTreeMap<Arc<ObjectRef>, (Arc<Object>, Count)>,
    gateway: Gateway,
    /// Owners that are gone, by uid, and when what they own goes.
    gone: BTreeMap<String, Timestamp>,
    /// The most pods that there may be; no bound without one.
    pub quota: Option<usize>,
    /// Workloads of whose pods one alone is ready before then.
    slow: BTreeMap<ObjectRef, Timestamp>,
    calm: Option<Calm>,
}

/// When there was nothing to do any more.
#[derive(Clone, Copy, Debug)]
struct Calm {
    /// The memory's version.
    version: u64,
    gateway_away: bool,
    /// When there will be something without a write.
    until: Option<Timestamp>,
}

impl Kubernetes {
    /// Brings pods, endpoints and statuses to what they are at `now`; returns when something will happen next. A gateway
    /// that is away accepts no route.
    pub fn tick(&mut self, memory: &mut Memory, now: Timestamp, gateway_away: bool) -> Option<Timestamp> {
        let calm = self.calm.filter(|calm| {
            calm.version == memory.version()
                && calm.gateway_away == gateway_away
                && calm.until.is_none_or(|until| now < until)
        });
        if let Some(calm) = calm {
            return calm.until;
        }
        let until = self.act(memory, now, gateway_away);
        self.calm = Some(Calm { version: memory.version(), gateway_away, until });
        until
    }

    fn act(&mut self, memory: &mut Memory, now: Timestamp, gateway_away: bool) -> Option<Timestamp> {
        let collected = self.collect(memory, now);
        for reference in memory.of_kind("HorizontalPodAutoscaler") {
            autoscale(memory, &reference);
        }
        let workloads = ["Deployment", "DaemonSet"].map(|kind| memory.of_kind(kind)).concat();
        self.pods.retain(|reference, _| workloads.contains(reference));
        let mut next: Vec<Timestamp> = Vec::new();
        for reference in &workloads {
            self.workload(memory, reference, now);
            let pods = self.pods.get(reference).into_iter().flatten();
            next.extend(pods.map(|pod| pod.ready_at).filter(|at| *at > now && *at < Timestamp::MAX));
        }
        for reference in memory.of_kind("Service") {
            self.endpoints(memory, &reference, now);
        }
        for slice in memory.of_kind("EndpointSlice") {
            let service = slice.name.strip_suffix("-0").unwrap_or_default();
            if memory.get(&ObjectRef::new("v1", "Service", &slice.namespace, service)).is_none() {
                memory.delete(&slice);
            }
        }
        next.extend(self.gateway.tick(memory, now, gateway_away));
        next.extend(collected);
        next.into_iter().min()
    }

    /// Deletes what belongs to nobody any more; returns when there will be more of that.
    fn collect(&mut self, memory: &mut Memory, now: Timestamp) -> Option<Timestamp> {
        self.gone.extend(memory.take_gone().into_iter().map(|uid| (uid, now + COLLECT)));
        if self.gone.is_empty() {
            return None;
        }
        let due = |owner: &Value| {
            let uid = owner["uid"].as_str().unwrap_or_default();
            self.gone.get(uid).is_some_and(|due| *due <= now)
        };
        let orphaned = |object: &Object| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| !owners.is_empty() && owners.iter().all(due))
        };
        let orphans = memory.objects().iter().filter(|(_, object)| orphaned(object));
        let orphans: Vec<_> = orphans.map(|(of, _)| of.clone()).collect();
        orphans.iter().for_each(|of| memory.delete(of));
        self.gone.values().filter(|due| **due > now).min().copied()
    }

    /// The pods of a workload are not ready before `until`.
    pub fn lose(&mut self, workload: &ObjectRef, until: Timestamp) {
        self.calm = None;
        for pod in self.pods.get_mut(workload).into_iter().flatten() {
            pod.ready_at = pod.ready_at.max(until);
        }
    }

    /// All pods of a workload but one are not ready before `until`, nor are those that start meanwhile; its user wants pods to be
    /// replaced although so few of the new ones are ready.
    pub fn slow(&mut self, workload: &ObjectRef, until: Timestamp) {
        self.calm = None;
        self.slow.insert(workload.clone(), until);
    }

    /// Pods of a workload that are ready at `now`.
    pub fn ready(&self, workload: &ObjectRef, now: Timestamp) -> usize {
        self.pods.get(workload).into_iter().flatten().filter(|pod| pod.ready_at <= now).count()
    }

    /// The configs that each ready pod of a workload read when it started.
    pub fn read(&self, workload: &ObjectRef, now: Timestamp) -> impl Iterator<Item = &Tracked> {
        let pods = self.pods.get(workload).into_iter().flatten();
        pods.filter(move |pod| pod.ready_at <= now).map(|pod| pod.read.as_ref())
    }

    fn workload(&mut self, memory: &mut Memory, reference: &Arc<ObjectRef>, now: Timestamp) {
        let Some(object) = memory.objects().get(reference) else { return };
        let count = self.count(memory, reference, object, now);
        let told = self.told.get(reference);
        if told.is_some_and(|(told, counted)| Arc::ptr_eq(told, object) && *counted == count) {
            return;
        }
        let status = status(object, count);
        let _ = memory.replace_part(reference, "status", status);
        if let Some(object) = memory.objects().get(reference) {
            self.told.insert(reference.clone(), (object.clone(), count));
        }
    }

    /// Starts and stops the pods of a workload, and counts them.
    fn count(
        &mut self,
        memory: &Memory,
        reference: &Arc<ObjectRef>,
        object: &Object,
        now: Timestamp,
    ) -> Count {
        let others: usize =
            self.pods.iter().filter(|(of, _)| *of != reference).map(|(_, pods)| pods.len()).sum();
        let quota = self.quota.map_or(usize::MAX, |quota| quota.saturating_sub(others));
        let slow = self.slow.get(reference.as_ref()).copied().filter(|until| *until > now);
        let pods = self.pods.entry(reference.clone()).or_default();
        let wished = &object["spec"]["template"];
        let nodes = wished["spec"]["nodeSelector"].as_object();
        let everywhere = reference.kind == "DaemonSet";
        let wanted = match object["spec"]["replicas"].as_i64() {
            // No node has a label that a selector could ask for.
            None if everywhere && !nodes.is_none_or(Map::is_empty) => 0,
            None if everywhere => NODES,
            count => usize::try_from(count.unwrap_or(1)).unwrap_or(0),
        };
        if wanted == 0 {
            pods.clear();
            return Count { wanted, all: 0, updated: 0, available: 0, updated_available: 0 };
        }
        let known = pods.iter().map(|pod| &pod.template).find(|known| known.value == *wished);
        let template = known.cloned().unwrap_or_else(|| {
            Arc::new(Template { value: wished.clone(), references: configs::references(wished) })
        });
        let broken = template.value["metadata"]["annotations"].get(BROKEN).is_some();
        let start = now + START;
        let exists = |config: &ConfigRef| memory.get(&config.object(&reference.namespace)).is_some();
        let startable = !broken
            && template.references.iter().all(|reference| reference.optional || exists(&reference.config));
        let read = || {
            let checksum = |config: &ConfigRef| {
                let known = Config::of(memory.get(&config.object(&reference.namespace)));
                Some((config.clone(), known.checksum()?.to_owned()))
            };
            Arc::new(template.references.iter().filter_map(|reference| checksum(&reference.config)).collect())
        };
        let mut now_read: Option<Arc<Tracked>> = None;
        let current = |pod: &Pod| Arc::ptr_eq(&pod.template, &template);
        while pods.iter().filter(|pod| current(pod)).count() < wanted && pods.len() < quota {
            pods.push(Pod { template: template.clone(), ready_at: Timestamp::MAX, read: Arc::default() });
        }
        for pod in pods.iter_mut().filter(|pod| startable && current(pod) && pod.ready_at == Timestamp::MAX) {
            pod.ready_at = start;
            pod.read = now_read.get_or_insert_with(read).clone();
        }
        for pod in pods.iter_mut().filter(|pod| current(pod)).skip(1) {
            pod.ready_at = slow.map_or(pod.ready_at, |until| pod.ready_at.max(until));
        }
        let mut surplus = pods.iter().filter(|pod| current(pod)).count().saturating_sub(wanted);
        pods.retain(|pod| {
            let drop = current(pod) && surplus > 0;
            surplus -= usize::from(drop);
            !drop
        });
        // Old pods stay until all new ones are ready: a rolling update that never goes below what is wanted.
        let enough = if slow.is_some() { 1 } else { wanted };
        if pods.iter().filter(|pod| current(pod) && pod.ready_at <= now).count() >= enough {
            pods.retain(current);
        }
        let available = |pod: &&Pod| pod.ready_at <= now;
        Count {
            wanted,
            all: pods.len(),
            updated: pods.iter().filter(|pod| current(pod)).count(),
            available: pods.iter().filter(available).count(),
            updated_available: pods.iter().filter(available).filter(|pod| current(pod)).count(),
        }
    }

    fn endpoints(&self, memory: &mut Memory, service: &ObjectRef, now: Timestamp) {
        let Some(object) = memory.get(service) else { return };
        let selector = object["spec"]["selector"].as_object();
        let matches = |pod: &&Pod| {
            let labels = &pod.template.value["metadata"]["labels"];
            selector.into_iter().flatten().all(|(key, value)| labels[key] == *value)
        };
        let ready = self
            .pods
            .iter()
            .filter(|(workload, _)| workload.namespace == service.namespace)
            .flat_map(|(_, pods)| pods)
            .filter(matches)
            .filter(|pod| pod.ready_at <= now)
            .count();
        let slice = ObjectRef::new(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            &service.namespace,
            format!("{}-0", service.name),
        );
        let known = memory.get(&slice).and_then(|slice| slice["endpoints"].as_array());
        if known.is_some_and(|known| known.len() == ready) {
            return;
        }
        let endpoints: Vec<Value> = (0..ready)
            .map(|n| json!({"addresses": [format!("10.0.0.{n}")], "conditions": {"ready": true}}))
            .collect();
        let fields = json!({
            "metadata": {"labels": {"kubernetes.io/service-name": service.name}},
            "endpoints": endpoints,
        });
        let _ = memory.merge(&slice, &fields);
    }
}

/// What a workload's status says of its pods.
fn status(workload: &Object, count: Count) -> Value {
    let Count { wanted, all, updated, available, updated_available } = count;
    let generation = &workload["metadata"]["generation"];
    if workload["kind"] == "DaemonSet" {
        return json!({
            "observedGeneration": generation,
            "desiredNumberScheduled": wanted,
            "currentNumberScheduled": all.min(wanted),
            // Of the pods on a node the oldest counts.
            "updatedNumberScheduled": updated.min(wanted.saturating_sub(all - updated)),
            "numberAvailable": available,
            "numberReady": available,
            "numberMisscheduled": all.saturating_sub(wanted),
        });
    }
    // A quarter of them may be missing, as by default.
    let enough = available + wanted / 4 >= wanted;
    json!({
        "observedGeneration": generation,
        "replicas": all,
        "updatedReplicas": updated,
        "readyReplicas": available,
        "availableReplicas": available,
        "unavailableReplicas": wanted.saturating_sub(updated_available),
        "conditions": [
            {"type": "Available", "status": if enough { "True" } else { "False" },
             "reason": if enough { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" }},
            {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"},
        ],
    })
}

/// Keeps the replicas of a workload within an autoscaler's bounds; whoever simulates load sets them. A workload that is
/// scaled to zero is left alone.
fn autoscale(memory: &mut Memory, reference: &ObjectRef) {
    let Some(spec) = memory.get(reference).map(|object| &object["spec"]) else { return };
    let scaled = &spec["scaleTargetRef"];
    let text = |key: &str| scaled[key].as_str().unwrap_or_default();
    let target = ObjectRef::new(text("apiVersion"), text("kind"), &reference.namespace, text("name"));
    let Some(replicas) = memory.get(&target).and_then(|object| object["spec"]["replicas"].as_i64()) else {
        return;
    };
    let least = spec["minReplicas"].as_i64().unwrap_or(1);
    let most = spec["maxReplicas"].as_i64().unwrap_or(least);
    let wanted = replicas.max(least).min(most);
    if replicas > 0 && replicas != wanted {
        let _ = memory.merge(&target, &json!({"spec": {"replicas": wanted}}));
    }
}
