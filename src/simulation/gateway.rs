//! Whoever takes routes over: each kind that reports what it accepted is accepted a while after its last change.

use std::collections::BTreeMap;

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

/// Since when each route is as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Gateway {
    changed: BTreeMap<ObjectRef, (i64, Timestamp)>,
}

impl Gateway {
    /// Accepts what has stood for long enough; returns when the next will have. One that is away accepts nothing.
    pub(super) fn tick(&mut self, memory: &mut Memory, now: Timestamp, away: bool) -> Option<Timestamp> {
        let mut next = None;
        for (group, kind, status) in REPORTING {
            let ours = |of: &ObjectRef| of.api_version.split('/').next() == Some(group);
            for reference in memory.of_kind(kind).into_iter().filter(ours) {
                let at = self.accepts_at(memory, &reference, now, status, away);
                next = next.into_iter().chain(at).min();
            }
        }
        next
    }

    fn accepts_at(
        &mut self,
        memory: &mut Memory,
        reference: &ObjectRef,
        now: Timestamp,
        status: Status,
        away: bool,
    ) -> Option<Timestamp> {
        let object = memory.get(reference)?;
        let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
        let seen = self.changed.entry(reference.clone()).or_insert((generation, now));
        if seen.0 != generation {
            *seen = (generation, now);
        }
        let at = seen.1 + ACCEPT;
        if away {
            return None;
        }
        if at > now {
            return Some(at);
        }
        let status = status(object, generation);
        let _ = memory.replace_part(reference, "status", status);
        None
    }
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
