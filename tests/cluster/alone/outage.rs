//! All replicas are gone: what must not be written is refused, everything else goes on, and what the gate would have held is
//! put right afterwards.

use crate::install::alone;
use crate::support::manifests::{APP, canary, canary_for, podinfo, replicas};
use crate::support::space::Space;
use crate::support::{controller, helm, kubectl, switch, wait};

#[test]
fn a_dead_gate_refuses_canaries_lets_deployments_pass_and_the_controller_repairs() {
    let Some(alone) = alone("a dead gate") else { return };
    let sluice = alone.installed();
    let space = Space::new("outage");
    let app = podinfo("one");
    space.initialised(&app, &canary(&space.host(), &[20, 50]));

    let sluice = sluice.changing();
    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=0"]).ok();
    controller::gone();
    let other = canary_for(&canary(&space.host(), &[20, 50]), "other");
    let outcome = kubectl::write(&space.namespace, &["create"], &[&other]);
    if switch::gate() {
        let said = outcome.refused();
        assert!(said.contains("failed calling webhook") && said.contains("sluice.dev"), "{said}");
    } else {
        outcome.ok();
    }
    kubectl::write(&space.namespace, &["apply"], &[&replicas(&app, 2)]).ok();
    wait::until(wait::PODS, "the Deployment to be scaled, as nobody holds it", || {
        match space.pods(APP).len() {
            2 => Ok(()),
            pods => Err(format!("{pods} pods")),
        }
    });
    assert_eq!(space.route(), (100, 0), "traffic stays where it is");

    kubectl::within(helm::NAMESPACE, &["scale", "deployment", helm::RELEASE, "--replicas=2"]).ok();
    controller::ready();
    space.rests();
    let kept = space.deployment(APP)["metadata"]["annotations"]["sluice.dev/replicas"].clone();
    assert_eq!(kept, "2", "the wish is kept");
    drop(sluice);
}
