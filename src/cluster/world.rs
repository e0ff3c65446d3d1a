//! The world that decisions act on, made of the real API server. Every write has a time limit, its answer covers the
//! projection, and a write whose end is unknown leaves doubt that the next look clears up.

use std::time::Duration;

use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    announce::Announcer,
    calls::{LIMIT, api as address, object, timed},
    error::ClusterError,
    kinds::SECRET,
    read::Cluster,
};
use crate::{
    api::{self, Canary, CanaryKey, CanaryStatus, ObjectRef, names::manager},
    execute::{World, WorldError, lease::Leadership},
    rollout::{Ask, Cause, Effect, Event, Failure},
};

/// What people were told, and what it is about.
#[derive(Clone, Debug)]
pub struct Told {
    /// The Canary as it was looked at.
    pub canary: Canary,
    /// Its status since.
    pub status: CanaryStatus,
    /// What was said.
    pub event: Event,
}

/// The real world. Clones act on the same one.
#[derive(Clone)]
pub struct ClusterWorld {
    pub(super) cluster: Cluster,
    announcer: Announcer,
    asks: mpsc::UnboundedSender<(CanaryKey, Ask)>,
    told: mpsc::UnboundedSender<Told>,
    leadership: watch::Receiver<Leadership>,
}

impl ClusterWorld {
    /// A world that writes as long as `leadership` lasts, tells people through `announcer`, repeats that to
    /// `told`, and hands questions to `asks`.
    pub fn new(
        cluster: Cluster,
        announcer: Announcer,
        asks: mpsc::UnboundedSender<(CanaryKey, Ask)>,
        told: mpsc::UnboundedSender<Told>,
        leadership: watch::Receiver<Leadership>,
    ) -> Self {
        ClusterWorld { cluster, announcer, asks, told, leadership }
    }

    /// How long a write that begins now may take: it must have ended before another replica may lead.
    pub(super) fn limit(&self, what: &str) -> Result<Duration, WorldError> {
        let leadership = self.leadership.borrow().clone();
        let now = Instant::now();
        if leadership.is_leader(now) {
            return Ok(LIMIT.min(leadership.remaining(now)));
        }
        Err(WorldError::Deposed { what: what.to_owned() })
    }

    /// Patches an object and covers its projection with the answer.
    async fn patch(
        &self,
        what: String,
        reference: &ObjectRef,
        subresource: Option<&str>,
        manager: &PatchParams,
        patch: &Patch<Value>,
    ) -> Result<(), WorldError> {
        let limit = self.limit(&what)?;
        let flight = self.cluster.view.writing(reference);
        let (api, name) = (address(&self.cluster.client, reference), &reference.name);
        let answer = match subresource {
            Some(part) => timed(&what, limit, api.patch_subresource(part, name, manager, patch)).await,
            None => timed(&what, limit, api.patch(name, manager, patch)).await,
        };
        let written =
            answer.and_then(|raw| object(&what, raw, reference)).map_err(failure(&what, reference))?;
        flight.written(&written);
        Ok(())
    }

    /// Replaces the conditions of an object that cannot be read as its type, as long as it has this version.
    pub async fn write_conditions(
        &self,
        reference: &ObjectRef,
        version: &str,
        conditions: Value,
    ) -> Result<(), WorldError> {
        let what = format!("writing the conditions of {reference}");
        let patch = json!({"metadata": {"resourceVersion": version}, "status": {"conditions": conditions}});
        self.patch(what, reference, Some("status"), &managed_by(manager::STATUS), &Patch::Merge(patch)).await
    }

    async fn delete(&self, reference: &ObjectRef, uid: &str) -> Result<(), WorldError> {
        let what = format!("deleting {reference}");
        let limit = self.limit(&what)?;
        let flight = self.cluster.view.writing(reference);
        let api = address(&self.cluster.client, reference);
        let only = Preconditions { uid: Some(uid.to_owned()), ..Preconditions::default() };
        let parameters = DeleteParams::background().preconditions(only);
        match timed(&what, limit, api.delete(&reference.name, &parameters)).await {
            // With an object in the answer something holds the deletion up: it is still there.
            Ok(answer) => match answer.left().map(|raw| object(&what, raw, reference)) {
                Some(Ok(object)) => flight.written(&object),
                _ => flight.gone(uid),
            },
            Err(error) if error.code() == Some(404) => flight.gone(uid),
            Err(error) => return Err(failure(&what, reference)(error)),
        }
        Ok(())
    }
}

/// What a write that did not pass means for the decision behind it.
pub(super) fn failure(what: &str, reference: &ObjectRef) -> impl FnOnce(ClusterError) -> WorldError {
    let (what, secret) = (what.to_owned(), reference.kind == SECRET);
    move |error| {
        let cause = match error.code() {
            Some(404 | 409) => return WorldError::Stale { what },
            _ if error.is_failed_test() => return WorldError::Stale { what },
            // Who is asked too much, or does not know us now, answers otherwise later.
            Some(code @ 400..500) if !matches!(code, 401 | 408 | 429) => Cause::WriteRefused,
            _ => Cause::WriteFailed,
        };
        let why = match error.code() {
            // What is said of a Secret may hold a part of it.
            Some(code) if secret => format!("answered with {code}"),
            None if secret => "no answer that can be read".to_owned(),
            _ => error.words(),
        };
        WorldError::Failed(Failure { cause, what, why: format!("{why}. It is tried again") })
    }
}

fn not_served(what: String, reference: &ObjectRef) -> WorldError {
    let ObjectRef { api_version, kind, .. } = reference;
    let why = format!(
        "the API server does not serve {kind} of {api_version}. Install its CustomResourceDefinition, or choose a \
         provider (spec.provider) whose kinds the cluster has; it is tried again"
    );
    WorldError::Failed(Failure { cause: Cause::KindNotServed, what, why })
}

impl World for ClusterWorld {
    async fn write_status(&self, canary: &Canary, status: &CanaryStatus) -> Result<(), WorldError> {
        let key = CanaryKey::from(canary);
        let reference = ObjectRef::new(api::API_VERSION, "Canary", &key.namespace, &key.name);
        let what = format!("writing the status of {reference}");
        let failed =
            |why: String| WorldError::Failed(Failure { cause: Cause::WriteFailed, what: what.clone(), why });
        let status = serde_json::to_value(status).map_err(|error| failed(error.to_string()))?;
        let version = canary.resource_version().ok_or_else(|| failed("it was never stored".to_owned()))?;
        // A merge would keep what the new status leaves out. A version that is not the present one is answered by 409.
        let patch = json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/status", "value": status},
        ]);
        let patch = serde_json::from_value(patch).map_err(|error| failed(error.to_string()))?;
        self.patch(what, &reference, Some("status"), &managed_by(manager::STATUS), &Patch::Json(patch)).await
    }

    async fn perform(&self, _: &Canary, effect: &Effect) -> Result<(), WorldError> {
        match effect {
            Effect::Apply { object, manager } => {
                let reference = ObjectRef::of(object);
                let parameters = PatchParams::apply(manager.as_str()).force();
                let what = format!("applying {reference}");
                if !self.cluster.may_be_served(&reference) {
                    return Err(not_served(what, &reference));
                }
                let patch = Patch::Apply(object.clone());
                let applied = self.patch(what.clone(), &reference, None, &parameters, &patch).await;
                // An apply makes what is missing: what was not found is the kind, or the namespace.
                let lost = matches!(applied, Err(WorldError::Stale { .. }));
                if lost && !self.cluster.is_served(&reference).await {
                    return Err(not_served(what, &reference));
                }
                applied
            }
            Effect::Merge { reference, patch, manager } => {
                let what = format!("changing {reference}");
                let patch = Patch::Merge(patch.clone());
                self.patch(what, reference, None, &managed_by(manager.as_str()), &patch).await
            }
            Effect::Patch { reference, patch, manager } => {
                let what = format!("changing {reference}");
                let patch = Patch::Json(patch.clone());
                self.patch(what, reference, None, &managed_by(manager.as_str()), &patch).await
            }
            Effect::Scale { reference, replicas } => self.scale(reference, *replicas).await,
            Effect::Delete { reference, uid } => self.delete(reference, uid).await,
        }
    }

    fn announce(&self, canary: &Canary, status: &CanaryStatus, event: &Event) {
        self.announcer.announce(canary, event);
        let told = Told { canary: canary.clone(), status: status.clone(), event: event.clone() };
        // Without a receiver the process is about to end.
        let _ = self.told.send(told);
    }

    fn ask(&self, canary: &Canary, ask: &Ask) {
        // Without a receiver the process is about to end.
        let _ = self.asks.send((CanaryKey::from(canary), ask.clone()));
    }
}

pub(super) fn managed_by(manager: &str) -> PatchParams {
    PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() }
}
