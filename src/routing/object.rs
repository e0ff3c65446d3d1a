//! What the objects of all routers have in common.

use serde_json::{Value, json};

use super::{Ability, Problem, Router, ability, able, is_tcp, part};
use crate::api::{Canary, Metadata, Object, ObjectRef, names, owned};

/// An object of a route as we make it: with the labels and annotations of the apex, kept away from Flux, and owned by the
/// Canary. What is in the place of an object of somebody else is [`shared`](super::shared)'s matter.
pub(super) fn object(canary: &Canary, reference: &ObjectRef, spec: Value) -> Object {
    with(canary, reference, Metadata::default(), spec)
}

/// The same with more labels and annotations; where both have a key, the apex's value stands.
pub(super) fn with(canary: &Canary, reference: &ObjectRef, more: Metadata, spec: Value) -> Object {
    let apex = canary.spec.service.as_ref().and_then(|service| service.apex.clone()).unwrap_or_default();
    let Metadata { mut labels, mut annotations } = more;
    labels.extend(apex.labels);
    annotations.extend(apex.annotations);
    annotations.extend(names::FLUX_DISABLED.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let object = json!({
        "apiVersion": reference.api_version,
        "kind": reference.kind,
        "metadata": {
            "name": reference.name,
            "namespace": reference.namespace,
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec,
    });
    owned::seal(canary, object, true)
}

/// Strategies that a router does not serve: acting as if they were not there would send traffic where nobody wished it. What the
/// provider could not do either way, and what takes nobody anywhere, is left out; the gate warns of it.
pub(super) fn unserved(canary: &Canary, router: &dyn Router) -> Vec<Problem> {
    let Some(analysis) = &canary.spec.analysis else { return Vec::new() };
    let can = able(router, canary);
    let could = |wanted: fn(Ability) -> bool| {
        router.providers().iter().any(|provider| wanted(ability(*provider, is_tcp(canary))))
    };
    let iterates = analysis.iterations.is_some_and(|count| count > 0);
    let matches = could(|ability| !ability.matching.is_empty()) || iterates;
    let mirrors = could(|ability| ability.mirror) || !iterates;
    let unserved = [
        (!analysis.matches.is_empty() && can.matching.is_empty() && matches, "spec.analysis.match"),
        (analysis.mirror && !can.mirror && mirrors, "spec.analysis.mirror"),
        (
            analysis.session_affinity.is_some() && !can.affinity && could(|ability| ability.affinity),
            "spec.analysis.sessionAffinity",
        ),
    ];
    let problem = |(_, path)| Problem::new(path, "is not served by this provider yet: remove it");
    let unserved = unserved.into_iter().filter(|(there, _)| *there).map(problem);
    unserved.chain(part::unknown(router, canary)).collect()
}

/// A text that says anything.
pub(super) fn set(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}
