//! The cluster beside a plan: read only.

use kube::{
    Client,
    api::{Api, ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use super::{CliError, Manifest, difference, outline::Outline, outline::is_canary};
use crate::api::{Object, ObjectRef};

/// Gives Canaries that are stored already their uid, so that what they own is told alike.
pub(super) async fn adopt_identities(client: &Client, manifests: &mut [Manifest]) -> Result<(), CliError> {
    for manifest in manifests.iter_mut().filter(|manifest| is_canary(&manifest.object)) {
        if let Some(live) = get(client, &ObjectRef::of(&manifest.object)).await? {
            manifest.object["metadata"]["uid"] = live["metadata"]["uid"].clone();
        }
    }
    Ok(())
}

/// Compares the objects of plans with those of the cluster.
pub(super) async fn compare(client: &Client, outlines: &mut [Outline]) -> Result<(), CliError> {
    for outline in outlines {
        let mut changes = Vec::new();
        for object in &outline.objects {
            let live = get(client, &ObjectRef::of(object)).await?;
            changes.extend(difference::change(object, live.as_ref()));
        }
        outline.changes = Some(changes);
    }
    Ok(())
}

/// The object; `None` if it, or its kind, does not exist.
async fn get(client: &Client, reference: &ObjectRef) -> Result<Option<Object>, CliError> {
    let (group, version) = reference.group_version();
    let kind = GroupVersionKind::gvk(group, version, &reference.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &reference.plural());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &reference.namespace, &resource);
    let found = api
        .get_opt(&reference.name)
        .await
        .map_err(|error| CliError::cluster(format!("reading {reference}"), error))?;
    Ok(found.map(|object| {
        let mut object: Value = json!(object);
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        object
    }))
}
