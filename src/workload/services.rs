//! The three Services: apex, primary and canary.
//!
//! | field | value |
//! |---|---|
//! | labels | the Canary's for this Service; the selector's key with the Service's own name |
//! | annotations | the Canary's for this Service; what keeps Flux away; which ports are ours |
//! | `selector` | apex and primary: the selector's key with `<value>-primary`; canary: all of the target's `matchLabels` |
//! | `ports` | the Canary's port, then the discovered ones |
//! | `clusterIP` | `None` if headless and the Service does not have another already; it can never change |
//! | `trafficDistribution` | the Canary's |
//!
//! Keys of `unmanagedMetadata` are never sent. An apex Service that a user made is adopted: it keeps its type, addresses, node
//! ports, labels and further ports, and is not owned, so that it survives the Canary.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Selector, WorkloadError,
    ports::{PortKey, ports},
};
use crate::api::{Canary, CanaryService, Live, Metadata, Object, ObjectRef, names, owned};

/// Most characters of a Service's name.
const NAME: usize = 63;

/// The fields of the Services for server-side apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Services {
    /// What users call; its selector means the primary.
    pub apex: Object,
    /// What routes call for the primary.
    pub primary: Object,
    /// What routes call for the target.
    pub canary: Object,
}

/// Renders the Services of a Canary; `live` tells which of them exist and whose they are.
///
/// # Errors
/// The Canary has no `spec.service`, or a name is too long.
pub fn render(
    canary: &Canary,
    selector: &Selector,
    target: &Object,
    live: &Live,
) -> Result<Services, WorkloadError> {
    let Some(service) = &canary.spec.service else {
        return Err(WorkloadError::NoService { canary: canary.metadata.name.clone().unwrap_or_default() });
    };
    let (primary_name, canary_name) = (canary.primary_service_name(), canary.canary_service_name());
    if let Some(name) = [&primary_name, &canary_name].into_iter().find(|name| name.len() > NAME) {
        return Err(WorkloadError::LongName { name: name.clone() });
    }
    let ports = ports(service, target);
    let one = |name: &str, metadata: &Option<Metadata>, pods: Value| {
        let live = live.get(&reference(canary, name));
        one(canary, service, name, metadata.as_ref(), (&selector.key, pods), &ports, live)
    };
    let primary_pods = json!({&selector.key: selector.primary_value()});
    Ok(Services {
        apex: one(canary.apex_name(), &service.apex, primary_pods.clone()),
        primary: one(&primary_name, &service.primary, primary_pods),
        canary: one(&canary_name, &service.canary, target_pods(target, selector)),
    })
}

/// A Service of the Canary's namespace.
pub(super) fn reference(canary: &Canary, name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Service", canary.namespace_name(), name)
}

fn one(
    canary: &Canary,
    service: &CanaryService,
    name: &str,
    metadata: Option<&Metadata>,
    (key, pods): (&str, Value),
    ports: &[Value],
    live: Option<&Object>,
) -> Object {
    let owned = owned::may_own(canary, live);
    let unmanaged = service.unmanaged_metadata.clone().unwrap_or_default();
    let metadata = metadata.cloned().unwrap_or_default();
    let mut labels = metadata.labels;
    // The label of an adopted Service is its user's.
    if owned {
        labels.insert(key.to_owned(), name.to_owned());
    }
    let mut annotations = metadata.annotations;
    annotations.extend(names::FLUX_DISABLED.map(|(key, value)| (key.to_owned(), value.to_owned())));

    // Which ports are ours: the gate leaves the others to whoever writes the Service.
    let own: Vec<String> = ports.iter().filter_map(PortKey::of).map(|key| key.to_string()).collect();
    annotations.insert(names::PORTS.to_owned(), own.join(","));

    let mut spec = Map::new();
    spec.insert("selector".to_owned(), pods);
    let ports = match live.filter(|_| !owned) {
        Some(live) => adopted_ports(live, ports, service.port_name.is_some()),
        None => ports.to_vec(),
    };
    spec.insert("ports".to_owned(), ports.into());
    let address = live.and_then(|live| live.pointer("/spec/clusterIP")).and_then(Value::as_str);
    if service.headless && address.is_none_or(|address| address.is_empty() || address == "None") {
        spec.insert("clusterIP".to_owned(), "None".into());
    }
    if let Some(preference) = service.traffic_distribution {
        spec.insert("trafficDistribution".to_owned(), preference.as_str().into());
    }
    let object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": canary.namespace_name(),
            "labels": without(labels, &unmanaged.labels),
            "annotations": without(annotations, &unmanaged.annotations),
        },
        "spec": spec,
    });
    owned::seal(canary, object, owned)
}

/// The merge patch by which the apex Service selects the target's pods; none if it does. What its user applied by `kubectl` says
/// how they did so before.
pub fn reverted(canary: &Canary, target: &Object, selector: &Selector, live: &Object) -> Option<Object> {
    let applied =
        live.pointer("/metadata/annotations").and_then(|all| all.get(names::LAST_APPLIED)?.as_str());
    let applied = applied.filter(|_| !owned::controls(canary, live));
    let applied: Option<Value> = applied.and_then(|text| serde_json::from_str(text).ok());
    let users = applied.and_then(|object| object.pointer("/spec/selector").cloned());
    let mut wanted = users.filter(Value::is_object).unwrap_or_else(|| target_pods(target, selector));
    if live["spec"]["selector"] == wanted {
        return None;
    }
    let present = live["spec"]["selector"].as_object().into_iter().flat_map(Map::keys);
    let surplus: Vec<String> = present.filter(|key| wanted.get(key).is_none()).cloned().collect();
    for key in surplus {
        wanted[key] = Value::Null;
    }
    let version = &live["metadata"]["resourceVersion"];
    Some(json!({"metadata": {"resourceVersion": version}, "spec": {"selector": wanted}}))
}

/// The pods of the target and of no other workload: a target may be told from another by several labels together. The
/// primary's Services cannot do the same, as its pods have the labels of an older revision.
fn target_pods(target: &Object, selector: &Selector) -> Value {
    let labels = target.pointer("/spec/selector/matchLabels").cloned();
    labels.unwrap_or_else(|| json!({&selector.key: selector.value}))
}

/// Our ports and those of a user's Service that are none of ours. A port of ours keeps the name that it has, as an Ingress may
/// call it by that, unless the Canary gives one. Several ports need names, so one without gets its number for a name.
fn adopted_ports(live: &Object, ours: &[Value], named: bool) -> Vec<Value> {
    let theirs = live.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let key = PortKey::of;
    let has_name = |port: &Value| port["name"].as_str().is_some_and(|name| !name.is_empty());
    let mut ports = ours.to_vec();
    let name =
        theirs.iter().find(|port| ours.first().is_some_and(|own| key(own) == key(port)) && has_name(port));
    if let Some(name) = name.map(|port| port["name"].clone()).filter(|_| !named)
        && ours.iter().all(|port| port["name"] != name)
    {
        ports[0]["name"] = name;
    }
    for port in theirs.iter().filter(|port| !ours.iter().any(|own| key(own) == key(port))) {
        let mut port = port.clone();
        if !has_name(&port) || ports.iter().any(|other| other["name"] == port["name"]) {
            port["name"] = format!("port-{}", port["port"]).into();
        }
        ports.push(port);
    }
    ports
}

fn without(mut map: BTreeMap<String, String>, keys: &[String]) -> BTreeMap<String, String> {
    map.retain(|key, _| !keys.contains(key));
    map
}
