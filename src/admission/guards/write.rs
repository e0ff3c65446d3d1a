//! A write by somebody else to an object that a Canary made or adopted.

use serde_json::Value;

use super::marks;
use crate::admission::catalog::{Catalog, Entry};
use crate::admission::lookup::{Lookup, Lookups};
use crate::admission::review::{Operation, Request};
use crate::api::names::CANARY;
use crate::api::{API_VERSION, CanaryKey, ObjectRef};

/// An update, with the Canary that the old object names.
pub(super) struct Write<'a> {
    pub(super) request: &'a Request,
    pub(super) new: &'a Value,
    pub(super) old: &'a Value,
    pub(super) canary: CanaryKey,
    pub(super) entry: &'a Entry,
}

impl<'a> Write<'a> {
    /// The update, if it is one of a marked object whose Canary is there and stays.
    pub(super) fn read(request: &'a Request, catalog: &'a Catalog) -> Option<Self> {
        let (new, old) = (request.object.as_ref()?, request.old_object.as_ref()?);
        let odd = !new.get("metadata").is_some_and(Value::is_object);
        if request.operation != Operation::Update || !request.sub_resource.is_empty() || goes(new) || odd {
            return None;
        }
        let (canary, entry) = owner(old, &request.namespace, catalog)?;
        Some(Write { request, new, old, canary, entry })
    }

    /// Whether the object is a workload of the kind that the Canary releases, under this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.entry.claim.kind.as_str() == self.request.kind && self.request.name == name
    }
}

/// The Canary that an object's mark names, unless it is not there or is being deleted.
pub(super) fn owner<'a>(
    object: &Value,
    namespace: &str,
    catalog: &'a Catalog,
) -> Option<(CanaryKey, &'a Entry)> {
    let key = CanaryKey::new(namespace, marks::annotation(object, CANARY)?);
    let entry = catalog.get(&key).filter(|entry| !entry.deleting)?;
    Some((key, entry))
}

/// Whether an object is being deleted.
pub(super) fn goes(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// A Canary as an object to look up.
pub(super) fn reference(canary: &CanaryKey) -> ObjectRef {
    ObjectRef::new(API_VERSION, "Canary", &canary.namespace, &canary.name)
}

/// What is known of a Canary on which a refusal rests; the Catalog of this replica may lag behind.
pub(super) enum Known {
    /// It was not read for this request: read it and judge again.
    Unread(ObjectRef),
    /// It is there and stays.
    Stands,
    /// It is gone, or about to go: nobody guards for it any more.
    Gone,
    /// Nobody could tell in time, with the reason.
    Unknown(String),
}

/// What the writer is told where nobody could tell.
pub(super) fn unknown(canary: &CanaryKey, why: &str) -> String {
    format!(
        "Canary {} could not be looked at ({why}), so this passes; Sluice puts right what it does not mean",
        canary.name
    )
}

/// What was looked up about a Canary.
pub(super) fn known(canary: &CanaryKey, lookups: &Lookups) -> Known {
    let reference = reference(canary);
    match lookups.get(&reference) {
        None => Known::Unread(reference),
        Some(Lookup::Missing) => Known::Gone,
        Some(Lookup::Found(canary)) if goes(canary) => Known::Gone,
        Some(Lookup::Found(_)) => Known::Stands,
        Some(Lookup::Failed(why)) => Known::Unknown(why.clone()),
        Some(Lookup::Unseen) => Known::Unknown("nobody looked".to_owned()),
    }
}
