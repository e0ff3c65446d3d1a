//! Scaling so that nobody's next apply conflicts: the replica count is ours for the moment, the field never.
//!
//! The scale subresource omits a zero, so that after scaling to zero nobody owns the field. A count above zero is recorded as
//! ours if somebody owned the field before; then that record is removed again. Should a crash prevent the removal, the next
//! scaling to zero has the same effect.

use json_patch::Patch as JsonPatch;
use kube::api::Patch;
use serde_json::{Value, json};
use tracing::warn;

use super::{
    calls::{api, object, timed},
    world::{ClusterWorld, failure, managed_by},
};
use crate::{
    api::{Object, ObjectRef, names::manager},
    execute::WorldError,
};

/// How often the removal is tried when others write the object at the same time.
const TRIES: usize = 3;

impl ClusterWorld {
    /// Sets the replica count. The answer is a Scale and no workload; the next look waits for the watch to reach its version,
    /// or asks.
    pub(super) async fn scale(&self, reference: &ObjectRef, replicas: i32) -> Result<(), WorldError> {
        let what = format!("scaling {reference} to {replicas}");
        let limit = self.limit(&what)?;
        let flight = self.cluster.view.writing(reference);
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let (api, manager) = (api(&self.cluster.client, reference), managed_by(manager::CLAIM));
        let scale = timed(&what, limit, api.patch_scale(&reference.name, &manager, &patch)).await;
        let scale = scale.map_err(failure(&what, reference))?;
        flight.moved(scale.metadata.resource_version);
        if replicas != 0
            && let Err(error) = self.disown(reference).await
        {
            // The count is set; all that is lost is that an unforced apply of another count meets a conflict.
            warn!(%error, "the replica count stays recorded as ours until the next scaling to zero");
        }
        Ok(())
    }

    /// Removes the record that the replica count is ours.
    async fn disown(&self, reference: &ObjectRef) -> Result<(), WorldError> {
        let what = format!("handing the replica count of {reference} back");
        let (api, manager) = (api(&self.cluster.client, reference), managed_by(manager::CLAIM));
        let mut last = None;
        for _ in 0..TRIES {
            let flight = self.cluster.view.reading(reference);
            let raw = timed(&what, self.limit(&what)?, api.get(&reference.name))
                .await
                .map_err(failure(&what, reference))?;
            let patch = removal(raw.value());
            flight.answered(object(&what, raw, reference).ok().as_ref());
            let Some(patch) = patch else { return Ok(()) };
            let flight = self.cluster.view.writing(reference);
            let patch = Patch::<Value>::Json(patch);
            match timed(&what, self.limit(&what)?, api.patch(&reference.name, &manager, &patch)).await {
                Ok(raw) => {
                    flight.written(&object(&what, raw, reference).map_err(failure(&what, reference))?);
                    return Ok(());
                }
                // The records moved between our look and the patch.
                Err(error) if matches!(error.code(), Some(409 | 422)) => last = Some(error),
                Err(error) => return Err(failure(&what, reference)(error)),
            }
        }
        last.map_or(Ok(()), |error| Err(failure(&what, reference)(error)))
    }
}

/// The patch that removes our record of the scale subresource, if there is one. It tests that it removes what it means to.
fn removal(object: &Object) -> Option<JsonPatch> {
    let records = object["metadata"]["managedFields"].as_array()?;
    let at = records
        .iter()
        .position(|record| record["manager"] == manager::CLAIM && record["subresource"] == "scale")?;
    let path = format!("/metadata/managedFields/{at}");
    let patch = json!([
        {"op": "test", "path": format!("{path}/manager"), "value": manager::CLAIM},
        {"op": "test", "path": format!("{path}/subresource"), "value": "scale"},
        {"op": "remove", "path": path},
    ]);
    serde_json::from_value(patch).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_record_of_the_scale_subresource_is_removed() {
        let object = json!({"metadata": {"managedFields": [
            {"manager": "sluice/claim", "operation": "Update"},
            {"manager": "someone", "subresource": "scale"},
            {"manager": "sluice/claim", "operation": "Update", "subresource": "scale"},
        ]}});
        let patch = serde_json::to_value(removal(&object).unwrap()).unwrap();
        assert_eq!(patch[2], json!({"op": "remove", "path": "/metadata/managedFields/2"}));
        assert_eq!(patch[0]["path"], "/metadata/managedFields/2/manager");
        assert_eq!(removal(&json!({"metadata": {"managedFields": [{"manager": "sluice/claim"}]}})), None);
        assert_eq!(removal(&json!({"metadata": {}})), None);
    }
}
