//! One of several equal keys in the lists of a pod spec that server-side apply merges by key.
//!
//! The API server stores such doubles in the target, with a warning at most, but refuses to apply them.

use serde_json::Value;

/// Of variables the last one counts, as for the kubelet; of everything else the first.
pub(super) fn in_pod(spec: &mut Value) {
    for of in ["containers", "initContainers"] {
        for container in spec.get_mut(of).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(variables) = list(container, "env") {
                variables.reverse();
                first(variables, |variable| variable["name"].clone());
                variables.reverse();
            }
            if let Some(ports) = list(container, "ports") {
                let protocol = |port: &Value| port.get("protocol").cloned().unwrap_or_else(|| "TCP".into());
                first(ports, |port| Value::from(vec![port["containerPort"].clone(), protocol(port)]));
            }
        }
    }
    for (of, key) in [("imagePullSecrets", "name"), ("hostAliases", "ip")] {
        if let Some(elements) = list(spec, of) {
            first(elements, |element| element[key].clone());
        }
    }
}

fn list<'a>(holder: &'a mut Value, key: &str) -> Option<&'a mut Vec<Value>> {
    holder.get_mut(key).and_then(Value::as_array_mut)
}

fn first(elements: &mut Vec<Value>, key: impl Fn(&Value) -> Value) {
    let mut seen = Vec::new();
    elements.retain(|element| {
        let key = key(element);
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
}
