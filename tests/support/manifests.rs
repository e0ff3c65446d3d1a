//! Manifests of the app and its Canary, as plain values: `with` changes one the way `kubectl patch --type=merge` does.

use serde_json::{Value, json};

/// Name of the app's Deployment and Canary.
pub(crate) const APP: &str = "podinfo";
/// Where the bed's Gateway stands, as namespace and name.
pub(crate) const GATEWAY: (&str, &str) = ("projectcontour", "public");
/// The port of the app's Services.
pub(crate) const PORT: u16 = 9898;

/// An object with changes merged into it.
pub(crate) fn with(object: &Value, changes: &Value) -> Value {
    let mut changed = object.clone();
    json_patch::merge(&mut changed, changes);
    changed
}

/// A namespace that is seen to be a test's.
pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"sluice.dev/test": "true"}}})
}

/// The app in one version and with one replica.
pub(crate) fn podinfo(version: &str) -> Value {
    let text = include_str!("../testbed/apps/podinfo.yaml");
    let mut app: Value = serde_saphyr::from_str(text).expect("the bed's podinfo.yaml is one object");
    app["spec"]["replicas"] = 1.into();
    container(&mut app)["env"] = json!([{"name": "PODINFO_UI_MESSAGE", "value": version}]);
    app
}

/// The app whose version stands in a ConfigMap or Secret: `source` is the `valueFrom` of a variable.
pub(crate) fn configured(source: &Value) -> Value {
    let mut app = podinfo("");
    container(&mut app)["env"] = json!([{"name": "PODINFO_UI_MESSAGE", "valueFrom": source}]);
    app
}

/// The app as a DaemonSet, which starts a new pod on a node before the old one goes.
pub(crate) fn daemon_set(app: &Value) -> Value {
    let strategy = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    let spec = json!({"replicas": null, "strategy": null, "updateStrategy": strategy});
    with(app, &json!({"kind": "DaemonSet", "spec": spec}))
}

/// The app under another name.
pub(crate) fn named(app: &Value, name: &str) -> Value {
    let labels = json!({"app": name});
    let changes = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    });
    with(app, &changes)
}

/// The app with a wish for replicas.
pub(crate) fn replicas(app: &Value, count: u32) -> Value {
    with(app, &json!({"spec": {"replicas": count}}))
}

/// A bad version: every answer is right, and 600 to 800 ms late. Judged by its duration, it fails without failing anybody.
pub(crate) fn slow(app: &Value) -> Value {
    let options =
        ["--random-delay", "--random-delay-unit=ms", "--random-delay-min=600", "--random-delay-max=800"];
    let mut app = app.clone();
    let arguments = container(&mut app)["args"].as_array_mut().expect("podinfo.yaml has arguments");
    arguments.extend(options.map(Value::from));
    app
}

fn container(app: &mut Value) -> &mut Value {
    &mut app["spec"]["template"]["spec"]["containers"][0]
}

/// A route that the app's user made, by the bed's Gateway.
pub(crate) fn users_route(host: &str, rules: &Value) -> Value {
    let (namespace, gateway) = GATEWAY;
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": APP},
        "spec": {
            "parentRefs": [{"namespace": namespace, "name": gateway}],
            "hostnames": [host],
            "rules": rules,
        },
    })
}

/// A Canary of the app behind the bed's Gateway, judged every ten seconds by success rate and duration.
pub(crate) fn canary(host: &str, steps: &[u32]) -> Value {
    let (namespace, gateway) = GATEWAY;
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": APP},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "progressDeadlineSeconds": 120,
            "service": {
                "port": PORT,
                "targetPort": "http",
                "hosts": [host],
                "gatewayRefs": [{"namespace": namespace, "name": gateway}],
            },
            "analysis": {
                "interval": "10s",
                "threshold": 2,
                "stepWeights": steps,
                "metrics": [
                    {"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}},
                    {"name": "request-duration", "interval": "10s", "thresholdRange": {"max": 500}},
                ],
            },
        },
    })
}

/// The same for blue/green without a route: traffic goes by the Services' selectors.
pub(crate) fn blue_green(iterations: u32) -> Value {
    let changes = json!({
        "spec": {
            "provider": "kubernetes",
            "service": {"hosts": null, "gatewayRefs": null},
            "analysis": {"stepWeights": null, "iterations": iterations},
        },
    });
    with(&canary("", &[]), &changes)
}

/// The same for another target, under its name.
pub(crate) fn canary_for(canary: &Value, target: &str) -> Value {
    with(canary, &json!({"metadata": {"name": target}, "spec": {"targetRef": {"name": target}}}))
}
