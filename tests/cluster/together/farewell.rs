//! The end of Canaries with `revertOnDeletion`, with real deletions and a real garbage collector.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, kubectl, wait};

fn reverting(space: &Space) -> Value {
    with(&canary(&space.host(), &[50]), &json!({"spec": {"revertOnDeletion": true}}))
}

#[test]
fn the_end_of_a_namespace_is_not_held_up_by_a_canary_that_reverts() {
    let Some(_sluice) = shared("end of a namespace") else { return };
    let space = Space::new("lastday");
    space.initialised(&podinfo("one"), &reverting(&space));
    let stored = api::get("canaries", &space.namespace, APP);
    assert_eq!(stored["metadata"]["finalizers"], json!(["finalizer.flagger.app"]));
    kubectl::kubectl(&["delete", "namespace", &space.namespace, "--wait=false"]).ok();
    wait::until(wait::PODS, "the namespace to be gone", || {
        match api::find("namespaces", "", &space.namespace) {
            None => Ok(()),
            Some(namespace) => Err(namespace["status"].to_string()),
        }
    });
}
