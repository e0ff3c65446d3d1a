//! What stands in the cluster of the bench: Canaries and Deployments as they look after a while of use, with the marks of
//! `kubectl apply` and the fields of their managers.

use serde_json::{Value, json};

/// Where everything is.
pub(crate) const NAMESPACE: &str = "shop";

/// The name of the Canary with this number, and of its target.
pub(crate) fn name(number: usize) -> String {
    format!("service-{number:05}")
}

/// A Canary as the README shows one, at rest after a promotion.
pub(crate) fn canary(name: &str) -> Value {
    let mut canary = wished(name);
    let applied = canary.to_string();
    canary["metadata"] = json!({
        "name": name, "namespace": NAMESPACE, "uid": format!("5d1f3c1e-0000-4000-8000-{name:0>12}"),
        "resourceVersion": "184467", "generation": 3, "creationTimestamp": "2026-05-01T10:00:00Z",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied},
        "managedFields": managers(),
    });
    let condition = |of: &str, status: &str, reason: &str| {
        json!({"type": of, "status": status, "reason": reason, "message": format!("The revision of {name} runs everywhere."),
               "lastUpdateTime": "2026-05-01T10:30:00Z", "lastTransitionTime": "2026-05-01T10:30:00Z"})
    };
    canary["status"] = json!({
        "phase": "Succeeded", "canaryWeight": 0, "failedChecks": 0, "iterations": 0, "stepIndex": 0,
        "lastAppliedSpec": "6d9f7c8e5b4a3f21", "lastPromotedSpec": "6d9f7c8e5b4a3f21", "observedGeneration": 3,
        "lastTransitionTime": "2026-05-01T10:30:00Z", "lastDecision": "the revision was promoted",
        "target": {"uid": format!("7a1f3c1e-0000-4000-8000-{name:0>12}"), "generation": 12},
        "conditions": [
            condition("Promoted", "True", "Succeeded"),
            condition("Ready", "True", "Succeeded"),
            condition("Progressing", "False", "Succeeded"),
        ],
    });
    canary
}

/// The same as its user writes it.
pub(crate) fn wished(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "progressDeadlineSeconds": 120,
            "service": {
                "port": 9898, "targetPort": "http", "hosts": [format!("{name}.example.com")],
                "gatewayRefs": [{"name": "shared", "namespace": "gateways"}],
            },
            "analysis": {
                "interval": "30s", "threshold": 3, "stepWeights": [5, 10, 25, 50],
                "metrics": [
                    {"name": "request-success-rate", "interval": "30s", "thresholdRange": {"min": 99}},
                    {"name": "request-duration", "interval": "30s", "thresholdRange": {"max": 500}},
                    {"name": "errors", "interval": "30s", "thresholdRange": {"max": 1},
                     "templateRef": {"name": "errors", "namespace": NAMESPACE}},
                ],
            },
        },
    })
}

/// A released Deployment of an ordinary size, idle, as the controller left it.
pub(crate) fn deployment(name: &str) -> Value {
    let container = |container: &str| {
        let setting = |number: usize| json!({"name": format!("SETTING_{number}"), "value": format!("value {number} of {name}")});
        json!({
            "name": container, "image": format!("registry.example.com/{name}/{container}:1.0.0"), "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": 9898, "protocol": "TCP"}],
            "env": (0..12).map(setting).collect::<Vec<_>>(),
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 5,
                "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 5,
                "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "settings", "mountPath": "/settings"}],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": name, "namespace": NAMESPACE, "uid": format!("7a1f3c1e-0000-4000-8000-{name:0>12}"),
            "resourceVersion": "184460", "generation": 12, "creationTimestamp": "2026-05-01T09:00:00Z",
            "labels": {"app": name, "sluice.dev/managed": "true"},
            "annotations": {
                "deployment.kubernetes.io/revision": "7", "sluice.dev/canary": name, "sluice.dev/replicas": "3",
            },
            "managedFields": managers(),
        },
        "spec": {
            "replicas": 0, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {"prometheus.io/scrape": "true"}},
                "spec": {
                    "containers": [container("app"), container("proxy")],
                    "volumes": [
                        {"name": "data", "emptyDir": {}},
                        {"name": "settings", "configMap": {"name": format!("{name}-settings"), "defaultMode": 420}},
                    ],
                    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                    "securityContext": {}, "schedulerName": "default-scheduler",
                },
            },
        },
        "status": {"observedGeneration": 12},
    })
}

/// A MetricTemplate.
pub(crate) fn template(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("template-{name}"), "resourceVersion": "7"},
        "spec": {
            "provider": {"type": "prometheus", "address": "http://prometheus:9090"},
            "query": "sum(rate(errors_total{app=\"{{ target }}\"}[{{ interval }}]))",
        },
    })
}

/// Two managers, one of whom owns most of a pod template.
fn managers() -> Value {
    let settings: serde_json::Map<String, Value> = (0..12)
        .map(|number| {
            (format!("k:{{\"name\":\"SETTING_{number}\"}}"), json!({".": {}, "f:name": {}, "f:value": {}}))
        })
        .collect();
    json!([
        {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1",
         "time": "2026-05-01T09:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {
                ".": {}, "f:image": {}, "f:env": settings, "f:ports": {}, "f:resources": {}}}}}},
         }},
        {"manager": "sluice/claim", "operation": "Apply", "apiVersion": "apps/v1", "time": "2026-05-01T09:01:00Z",
         "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:annotations": {"f:sluice.dev/canary": {}}}}},
    ])
}
