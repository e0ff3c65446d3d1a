//! The chart, with the real Helm.

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::command::Outcome;
use crate::support::helm::{self, helm, upgrade, upgrade_words};
use crate::support::history::History;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, controller, facts, kubectl, switch, wait};

const CONFIGURATIONS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// A Canary that the schema takes and the gate does not.
fn wrong(space: &Space) -> Value {
    with(&canary(&space.host(), &[20, 50]), &json!({"spec": {"service": {"gatewayRefs": null}}}))
}

#[track_caller]
fn gate_refuses(space: &Space) {
    if !switch::gate() {
        return;
    }
    wait::until(wait::NOTICED, "the gate to refuse a wrong Canary", || {
        let outcome = kubectl::write(&space.namespace, &["apply", "--dry-run=server"], &[&wrong(space)]);
        if outcome.stderr.contains("SL302") { Ok(()) } else { Err(outcome.text()) }
    });
}

/// All CA bundles of both configurations.
fn bundles() -> Vec<Value> {
    let configurations = CONFIGURATIONS.iter().filter_map(|plural| api::find(plural, "", helm::RELEASE));
    let webhooks = configurations.flat_map(|found| found["webhooks"].as_array().cloned().unwrap_or_default());
    webhooks.map(|webhook| webhook["clientConfig"]["caBundle"].clone()).collect()
}

#[test]
fn the_chart_installs_upgrades_rolls_back_and_leaves_nothing_that_blocks() {
    let Some(alone) = alone("install, upgrade, rollback, uninstall") else { return };
    let _sluice = alone.changing();
    helm::clear_half_way();
    helm::uninstall();
    let space = Space::new("install");
    helm(&["lint", "charts/sluice"]).ok();

    upgrade(&[]).ok();
    controller::ready();
    assert_eq!(controller::pods().len(), 2);
    gate_refuses(&space);
    weigh();

    let before = bundles();
    upgrade(&["logLevel=debug"]).ok();
    gate_refuses(&space);
    assert_eq!(bundles(), before, "an upgrade left the CA bundles alone");
    if switch::gate() {
        assert!(before.iter().all(Value::is_string) && before.len() >= 3, "{before:?}");
        for plural in CONFIGURATIONS {
            let wipe = r#"[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]"#;
            kubectl::kubectl(&["patch", plural, helm::RELEASE, "--type=json", "--patch", wipe]).ok();
        }
        wait::until(wait::NOTICED, "wiped CA bundles to be put back", || {
            if bundles() == before { Ok(()) } else { Err("one is missing".to_owned()) }
        });
    }

    helm(&["rollback", helm::RELEASE, "--namespace", helm::NAMESPACE, "--wait"]).ok();
    controller::ready();
    gate_refuses(&space);

    helm::uninstall();
    for plural in CONFIGURATIONS {
        assert!(api::find(plural, "", helm::RELEASE).is_none(), "{plural} stayed");
    }
    for plural in ["clusterroles", "clusterrolebindings"] {
        let ours = api::list(plural, "").into_iter().filter(|role| {
            role["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(helm::RELEASE))
        });
        assert_eq!(ours.count(), 0, "{plural} stayed");
    }
    let marked = with(&podinfo("one"), &json!({"metadata": {"labels": {"sluice.dev/managed": "true"}}}));
    kubectl::write(&space.namespace, &["apply"], &[&marked]).ok();
    space.kubectl(&["scale", "deployment", APP, "--replicas=0"]).ok();
    kubectl::write(&space.namespace, &["apply"], &[&wrong(&space)]).ok();
    // W-OPS-12: whoever is gone cannot be waited for.
    helm::let_go();
    space.kubectl(&["delete", "canary", APP]).ok();
}

/// Memory of the replicas at rest, where their processes are of this machine.
fn weigh() {
    let resident: Vec<u64> = controller::pods()
        .iter()
        .filter_map(|pod| controller::resident_memory(pod["metadata"]["name"].as_str().unwrap_or_default()))
        .collect();
    if !resident.is_empty() {
        facts::record("resident memory of the replicas at rest in MiB", resident);
    }
}

/// A CRD as the peer installs it: the same kind and version, without the fields that our status needs.
fn peers_crd() -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let status = json!({"type": "object", "properties": {
        "phase": {"type": "string"}, "failedChecks": {"type": "number"}, "canaryWeight": {"type": "number"},
        "iterations": {"type": "number"}, "lastAppliedSpec": {"type": "string"}, "lastPromotedSpec": {"type": "string"},
    }});
    let schema =
        json!({"type": "object", "required": ["spec"], "properties": {"spec": open, "status": status}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "canaries.flagger.app", "annotations": {"helm.sh/resource-policy": "keep"}},
        "spec": {
            "group": "flagger.app",
            "scope": "Namespaced",
            "names": {"kind": "Canary", "listKind": "CanaryList", "plural": "canaries", "singular": "canary"},
            "versions": [{
                "name": "v1beta1", "served": true, "storage": true,
                "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

fn our_status_is_served() -> bool {
    let crd = api::find("customresourcedefinitions", "", "canaries.flagger.app").unwrap_or_default();
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    status["properties"]["nextStepAt"].is_object()
}

#[test]
fn over_the_crds_of_the_peer_nothing_is_done_until_the_job_has_brought_ours() {
    let Some(alone) = alone("CRDs of the peer") else { return };
    if switch::existing_cluster() {
        return switch::skip("CRDs of the peer", "it would delete all Canaries of this cluster");
    }
    let _sluice = alone.changing();
    helm::clear_half_way();
    helm::uninstall();
    helm::let_go();
    kubectl::kubectl(&["delete", "crd", "--ignore-not-found", "canaries.flagger.app"]).ok();
    let create: Outcome =
        kubectl::write("default", &["apply", "--server-side", "--field-manager=helm"], &[&peers_crd()]);
    create.ok();
    assert!(!our_status_is_served());
    // Where nobody minds it, a fraction is stored: the list of Canaries that the peer reads then fails as a whole.
    let established = ["wait", "--for=condition=Established", "--timeout=25s", "crd/canaries.flagger.app"];
    kubectl::kubectl(&established).ok();
    let old = Space::new("fraction");
    let steps = json!({"spec": {"analysis": {"stepWeights": null, "stepWeight": 2.5, "maxWeight": 50}}});
    old.apply(&[&with(&canary(&old.host(), &[]), &steps)]);

    // Without the Job the controller has to see it by itself.
    let words = upgrade_words(&["crds.apply=false"]);
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "--wait").collect();
    helm(&words).ok();
    wait::until(wait::PODS, "the controller to say what is wrong with the CRD and what mends it", || {
        let logs = controller::logs();
        let said =
            logs.lines().any(|line| line.contains("canaries.flagger.app") && line.contains("crds --apply"));
        if said { Ok(()) } else { Err(logs.lines().last().unwrap_or("nothing").to_owned()) }
    });
    let ready = controller::pods().iter().any(|pod| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    });
    assert!(!ready, "a replica is ready although its status would be pruned");

    upgrade(&[]).ok();
    assert!(our_status_is_served());
    controller::ready();
    let told = History::of(&old.namespace, APP)
        .wait(wait::NOTICED, "the fraction to be named", |seen| seen.is("Stalled"));
    assert!(told.condition("Stalled")["message"].to_string().contains("SL001"), "{}", told.line());
    let space = Space::new("crds");
    space.initialised(&podinfo("one"), &canary(&space.host(), &[20, 50]));
}
