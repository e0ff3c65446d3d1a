//! Whether the served Canary CRD can hold our status. The peer's own CRD has the same name and would silently prune our
//! fields; a controller without memory is not allowed to act.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client};

use super::{
    calls::{LIMIT, timed},
    error::ClusterError,
};
use crate::api;

/// Name of the Canary CRD.
const CANARIES: &str = "canaries.flagger.app";
/// A field of our status that no schema but ours has.
const FIELD: &str = "stepIndex";

/// Checks the served CRD; the error says what is wrong and which command puts it right.
pub async fn check_schema(client: &Client) -> Result<(), ClusterError> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let what = format!("reading CustomResourceDefinition {CANARIES}");
    match judge(timed(&what, LIMIT, crds.get_opt(CANARIES)).await?.as_ref()) {
        Some(problem) => Err(ClusterError::Schema { problem }),
        None => Ok(()),
    }
}

/// What is wrong with the CRD.
fn judge(crd: Option<&CustomResourceDefinition>) -> Option<String> {
    let Some(crd) = crd else {
        return Some(format!("the cluster has no CustomResourceDefinition {CANARIES}"));
    };
    let version = crd.spec.versions.iter().find(|version| version.name == api::VERSION);
    let Some(version) = version.filter(|version| version.served) else {
        return Some(format!("CustomResourceDefinition {CANARIES} does not serve {}", api::VERSION));
    };
    let properties = version
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref())
        .and_then(|schema| schema.properties.as_ref()?.get("status")?.properties.as_ref());
    let subresource = version.subresources.as_ref().and_then(|parts| parts.status.as_ref());
    if subresource.is_none() || !properties.is_some_and(|properties| properties.contains_key(FIELD)) {
        return Some(format!(
            "CustomResourceDefinition {CANARIES} is not ours: its status has no field `{FIELD}`, and without it nothing \
             that a rollout did would be remembered"
        ));
    }
    None
}
