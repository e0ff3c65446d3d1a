//! The routes of a Canary that is about to be gone: everything in them that led to primary or canary leads to the apex. So does what
//! a user made for a provider that was chosen before.

use json_patch::{Patch, PatchOperation, ReplaceOperation, TestOperation};
use serde_json::json;

use super::{Backend, Change, Kind, ROUTERS, Router, Rule, former, shared};
use crate::api::{Canary, Live, Object, ObjectRef, owned};

/// The objects that lead requests to the apex then; what has no list of backends goes with the Canary that made it.
pub fn led<'a>(router: &dyn Router, canary: &Canary, live: &'a Live) -> Vec<&'a ObjectRef> {
    let found = found(router, canary, live).into_iter();
    let lead = found.filter(|(router, _, object)| !router.rules(canary, object).is_empty());
    lead.map(|(_, reference, _)| reference).collect()
}

/// A route object of a Canary, with the router of its kind.
pub(super) type Found<'a> = (&'static dyn Router, &'a ObjectRef, &'a Object);

/// The writes by which the apex gets a place beside primary and canary, without a share: a proxy that is led to a backend that it
/// does not know yet answers with errors until it does. None where it has one, or all there is.
pub fn prepared(router: &dyn Router, canary: &Canary, live: &Live) -> Vec<Change> {
    changes(canary, found(router, canary, live), |router, rule, object| placed(router, canary, rule, object))
}

/// The writes by which they lead to the apex; none where they do. First primary and canary lose their shares, and with the next
/// call, once that is in force, their places: a proxy may learn that a backend is gone before it learns that nothing is led
/// there any more (Contour sends backends and routes by streams of their own), and answers with errors until then.
pub fn reverted(router: &dyn Router, canary: &Canary, live: &Live) -> Vec<Change> {
    changes(canary, found(router, canary, live), |router, rule, object| {
        weighted(canary, rule, object)
            .or_else(|| apex(router, canary, rule, object, 100).map(|apex| vec![apex]))
    })
}

/// The next writes by which users' objects come to give all to the apex, with primary and canary in their places: first the apex gets
/// a place, and with the next call, once proxies know it, the shares. None where it has them.
pub(super) fn returned(canary: &Canary, users: Vec<Found<'_>>) -> Vec<Change> {
    changes(canary, users, |router, rule, object| {
        placed(router, canary, rule, object).or_else(|| weighted(canary, rule, object))
    })
}

/// The backends of a rule and the apex without a share; none if it has a place.
fn placed(router: &dyn Router, canary: &Canary, rule: &Rule, object: &Object) -> Option<Vec<Object>> {
    (!has_apex(rule, canary)).then_some(())?;
    let mut backends = object.pointer(&rule.pointer)?.as_array()?.clone();
    backends.push(apex(router, canary, rule, object, 0)?);
    Some(backends)
}

/// The backends of a rule in which the apex has a place, all shares with it; none if they are.
fn weighted(canary: &Canary, rule: &Rule, object: &Object) -> Option<Vec<Object>> {
    let present = object.pointer(&rule.pointer)?.as_array()?;
    let share = |backend: &Backend| if leads_to(backend, canary.apex_name()) { 100 } else { 0 };
    if !has_apex(rule, canary) || rule.backends.iter().all(|of| of.weight == Some(share(of))) {
        return None;
    }
    let weighted = present.iter().zip(&rule.backends).map(|(backend, of)| {
        let mut backend = backend.clone();
        backend["weight"] = share(of).into();
        backend
    });
    Some(weighted.collect())
}

/// The route objects of a Canary, each with the router of its kind: those that its router needs, and those of a former one.
fn found<'a>(router: &dyn Router, canary: &Canary, live: &'a Live) -> Vec<Found<'a>> {
    let needed = router.needs(canary);
    let present = live.iter().filter(|(reference, _)| needed.contains(reference));
    let present = present.filter_map(|(reference, object)| {
        // Two providers have a VirtualService each.
        let is = |kind: &Kind| kind.kind == reference.kind && kind.api_version == reference.api_version;
        let of = ROUTERS.iter().find(|router| router.kinds().iter().any(is))?;
        Some((*of, reference, object))
    });
    present.chain(former(router, canary, live)).collect()
}

fn changes(
    canary: &Canary,
    routes: Vec<Found<'_>>,
    backends: impl Fn(&dyn Router, &Rule, &Object) -> Option<Vec<Object>>,
) -> Vec<Change> {
    let patch = |(router, reference, object): Found<'_>| {
        let ours = owned::controls(canary, object);
        let replace = |rule: &Rule| {
            let value = is_about_us(rule, canary, ours).then(|| backends(router, rule, object))??;
            let path = shared::pointer(&rule.pointer);
            Some(PatchOperation::Replace(ReplaceOperation { path, value: json!(value) }))
        };
        let edits: Vec<PatchOperation> = router.rules(canary, object).iter().filter_map(replace).collect();
        if edits.is_empty() {
            return None;
        }
        let path = shared::pointer("/metadata/resourceVersion");
        let value = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
        let test = PatchOperation::Test(TestOperation { path, value });
        let patch = Patch(std::iter::once(test).chain(edits).collect());
        Some(Change::Patch { reference: reference.clone(), patch })
    };
    routes.into_iter().filter_map(patch).collect()
}

/// The backend of a rule that becomes the apex: the primary's, with another name and weight.
fn apex(router: &dyn Router, canary: &Canary, rule: &Rule, object: &Object, weight: u8) -> Option<Object> {
    let primary = canary.primary_service_name();
    let place = rule.backends.iter().position(|backend| backend.service.as_ref() == Some(&primary))?;
    let mut backend = object.pointer(&format!("{}/{place}", rule.pointer))?.clone();
    router.lead(canary, &mut backend, canary.apex_name());
    backend["weight"] = weight.into();
    Some(backend)
}

fn has_apex(rule: &Rule, canary: &Canary) -> bool {
    rule.backends.iter().any(|backend| leads_to(backend, canary.apex_name()))
}

fn leads_to(backend: &Backend, service: &str) -> bool {
    backend.service.as_deref() == Some(service)
}

/// Whether a rule leads to primary and canary, and to nobody but them and the apex. In an object of ours it may lead to the
/// primary alone, as one of an A/B run does; in a user's that is their own way to one version.
fn is_about_us(rule: &Rule, canary: &Canary, ours: bool) -> bool {
    let [primary, share] = [canary.primary_service_name(), canary.canary_service_name()];
    let leads = |name: &str| rule.backends.iter().any(|backend| leads_to(backend, name));
    let all = rule.backends.iter().all(|backend| {
        let service = backend.service.as_deref().unwrap_or_default();
        service == primary || service == share || service == canary.apex_name()
    });
    all && leads(&primary) && (ours || leads(&share))
}
