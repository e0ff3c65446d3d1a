//! Bytes as they come off the wire. The first byte chooses the endpoint, all others are the body.

use sluice::admission::{Endpoint, Lookup};

use super::gate;

/// Any body is answered, or is no review.
pub(crate) fn check(input: &[u8]) {
    let Some((first, body)) = input.split_first() else { return };
    let endpoint = Endpoint::ALL[usize::from(*first) % Endpoint::ALL.len()];
    gate::ask(endpoint, body, |_| Lookup::Failed("nobody looks".to_owned()));
}

/// A few inputs to begin with: reviews of what the rules' examples show.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let body = |object: &serde_json::Value| {
        let kind = object["kind"].as_str().unwrap_or_default();
        let (group, version) =
            object["apiVersion"].as_str().unwrap_or_default().split_once('/').unwrap_or_default();
        serde_json::json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": "CREATE", "namespace": "shop", "name": object["metadata"]["name"],
            "kind": {"group": group, "version": version, "kind": kind}, "userInfo": {"username": "ann"}, "object": object,
        }})
    };
    let objects = gate::objects().iter().enumerate();
    objects.map(|(number, object)| [&[number as u8], body(object).to_string().as_bytes()].concat()).collect()
}
