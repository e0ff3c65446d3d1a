//! Examples of rules: YAML documents, of which the last is written while the others are in the cluster before.
//!
//! A document is a merge patch over a plain object of its kind that breaks no rule; without `kind` it is a Canary. A document
//! before the last with the same kind and name makes the last one an update, unless a first line `# validated together` says that
//! they are manifests of one set. A first line `# sluice run FLAGS` sets flags, and `# kubectl delete` deletes the last document.

use serde_json::{Value, json};

use crate::admission::{
    Lookup, Problem,
    set::{Set, is_ours},
};
use crate::api::ObjectRef;
use crate::rollout::Settings;

/// The line that makes an example one of manifests that nobody has applied.
pub const TOGETHER: &str = "# validated together";

/// The line that makes the last document of an example one that is deleted.
pub const DELETED: &str = "# kubectl delete";

/// The plain object of a kind that examples change.
pub fn plain(kind: &str) -> Value {
    if kind == "Secret" {
        return json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": "credentials", "namespace": "shop"},
            "data": {"address": "", "token": ""},
        });
    }
    let (version, name, spec) = match kind {
        "Deployment" => (
            "apps/v1",
            "app",
            json!({
                "replicas": 2,
                "selector": {"matchLabels": {"app": "app"}},
                "template": {
                    "metadata": {"labels": {"app": "app"}},
                    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
                },
            }),
        ),
        "DaemonSet" => (
            "apps/v1",
            "app",
            json!({
                "selector": {"matchLabels": {"app": "app"}},
                "template": {
                    "metadata": {"labels": {"app": "app"}},
                    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
                },
            }),
        ),
        "HorizontalPodAutoscaler" => (
            "autoscaling/v2",
            "app",
            json!({
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "minReplicas": 2,
                "maxReplicas": 5,
            }),
        ),
        "AlertProvider" => (
            "flagger.app/v1beta1",
            "on-call",
            json!({"type": "slack", "channel": "releases", "secretRef": {"name": "credentials"}}),
        ),
        "Service" => (
            "v1",
            "app",
            json!({
                "selector": {"app": "app-primary"},
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}],
            }),
        ),
        "MetricTemplate" => (
            "flagger.app/v1beta1",
            "errors",
            json!({
                "provider": {"type": "prometheus", "address": "http://prometheus:9090"},
                "query": "sum(rate(errors_total[{{ interval }}]))",
            }),
        ),
        _ => (
            "flagger.app/v1beta1",
            "app",
            json!({
                "provider": "gatewayapi:v1",
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "service": {"port": 80, "gatewayRefs": [{"name": "public", "namespace": "gateways"}]},
                "analysis": {
                    "interval": "1m",
                    "threshold": 5,
                    "stepWeight": 10,
                    "maxWeight": 50,
                    "metrics": [
                        {"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}},
                    ],
                },
            }),
        ),
    };
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

/// The documents of an example as whole objects, in their order.
///
/// # Errors
/// A document is not YAML.
pub fn objects(example: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    let whole = |text: &str| {
        let patch: Value = serde_saphyr::from_str(text)?;
        let mut object = plain(patch.get("kind").and_then(Value::as_str).unwrap_or("Canary"));
        json_patch::merge(&mut object, &patch);
        Ok(object)
    };
    example.split("\n---\n").map(whole).collect()
}

/// What the gate, or `sluice validate`, says of an example's last document.
///
/// # Errors
/// A document is not YAML.
pub fn problems(example: &str) -> Result<Vec<Problem>, serde_saphyr::Error> {
    let mut others = objects(example)?;
    let Some(written) = others.pop() else { return Ok(Vec::new()) };
    let answers = !example.contains("does not answer");
    if answers
        && !others.iter().any(|other| matches!(other["kind"].as_str(), Some("Deployment" | "DaemonSet")))
    {
        others.push(plain("Deployment"));
    }
    if answers && !others.iter().any(|other| other["kind"] == "Secret") {
        others.push(plain("Secret"));
    }
    let settings = Settings {
        no_cross_namespace_refs: example.contains("--no-cross-namespace-refs"),
        ..Settings::default()
    };
    let absent = if answers { Lookup::Missing } else { Lookup::Failed("no answer in 300 ms".to_owned()) };
    let together = example.contains(TOGETHER);
    let old = others.iter().find(|other| !together && ObjectRef::of(other) == ObjectRef::of(&written));
    let set = Set::new(others.iter().chain(together.then_some(&written)), &settings, absent);
    Ok(if example.contains(DELETED) {
        set.guard(&written, None)
    } else if let Some(old) = old.filter(|_| !is_ours(&written)) {
        set.guard(old, Some(&written))
    } else {
        set.judge(&written, old).problems
    })
}
