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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::crd::crds;
    use kube::ResourceExt;
    use rstest::rstest;

    fn canaries() -> CustomResourceDefinition {
        crds().into_iter().find(|crd| crd.name_any() == CANARIES).unwrap()
    }

    #[test]
    fn our_own_schema_passes() {
        assert_eq!(judge(Some(&canaries())), None);
    }

    fn spoil_status(crd: &mut CustomResourceDefinition) {
        let schema = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        let status = schema.properties.as_mut().unwrap().get_mut("status").unwrap();
        status.properties.as_mut().unwrap().remove(FIELD);
    }

    #[test]
    fn a_missing_definition_is_refused() {
        assert!(judge(None).unwrap().contains("has no CustomResourceDefinition"));
    }

    #[rstest]
    #[case::not_served(|crd: &mut CustomResourceDefinition| crd.spec.versions[0].served = false)]
    #[case::no_subresource(|crd: &mut CustomResourceDefinition| crd.spec.versions[0].subresources = None)]
    #[case::no_schema(|crd: &mut CustomResourceDefinition| crd.spec.versions[0].schema = None)]
    #[case::the_peers_schema(spoil_status)]
    fn any_other_is_refused(#[case] spoil: fn(&mut CustomResourceDefinition)) {
        let mut crd = canaries();
        spoil(&mut crd);
        let problem = judge(Some(&crd)).unwrap();
        let error = ClusterError::Schema { problem }.to_string();
        assert!(error.contains(CANARIES) && error.contains("sluice crds --apply"), "{error}");
    }
}
