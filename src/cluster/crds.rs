//! Brings our CRDs into the cluster, also over those of the peer, whoever installed them. Tells its progress on standard
//! error, for a person or a Job's log.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use tokio::time::Instant;

use super::{
    calls::{LIMIT, timed},
    error::ClusterError,
};
use crate::api::{crd::crds, names::manager};

/// How long a CRD may take to be served.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Applies our CRDs, forced, as `sluice/crds`, and waits until they are served; tells each step on standard error. The
/// versions of a CRD are one field to the API server: nothing of the peer's schema or columns remains.
pub async fn apply_crds(client: Client) -> Result<(), ClusterError> {
    let crds = crds();
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let parameters = PatchParams::apply(manager::CRDS).force();
    for crd in &crds {
        let name = crd.name_any();
        let what = format!("applying CustomResourceDefinition {name}");
        timed(&what, LIMIT, api.patch(&name, &parameters, &Patch::Apply(crd))).await?;
        eprintln!("applied CustomResourceDefinition {name}");
    }
    for crd in &crds {
        let name = crd.name_any();
        established(&api, &name).await?;
        eprintln!("CustomResourceDefinition {name} is served");
    }
    Ok(())
}

/// Waits until a CRD is served.
async fn established(api: &Api<CustomResourceDefinition>, name: &str) -> Result<(), ClusterError> {
    let end = Instant::now() + PATIENCE;
    let what = format!("reading CustomResourceDefinition {name}");
    loop {
        let crd = timed(&what, LIMIT, api.get(name)).await?;
        let blocked = match obstacle(&crd) {
            None => return Ok(()),
            Some(why) => why,
        };
        if Instant::now() >= end {
            return Err(ClusterError::NotEstablished {
                name: name.to_owned(),
                after: PATIENCE,
                why: blocked,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What keeps a CRD from being served, as `: message`; none when it is.
fn obstacle(crd: &CustomResourceDefinition) -> Option<String> {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let refused =
        conditions.iter().find(|condition| condition.type_ == "NamesAccepted" && condition.status == "False");
    if conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True") {
        return None;
    }
    let message = refused.and_then(|condition| condition.message.as_deref());
    Some(message.map(|message| format!(": {message}")).unwrap_or_default())
}
