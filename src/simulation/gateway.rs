//! Whoever takes routes over: each kind that reports what it accepted is accepted a while after its last change.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Memory;
use crate::api::{Object, ObjectRef};

/// Time from a route's change until it is accepted.
const ACCEPT: SignedDuration = SignedDuration::from_secs(1);

/// What an accepted object's status says. The other kinds of routes report nothing, and are believed.
type Status = fn(&Object, i64) -> Value;

/// The kinds that report, with their groups.
const REPORTING: [(&str, &str, Status); 5] = [
    ("gateway.networking.k8s.io", "HTTPRoute", of_http_route),
    ("projectcontour.io", "HTTPProxy", of_http_proxy),
    ("appmesh.k8s.aws", "VirtualNode", of_app_mesh),
    ("appmesh.k8s.aws", "VirtualRouter", of_app_mesh),
    ("appmesh.k8s.aws", "VirtualService", of_app_mesh),
];

/// What is known of each route.
#[derive(Clone, Debug, Default)]
pub(super) struct Gateway {
    seen: BTreeMap<Arc<ObjectRef>, Seen>,
}

/// A route as it was last looked at.
#[derive(Clone, Debug)]
struct Seen {
    generation: i64,
    /// Since when it is as it is.
    since: Timestamp,
    /// The object that says already that it is accepted.
    told: Option<Arc<Object>>,
}

impl Gateway {
    /// Accepts what has stood for long enough; returns when the next will have. One that is away accepts nothing.
    pub(super) fn tick(&mut self, memory: &mut Memory, now: Timestamp, away: bool) -> Option<Timestamp> {
        let reporting = |of: &Arc<ObjectRef>| Some((of.clone(), reports(of)?));
        let routes: Vec<_> = memory.objects().keys().filter_map(reporting).collect();
        let accepted =
            routes.iter().filter_map(|(of, status)| self.accepts_at(memory, of, now, *status, away));
        accepted.min()
    }

    fn accepts_at(
        &mut self,
        memory: &mut Memory,
        reference: &Arc<ObjectRef>,
        now: Timestamp,
        status: Status,
        away: bool,
    ) -> Option<Timestamp> {
        let object = memory.objects().get(reference)?;
        let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
        let new = Seen { generation, since: now, told: None };
        let seen = self.seen.entry(reference.clone()).or_insert_with(|| new.clone());
        if seen.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, object)) {
            return None;
        }
        if seen.generation != generation {
            *seen = new;
        }
        let at = seen.since + ACCEPT;
        if away {
            return None;
        }
        if at > now {
            return Some(at);
        }
        let status = status(object, generation);
        let _ = memory.replace_part(reference, "status", status);
        seen.told = memory.objects().get(reference).cloned();
        None
    }
}

/// How a kind reports, if it does.
fn reports(of: &ObjectRef) -> Option<Status> {
    let (group, _) = of.group_version();
    let found = REPORTING.into_iter().find(|(of_group, kind, _)| *kind == of.kind && *of_group == group);
    found.map(|(.., status)| status)
}

fn condition(name: &str, generation: i64) -> Value {
    json!({"type": name, "status": "True", "reason": name, "observedGeneration": generation,
           "lastTransitionTime": "2026-01-01T00:00:00Z", "message": ""})
}

fn of_http_route(route: &Object, generation: i64) -> Value {
    let parents = route["spec"]["parentRefs"].as_array().into_iter().flatten();
    let parents: Vec<Value> = parents
        .map(|parent| {
            json!({"parentRef": parent, "controllerName": "simulation/gateway",
                   "conditions": [condition("Accepted", generation), condition("ResolvedRefs", generation)]})
        })
        .collect();
    json!({ "parents": parents })
}

fn of_http_proxy(_: &Object, generation: i64) -> Value {
    json!({"conditions": [condition("Valid", generation)]})
}

fn of_app_mesh(object: &Object, generation: i64) -> Value {
    let kind = object["kind"].as_str().unwrap_or_default();
    json!({"observedGeneration": generation, "conditions": [condition(&format!("{kind}Active"), generation)]})
}
