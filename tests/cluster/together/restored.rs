//! What is ours stays as we left it, whoever changes it while nothing is released.

use crate::install::shared;
use crate::support::manifests::{APP, canary, podinfo};
use crate::support::space::Space;
use crate::support::{api, wait};

#[test]
fn drift_of_the_route_is_overwritten() {
    let Some(_sluice) = shared("drift of the route") else { return };
    let space = Space::new("drift");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let mut route = api::get("httproutes", &space.namespace, APP);
    let backends = route["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap();
    for backend in backends {
        backend["weight"] = 50.into();
    }
    crate::support::kubectl::write(&space.namespace, &["replace"], &[&route]).ok();
    wait::until(wait::NOTICED, "the route to be as we left it", || {
        let weights = space.route();
        if weights == (100, 0) { Ok(()) } else { Err(format!("{weights:?}")) }
    });
}

#[test]
fn a_deleted_primary_comes_back_as_it_was() {
    let Some(_sluice) = shared("a deleted primary") else { return };
    let space = Space::new("primary");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    let old = space.deployment("podinfo-primary")["metadata"]["uid"].clone();
    space.kubectl(&["delete", "deployment", "podinfo-primary"]).ok();
    wait::until(wait::PODS, "the primary to serve again", || {
        let primary = api::find("deployments", &space.namespace, "podinfo-primary").unwrap_or_default();
        let back = primary["metadata"]["uid"] != old && primary["status"]["readyReplicas"] == 1;
        if back { Ok(()) } else { Err(primary["status"].to_string()) }
    });
    assert_eq!(space.version("podinfo-primary"), "one");
}

#[test]
fn a_resting_target_that_is_scaled_is_put_back() {
    let Some(_sluice) = shared("a scaled target") else { return };
    let space = Space::new("scaled");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
    // Through `/scale`, which the gate does not see: the controller has to.
    space.kubectl(&["scale", "deployment", APP, "--replicas=2"]).ok();
    wait::until(wait::NOTICED, "the wish to be remembered", || {
        let kept = space.deployment(APP)["metadata"]["annotations"]["sluice.dev/replicas"].clone();
        if kept == "2" { Ok(()) } else { Err(kept.to_string()) }
    });
    space.rests();
}
