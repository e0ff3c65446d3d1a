//! The guards: what becomes of writes by others to objects that a Canary made or adopted. Each has a counterpart in the
//! controller, which puts right what got past a gate that was away.

pub mod deletion;
pub mod farewell;
mod marks;
pub mod primary;
mod route;
mod service;
mod target;
mod write;

use super::catalog::Catalog;
use super::examine;
use super::lookup::Lookups;
use super::review::{Operation, Request};
use super::verdict::Verdict;
use crate::api::names::CANARY;
use crate::api::{CanaryKey, GROUP, ObjectRef};
use crate::rollout::Settings;
use write::Write;

/// The kind of what clients call.
const SERVICE: &str = "Service";

/// The Canary whose weights a write to a route has to keep.
pub fn needs(request: &Request) -> Vec<ObjectRef> {
    let old = request.old_object.as_ref().filter(|_| request.kind != SERVICE);
    let name = old.and_then(|old| marks::annotation(old, CANARY));
    name.map(|name| write::reference(&CanaryKey::new(&request.namespace, name))).into_iter().collect()
}

/// Judges an update of a Service or a route. What carries our marks and is neither passes.
pub fn shared(request: &Request, catalog: &Catalog, settings: &Settings, lookups: &Lookups) -> Verdict {
    let Some(write) = Write::read(request, catalog) else { return Verdict::allow() };
    if request.kind != SERVICE {
        route::review(&write, settings, lookups)
    } else if write.entry.claim.services().contains(&request.name) {
        service::review(&write)
    } else {
        Verdict::allow()
    }
}

/// Judges any write of what is guarded, by its kind.
pub fn review(request: &Request, catalog: &Catalog, settings: &Settings, lookups: &Lookups) -> Verdict {
    match (request.operation, request.group.as_str()) {
        (Operation::Delete, GROUP) => departure(request, catalog, settings, lookups),
        (Operation::Delete, _) => deletion::review(request, catalog, lookups),
        (_, "apps") => workload(request, catalog, lookups),
        _ => shared(request, catalog, settings, lookups),
    }
}

/// Judges the deletion of an object of our own kinds: who serves without a Canary, and who uses what Canaries share.
pub fn departure(request: &Request, catalog: &Catalog, settings: &Settings, lookups: &Lookups) -> Verdict {
    if request.kind == "Canary" {
        farewell::review(request)
    } else {
        examine::review(request, catalog, settings, lookups)
    }
}

/// Judges an update of a workload: a target or a primary. Anything else passes.
pub fn workload(request: &Request, catalog: &Catalog, lookups: &Lookups) -> Verdict {
    let Some(write) = Write::read(request, catalog) else { return Verdict::allow() };
    if write.is(&write.entry.claim.target) {
        target::review(&write)
    } else if write.is(&write.entry.claim.primary()) {
        primary::review(&write, lookups)
    } else {
        // A mark that does not fit its Canary is not ours to act on.
        Verdict::allow()
    }
}
