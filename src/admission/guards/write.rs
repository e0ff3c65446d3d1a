//! A write by somebody else to an object that a Canary made or adopted.

use serde_json::Value;

use super::marks;
use crate::admission::catalog::{Catalog, Entry};
use crate::admission::lookup::{Lookup, Lookups};
use crate::admission::problem::Problem;
use crate::admission::review::{Operation, Request};
use crate::admission::verdict::Verdict;
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

/// What the writer is told where nobody could tell.
pub(super) fn unknown(canary: &CanaryKey, why: &str) -> String {
    format!(
        "Canary {} could not be looked at ({why}), so this passes; Sluice puts right what it does not mean",
        canary.name
    )
}

/// Refuses for a Canary, if it was read for this request and stays: the Catalog of this replica may lag behind. One that was not
/// read yet is to be read before the refusal counts; where nobody could tell in time, the writer is told so. False if nothing is
/// refused.
pub(super) fn refuse(verdict: &mut Verdict, canary: &CanaryKey, lookups: &Lookups, problem: Problem) -> bool {
    let reference = reference(canary);
    let refuses = match lookups.get(&reference) {
        Some(Lookup::Found(canary)) => !goes(canary),
        Some(Lookup::Missing) => false,
        None => {
            verdict.confirm.push(reference);
            true
        }
        Some(Lookup::Failed(why)) => {
            verdict.notices.push(unknown(canary, why));
            false
        }
        Some(Lookup::Unseen) => {
            verdict.notices.push(unknown(canary, "nobody looked"));
            false
        }
    };
    verdict.problems.extend(refuses.then_some(problem));
    refuses
}
