//! Targets and Canaries of the bench.

use serde_json::{Value, json};

use super::store::NAMESPACE;

/// Seconds of a step.
pub(crate) const INTERVAL: u64 = 10;

/// The name of the Canary with this number, and of its target.
pub(crate) fn name(number: usize) -> String {
    format!("service-{number:05}")
}

/// Where objects of a kind are, such as `deployments`.
pub(crate) fn collection(plural: &str) -> String {
    let group = match plural {
        "deployments" => "apis/apps/v1",
        "canaries" => "apis/flagger.app/v1beta1",
        "httproutes" => "apis/gateway.networking.k8s.io/v1",
        "endpointslices" => "apis/discovery.k8s.io/v1",
        other => panic!("the group of {other} is not known here"),
    };
    format!("/{group}/namespaces/{NAMESPACE}/{plural}")
}

/// Where one object is.
pub(crate) fn place(plural: &str, name: &str) -> String {
    format!("{}/{name}", collection(plural))
}

/// A target as its user applies it.
pub(crate) fn deployment(name: &str) -> Value {
    let setting =
        |number: usize| json!({"name": format!("SETTING_{number}"), "value": "something that is set"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "app", "image": "registry.example.com/app:1.0.0",
                    "ports": [{"name": "http", "containerPort": 9898}],
                    "env": (0..12).map(setting).collect::<Vec<_>>(),
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
                }]},
            },
        },
    })
}

/// What makes a new revision of a target.
pub(crate) fn release(version: u32) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"version": version.to_string()}}}}})
}

/// A Canary that is raised from 10 to 50 % in steps of ten seconds, judged by one metric.
pub(crate) fn canary(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "progressDeadlineSeconds": 600,
            "service": {
                "port": 9898, "targetPort": "http", "hosts": [format!("{name}.example.com")],
                "gatewayRefs": [{"name": "shared", "namespace": "gateways"}],
            },
            "analysis": {
                "interval": format!("{INTERVAL}s"), "threshold": 3, "stepWeight": 10, "maxWeight": 50,
                "metrics": [{"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}}],
            },
        },
    })
}
