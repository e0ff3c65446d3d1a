//! An app under a Canary as Flagger 1.44 leaves it: primary, Services, route and status in the shapes that it writes.

use serde_json::{Value, json};

use super::data_plane::DataPlane;
use super::manifests::{APP, GATEWAY, PORT, podinfo, replicas, with};
use super::space::Space;
use super::{api, kubectl};

/// What Flagger calls itself in `managedFields`.
const MANAGER: &str = "--field-manager=flagger";
/// What keeps Flux from putting its objects back.
const FLUX: [&str; 2] = ["kustomize.toolkit.fluxcd.io/reconcile", "helm.toolkit.fluxcd.io/driftDetection"];

/// Makes all of it, without Flagger and without Sluice: the primary runs `served`, and the target, at rest, asks for `wished`.
#[track_caller]
pub(crate) fn leaves(
    space: &Space,
    plane: &DataPlane,
    canary: &Value,
    phase: &str,
    served: &str,
    wished: &str,
) {
    plane.prepare(space);
    space.apply(&[&replicas(&podinfo(wished), 0)]);
    space.apply(&[canary]);
    let uid = api::get("canaries", &space.namespace, APP)["metadata"]["uid"].clone();
    let owners = json!([{
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": APP, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    let mut objects = match canary["spec"]["provider"].as_str() {
        Some("contour") => vec![http_proxy(space)],
        Some("istio") => {
            vec![destination_rule("-primary"), destination_rule("-canary"), virtual_service(canary)]
        }
        _ => vec![http_route(space)],
    };
    objects.push(primary(served));
    objects.extend(["", "-primary", "-canary"].map(service));
    for object in &mut objects {
        object["metadata"]["ownerReferences"] = owners.clone();
    }
    kubectl::write(&space.namespace, &["create", MANAGER], &objects.iter().collect::<Vec<_>>()).ok();
    let promoted = if phase == "Failed" { "False" } else { "True" };
    let time = "2026-11-01T08:00:00Z";
    let status = json!({"status": {
        "phase": phase, "failedChecks": 0, "canaryWeight": 0, "iterations": 0,
        "lastAppliedSpec": "6f7c9d8b54", "lastPromotedSpec": "5d4b8c6f9", "lastTransitionTime": time,
        "conditions": [{
            "type": "Promoted", "status": promoted, "reason": phase, "message": "as Flagger has it",
            "lastUpdateTime": time, "lastTransitionTime": time,
        }],
    }});
    let patch = ["patch", "canary", APP, "--subresource=status", "--type=merge", MANAGER, "--patch"];
    space.kubectl(&[&patch[..], &[&status.to_string()]].concat()).ok();
    space.kubectl(&["rollout", "status", "deployment/podinfo-primary", "--timeout=90s"]).ok();
}

fn annotations() -> Value {
    FLUX.iter().map(|key| ((*key).to_owned(), Value::from("disabled"))).collect()
}

/// The target with the selector's label renamed, no other selector label, and a random id in its pods.
fn primary(version: &str) -> Value {
    let name = format!("{APP}-primary");
    let labels = json!({"app": name});
    let pods =
        json!({"labels": labels, "annotations": {"flagger-id": "7e5c1b0a-3f2d-4c8e-9b6a-1d2e3f4a5b6c"}});
    let changes = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": pods}},
    });
    with(&podinfo(version), &changes)
}

fn service(suffix: &str) -> Value {
    let name = format!("{APP}{suffix}");
    let pods = if suffix == "-canary" { APP.to_owned() } else { format!("{APP}-primary") };
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "labels": {"app": name}, "annotations": annotations()},
        "spec": {
            "type": "ClusterIP", "selector": {"app": pods},
            "ports": [{"name": "http", "protocol": "TCP", "port": PORT, "targetPort": "http"}],
        },
    })
}

fn http_route(space: &Space) -> Value {
    let backend = |suffix: &str, weight: u32| json!({"group": "", "kind": "Service", "name": format!("{APP}{suffix}"), "port": PORT, "weight": weight});
    let (namespace, gateway) = GATEWAY;
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": APP, "annotations": annotations()},
        "spec": {
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace, "name": gateway}],
            "hostnames": [space.host()],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [backend("-primary", 100), backend("-canary", 0)],
            }],
        },
    })
}

fn http_proxy(space: &Space) -> Value {
    let service = |suffix: &str, weight: u32| {
        let name = format!("{APP}{suffix}");
        let host = format!("{name}.{}.svc.cluster.local:{PORT}", space.namespace);
        let headers = json!({"set": [{"name": "l5d-dst-override", "value": host}]});
        json!({"name": name, "port": PORT, "weight": weight, "requestHeadersPolicy": headers})
    };
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
        "metadata": {"name": APP, "annotations": annotations()},
        "spec": {"routes": [{
            "conditions": [{"prefix": "/"}],
            "services": [service("-primary", 100), service("-canary", 0)],
        }]},
    })
}

/// The apex is a host beside those of the Canary.
fn virtual_service(canary: &Value) -> Value {
    let service = &canary["spec"]["service"];
    let mut hosts = service["hosts"].clone();
    hosts.as_array_mut().expect("a Canary with hosts").push(APP.into());
    let destination = |suffix: &str, weight: u32| json!({"destination": {"host": format!("{APP}{suffix}")}, "weight": weight});
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {"name": APP, "annotations": annotations()},
        "spec": {
            "hosts": hosts, "gateways": service["gateways"],
            "http": [{"route": [destination("-primary", 100), destination("-canary", 0)]}],
        },
    })
}

fn destination_rule(suffix: &str) -> Value {
    let name = format!("{APP}{suffix}");
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "DestinationRule",
        "metadata": {"name": name}, "spec": {"host": name},
    })
}
