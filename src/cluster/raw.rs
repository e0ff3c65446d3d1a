//! An object as the API server sent it. Decoding never fails, so that one malformed object never stops a watch; whoever
//! needs a type decodes it later and gets the error for that object alone.

use std::{borrow::Cow, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, api::ApiResource, core::DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::{Object, ObjectRef, names};

/// An object and the part of its metadata that the watch machinery needs. `ONLY_META` asks the API server for metadata.
#[derive(Clone, Debug)]
pub(super) struct Raw<const ONLY_META: bool = false> {
    meta: ObjectMeta,
    value: Value,
}

/// Metadata alone.
pub(super) type RawMeta = Raw<true>;

impl<const ONLY_META: bool> From<Value> for Raw<ONLY_META> {
    fn from(value: Value) -> Self {
        let text = |field: &str| value["metadata"][field].as_str().map(str::to_owned);
        let meta = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Self { meta, value }
    }
}

impl<'de, const ONLY_META: bool> Deserialize<'de> for Raw<ONLY_META> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl<const ONLY_META: bool> Raw<ONLY_META> {
    /// The reference under which the object is kept; `None` for something without a name.
    pub(super) fn reference(&self, resource: &ApiResource) -> Option<ObjectRef> {
        Some(ObjectRef::new(
            &resource.api_version,
            &resource.kind,
            self.meta.namespace.clone().unwrap_or_default(),
            self.meta.name.clone()?,
        ))
    }

    /// The object as it came, managedFields and all.
    pub(super) fn value(&self) -> &Object {
        &self.value
    }

    /// The object as it is kept: with its type, without what nobody reads.
    pub(super) fn into_object(mut self, resource: &ApiResource) -> Arc<Object> {
        if let Some(fields) = self.value.as_object_mut() {
            // Items of a list of a built-in kind come without their type.
            fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
            fields.insert("kind".to_owned(), resource.kind.clone().into());
        }
        if let Some(metadata) = self.value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(names::LAST_APPLIED);
            }
        }
        Arc::new(self.value)
    }
}

impl<const ONLY_META: bool> Resource for Raw<ONLY_META> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn metadata_api() -> bool {
        ONLY_META
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// The API server's address of an object.
pub(super) fn resource_of(reference: &ObjectRef) -> ApiResource {
    let (group, version) = reference.group_version();
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: reference.api_version.clone(),
        kind: reference.kind.clone(),
        plural: reference.plural(),
    }
}

/// A text of an object's metadata, empty when absent.
pub(super) fn metadata<'a>(object: &'a Object, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// An annotation of an object.
pub(super) fn annotation<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// A label of an object.
pub(super) fn label<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

/// Whether the version `seen` is `wanted` or a later one. Versions of one kind grow; text that is no number is only
/// comparable by equality.
pub(super) fn reached(seen: &str, wanted: &str) -> bool {
    match (seen.parse::<u128>(), wanted.parse::<u128>()) {
        (Ok(seen), Ok(wanted)) => seen >= wanted,
        _ => seen == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("9", "10", false)]
    #[case("10", "9", true)]
    #[case("10", "10", true)]
    #[case("abc", "abc", true)]
    #[case("abc", "abd", false)]
    #[case("11", "abc", false)]
    fn versions_compare_as_numbers_and_else_only_by_equality(
        #[case] seen: &str,
        #[case] wanted: &str,
        #[case] result: bool,
    ) {
        assert_eq!(reached(seen, wanted), result);
    }

    #[rstest]
    #[case(json!(null))]
    #[case(json!([1]))]
    #[case(json!({"metadata": 3}))]
    #[case(json!({"metadata": {"name": 3, "labels": "x"}}))]
    fn anything_decodes(#[case] value: Value) {
        let raw: Raw = serde_json::from_value(value).unwrap();
        let resource = resource_of(&ObjectRef::new("v1", "Service", "", ""));
        assert!(raw.reference(&resource).is_none());
        raw.into_object(&resource);
    }

    #[test]
    fn what_nobody_reads_is_dropped_and_the_type_is_filled_in() {
        let raw =
            Raw::<false>::from(json!({"metadata": {"name": "a", "namespace": "n", "managedFields": [1],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "1"}}}));
        let resource = resource_of(&ObjectRef::new("apps/v1", "Deployment", "", ""));
        assert_eq!(raw.reference(&resource), Some(ObjectRef::new("apps/v1", "Deployment", "n", "a")));
        assert_eq!(
            *raw.into_object(&resource),
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "a", "namespace": "n", "annotations": {"keep": "1"}}})
        );
    }
}
