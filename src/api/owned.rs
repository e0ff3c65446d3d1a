//! How the objects that we make or adopt say so: label, annotations and the ownerReference to their Canary.
//!
//! What is contained in an object does not tell what has to leave it: a variable that the new revision lacks, a label taken
//! out of a Canary. So each carries a fingerprint of all that we last applied to it, and a wish that shrank differs from the
//! live object too. Replicas are no part of the fingerprint: they move by the scale subresource.

use kube::{Resource, ResourceExt};
use serde_json::{Map, Value, json};

use super::{Canary, GROUP, Object, at, digest::digest_without, names};

/// The ownerReference to the Canary in the peer's shape; `None` for a Canary that was never stored, which has no uid.
pub fn reference(canary: &Canary) -> Option<Value> {
    let uid = canary.meta().uid.as_deref()?;
    Some(json!({
        "apiVersion": super::API_VERSION,
        "kind": Canary::kind(&()),
        "name": canary.name_any(),
        "uid": uid,
        "controller": true,
        "blockOwnerDeletion": true,
    }))
}

/// Whether the object's controller is this very Canary.
pub fn controls(canary: &Canary, object: &Object) -> bool {
    let owners = at(object, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| {
        let text = |key: &str| owner.get(key).and_then(Value::as_str).unwrap_or_default();
        owner.get("controller").and_then(Value::as_bool) == Some(true)
            && text("kind") == Canary::kind(&())
            && text("apiVersion").split('/').next() == Some(GROUP)
            && text("name") == canary.name_any()
            && canary.meta().uid.as_deref().is_none_or(|uid| uid == text("uid"))
    })
}

/// Whether an object may be deleted together with the Canary: it does not exist yet, or we made it. What a user had before
/// is adopted, never owned.
pub fn may_own(canary: &Canary, live: Option<&Object>) -> bool {
    live.is_none_or(|object| controls(canary, object))
}

/// The label and the annotation by which watches and the gate see that an object of a user is a Canary's, as a merge patch.
pub fn claim(canary: &Canary) -> Object {
    json!({"metadata": {
        "labels": {names::MANAGED: names::MANAGED_VALUE},
        "annotations": {names::CANARY: canary.name_any()},
    }})
}

/// Whether an object has that label and annotation.
pub fn is_claimed(canary: &Canary, object: &Object) -> bool {
    let name = canary.meta().name.as_deref().unwrap_or_default();
    has(object, "labels", names::MANAGED, names::MANAGED_VALUE)
        && has(object, "annotations", names::CANARY, name)
}

/// Whether an object has a label or an annotation with this value.
pub fn has(object: &Object, of: &str, key: &str, value: &str) -> bool {
    at(object, &["metadata", of, key]).and_then(Value::as_str) == Some(value)
}

/// Finishes an object for server-side apply: drops nulls, marks it as the Canary's, as owned if so wished, and adds the
/// fingerprint of everything else.
pub fn seal(canary: &Canary, mut object: Object, owned: bool) -> Object {
    drop_nulls(&mut object);
    let Some(metadata) = entry(&mut object, "metadata") else { return object };
    if let Some(owner) = owned.then(|| reference(canary)).flatten() {
        metadata.insert("ownerReferences".to_owned(), json!([owner]));
    }
    put(metadata, "labels", names::MANAGED, names::MANAGED_VALUE);
    put(metadata, "annotations", names::CANARY, &canary.name_any());
    let fingerprint = fingerprint(&object);
    if let Some(metadata) = entry(&mut object, "metadata") {
        put(metadata, "annotations", names::APPLIED, &fingerprint);
    }
    object
}

/// The merge patch by which an object is the Canary's no more: without our marks, and without the Canary among its owners; none if
/// there is nothing to take away.
pub fn disowned(canary: &Canary, object: &Object) -> Option<Object> {
    let metadata = &object["metadata"];
    let nothing = |of: &str, keys: &mut dyn Iterator<Item = &str>| -> Map<String, Value> {
        keys.filter(|key| metadata[of].get(*key).is_some()).map(|key| (key.to_owned(), Value::Null)).collect()
    };
    let ours = metadata["annotations"].as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let ours = ours.filter(|key| key.starts_with(names::PREFIX));
    let flux = names::FLUX_DISABLED.map(|(key, _)| key);
    let annotations = nothing("annotations", &mut ours.chain(flux));
    let labels = nothing("labels", &mut [names::MANAGED].into_iter());
    let owners = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
    let others: Vec<Value> = owners
        .iter()
        .filter(|owner| owner["uid"].as_str() != canary.meta().uid.as_deref())
        .cloned()
        .collect();
    if annotations.is_empty() && labels.is_empty() && others.len() == owners.len() {
        return None;
    }
    Some(json!({"metadata": {
        "resourceVersion": metadata["resourceVersion"],
        "annotations": annotations,
        "labels": labels,
        "ownerReferences": others,
    }}))
}

/// Whether this very wish was the last that we applied to the live object. If so and the object still lacks part of it, then
/// somebody changed it since, or the API server's other webhooks never let it through: applying again may change nothing.
pub fn is_applied(live: &Object, sealed: &Object) -> bool {
    let wished = at(sealed, &["metadata", "annotations", names::APPLIED]);
    wished.is_some() && at(live, &["metadata", "annotations", names::APPLIED]) == wished
}

/// Whether we ever applied anything to the live object; what the peer made is taken over by the first time.
pub fn was_applied(live: &Object) -> bool {
    at(live, &["metadata", "annotations", names::APPLIED]).is_some()
}

fn fingerprint(object: &Object) -> String {
    digest_without(object, &["spec", "replicas"])
}

fn entry<'a>(object: &'a mut Object, key: &str) -> Option<&'a mut Map<String, Value>> {
    object.as_object_mut()?.entry(key).or_insert_with(|| json!({})).as_object_mut()
}

fn put(metadata: &mut Map<String, Value>, of: &str, key: &str, value: &str) {
    if let Some(map) = metadata.entry(of).or_insert_with(|| json!({})).as_object_mut() {
        map.insert(key.to_owned(), value.into());
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(uid: Option<&str>) -> Canary {
        let mut canary = Canary::new("shop", Default::default());
        canary.metadata.uid = uid.map(str::to_owned);
        canary
    }

    #[test]
    fn what_we_made_is_owned_and_what_a_user_had_is_not() {
        let canary = canary(Some("u-1"));
        let made = seal(&canary, json!({"metadata": {"name": "shop"}}), true);
        assert!(may_own(&canary, None));
        assert!(may_own(&canary, Some(&made)));
        assert!(!may_own(&canary, Some(&json!({"metadata": {"name": "shop"}}))));
    }

    #[test]
    fn a_canary_of_the_same_name_that_was_deleted_is_not_this_one() {
        let made = seal(&canary(Some("u-1")), json!({"metadata": {"name": "shop"}}), true);
        assert!(!controls(&canary(Some("u-2")), &made));
    }

    #[test]
    fn a_canary_that_was_never_stored_owns_nothing() {
        let made = seal(&canary(None), json!({"metadata": {"name": "shop"}}), true);
        assert_eq!(made.pointer("/metadata/ownerReferences"), None);
    }

    #[test]
    fn a_wish_that_shrinks_has_another_fingerprint() {
        let canary = canary(Some("u-1"));
        let seal = |labels: Value| seal(&canary, json!({"metadata": {"labels": labels}}), true);
        let (wide, narrow) = (seal(json!({"team": "a", "tier": "b"})), seal(json!({"team": "a"})));
        let again = seal(json!({"tier": "b", "team": "a", "gone": null}));
        assert!(is_applied(&wide, &again));
        assert!(!is_applied(&wide, &narrow));
        assert!(!is_applied(&json!({}), &narrow));
    }

    #[test]
    fn replicas_are_no_part_of_the_fingerprint() {
        let sealed = |replicas: Value| seal(&canary(None), json!({"spec": {"replicas": replicas}}), true);
        assert!(is_applied(&sealed(json!(3)), &sealed(json!(5))));
        assert!(is_applied(&sealed(json!(3)), &sealed(Value::Null)));
    }
}
