//! Rendered objects as a whole, and the peer's weak points in them.

mod autoscaler;
mod primary;
mod readiness;
mod revision;
mod scheduling;
mod services;

use serde_json::{Value, json};

use super::{Kind, Selector, kind::KINDS};
use crate::api::{Canary, Live, Object, ObjectRef};

/// A Canary `cider` of namespace `orchard` with the given `spec.service`.
fn canary(service: Value) -> Canary {
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cider", "namespace": "orchard", "uid": "c1de"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cider"},
            "service": service,
            "analysis": {"interval": "30s", "threshold": 3, "stepWeight": 20},
        },
    }))
    .unwrap()
}

/// A target as the API server gives it back; its label's value is not its name.
fn target() -> Object {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "cider",
            "namespace": "orchard",
            "uid": "d-1",
            "generation": 4,
            "labels": {
                "app": "press",
                "team": "fruit",
                "team.orchard/owner": "ada",
                "kustomize.toolkit.fluxcd.io/name": "orchard",
                "sluice.dev/managed": "true",
            },
            "annotations": {
                "orchard/contact": "ada",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "7",
                "kustomize.toolkit.fluxcd.io/checksum": "abc",
                "argocd.argoproj.io/tracking-id": "orchard:apps/Deployment:orchard/cider",
                "meta.helm.sh/release-name": "orchard",
                "sluice.dev/canary": "cider",
                "sluice.dev/replicas": "3",
            },
        },
        "spec": {
            "replicas": 0,
            "paused": true,
            "minReadySeconds": 5,
            "progressDeadlineSeconds": 300,
            "revisionHistoryLimit": 4,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "selector": {"matchLabels": {"app": "press", "tier": "web"}},
            "template": {
                "metadata": {
                    "creationTimestamp": null,
                    "labels": {"app": "press", "tier": "web", "kustomize.toolkit.fluxcd.io/name": "orchard"},
                    "annotations": {
                        "orchard/scrape": "true",
                        "kubectl.kubernetes.io/restartedAt": "2026-11-01T00:00:00Z",
                        "kustomize.toolkit.fluxcd.io/checksum": "abc",
                    },
                },
                "spec": {
                    "containers": [{
                        "name": "press",
                        "image": "registry.orchard/press:2",
                        "env": [{"name": "MODE", "value": "old"}, {"name": "COLOUR", "value": "red"}, {"name": "MODE", "value": "new"}],
                        "ports": [
                            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                            {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
                            {"containerPort": 5353, "protocol": "UDP"},
                        ],
                        "resources": {},
                    }],
                    "affinity": {
                        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["press"]}]},
                        ]}},
                        "podAntiAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": [{
                                "topologyKey": "kubernetes.io/hostname",
                                "labelSelector": {"matchLabels": {"app": "press", "tier": "web"}},
                            }],
                            "preferredDuringSchedulingIgnoredDuringExecution": [{
                                "weight": 10,
                                "podAffinityTerm": {
                                    "topologyKey": "topology.kubernetes.io/zone",
                                    "labelSelector": {"matchExpressions": [
                                        {"key": "app", "operator": "In", "values": ["other", "press"]},
                                    ]},
                                },
                            }],
                        },
                    },
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "topology.kubernetes.io/zone",
                        "whenUnsatisfiable": "DoNotSchedule",
                        "labelSelector": {"matchLabels": {"app": "press"}},
                    }],
                    "volumes": [{"name": "scratch", "emptyDir": {}}],
                },
            },
        },
    })
}

/// Deployments.
fn kind() -> &'static dyn Kind {
    KINDS[0]
}

fn selector() -> Selector {
    Selector::of(&target(), &["app".to_owned()]).unwrap()
}

/// A world of these objects.
fn live(objects: impl IntoIterator<Item = Object>) -> Live {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects
        .into_iter()
        .map(|object| {
            let metadata = &object["metadata"];
            let reference = ObjectRef::new(
                text(&object["apiVersion"]),
                text(&object["kind"]),
                text(&metadata["namespace"]),
                text(&metadata["name"]),
            );
            (reference, object.into())
        })
        .collect()
}
