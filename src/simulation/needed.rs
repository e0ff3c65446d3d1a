//! Of all objects, those that one decision may look at: what the cluster's projections would give it.

use crate::{
    api::{Live, Object, ObjectRef, names},
    rollout::Needs,
    routing::ROUTERS,
};

/// Label of an EndpointSlice: the Service that it belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The objects that are needed, as far as they exist.
pub(super) fn needed(needs: &Needs, live: Live) -> Live {
    let (named, others) = live.partition(|of| needs.objects.contains(of));
    let family = others.iter().filter(|(of, object)| is_family(needs, of, object));
    let family: Vec<ObjectRef> = family.map(|(of, _)| of.clone()).collect();
    let (mut family, _) = others.partition(|of| family.contains(of));
    family.extend(named);
    family
}

fn is_family(needs: &Needs, of: &ObjectRef, object: &Object) -> bool {
    let key = &needs.family_of;
    if of.namespace != key.namespace {
        return false;
    }
    let metadata = &object["metadata"];
    let marked = metadata["annotations"][names::CANARY] == key.name.as_str();
    match of.kind.as_str() {
        "EndpointSlice" => {
            let service = metadata["labels"][SERVICE_NAME].as_str();
            service.is_some_and(|service| needs.slices_of.iter().any(|needed| needed == service))
        }
        "ControllerRevision" | "HorizontalPodAutoscaler" => marked,
        kind => marked && ROUTERS.iter().flat_map(|router| router.kinds()).any(|routed| routed.kind == kind),
    }
}
