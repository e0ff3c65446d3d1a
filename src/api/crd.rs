//! The CustomResourceDefinitions of our three kinds, made from the types.
//!
//! kube's derive gives the schema; here it is brought to what we promise: no field is `nullable` (so that the API server
//! drops a `null`, as it does under the peer's schema), and no default is written into objects but the peer's few.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::{AlertProvider, Canary, MetricTemplate};

/// Writing the CRDs as YAML failed.
#[derive(Debug, thiserror::Error)]
#[error("writing the CRD {name} as YAML failed")]
pub struct CrdError {
    /// Name of the CRD.
    name: String,
    /// What the YAML writer said.
    source: serde_saphyr::ser::Error,
}

/// The definitions of Canary, MetricTemplate and AlertProvider.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![Canary::crd(), MetricTemplate::crd(), AlertProvider::crd()];
    for schema in definitions.iter_mut().flat_map(|definition| definition.spec.versions.iter_mut()) {
        if let Some(root) =
            schema.schema.as_mut().and_then(|validation| validation.open_api_v3_schema.as_mut())
        {
            tidy(root);
            // A default of zero would look like something observed.
            if let Some(status) = root.properties.as_mut().and_then(|properties| properties.get_mut("status"))
            {
                each(status, &mut |schema| schema.default = None);
            }
        }
    }
    definitions
}

/// [`crds`] as one YAML text of several documents.
pub fn yaml() -> Result<String, CrdError> {
    let mut text = String::new();
    for definition in crds() {
        text.push_str("---\n");
        let name = definition.metadata.name.clone().unwrap_or_default();
        let document = serde_saphyr::to_string(&definition).map_err(|source| CrdError { name, source })?;
        text.push_str(&document);
    }
    Ok(text)
}

/// Takes `nullable`, and the `null` that an optional enum gets, from a schema and everything below it.
fn tidy(root: &mut JSONSchemaProps) {
    each(root, &mut |schema| {
        schema.nullable = None;
        if let Some(words) = &mut schema.enum_ {
            words.retain(|word| !word.0.is_null());
        }
        if schema.type_.as_deref() == Some("integer") {
            bound(schema);
        }
    });
}

/// Says a whole number's width by bounds in place of `format`: so a number that is too large is refused with its field and
/// value, and a fraction with the word integer (with `format` it is "must be of type int32: float64").
fn bound(schema: &mut JSONSchemaProps) {
    if schema.format.take().as_deref() == Some("int32") {
        schema.minimum.get_or_insert(i32::MIN.into());
        schema.maximum.get_or_insert(i32::MAX.into());
    }
}

/// Calls `change` for a schema and everything below it.
fn each(schema: &mut JSONSchemaProps, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        each(property, change);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => each(item, change),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|item| each(item, change)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut schema.additional_properties {
        each(value, change);
    }
}

#[cfg(test)]
mod tests;
