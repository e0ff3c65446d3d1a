//! The questions: what the API server sends when a user changes a target or a Canary.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice::admission::Endpoint;

use super::objects::{NAMESPACE, canary, deployment, name, wished};

/// Different objects of one kind of review.
const DIFFERENT: usize = 100;
/// Bytes of a Deployment in the reviews of large ones.
const MEGABYTE: usize = 1_000_000;

/// The kinds of reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A target at rest is to have replicas: they are held.
    Held,
    /// The image of a target changes: it is stamped.
    Released,
    /// A Canary is created.
    Created,
    /// A Canary is changed.
    Changed,
    /// The replicas of a target of 1 MB change.
    LargeSame,
    /// The image of a target of 1 MB changes.
    LargeChanged,
}

/// One question, ready to send.
#[derive(Clone)]
pub(crate) struct Review {
    pub(crate) kind: Kind,
    pub(crate) path: &'static str,
    pub(crate) body: Bytes,
}

/// The questions of the paced phase in the order in which they are asked: of ten, eight are about targets, one creates a
/// Canary and one changes one.
pub(crate) struct Mix(pub(crate) Vec<Review>);

impl Mix {
    /// Questions about objects of a cluster with so many Canaries.
    pub(crate) fn new(canaries: usize) -> Mix {
        let mut reviews = Vec::new();
        for number in 0..DIFFERENT {
            let stored = name(number * canaries / DIFFERENT);
            reviews.push(created(&format!("newcomer-{number:05}")));
            reviews.extend((0..4).flat_map(|_| [held(&stored), released(&stored)]));
            reviews.push(changed(&stored));
        }
        Mix(reviews)
    }
}

/// A manifest that is applied again: three replicas for a target at rest.
fn held(name: &str) -> Review {
    let (old, mut new) = (deployment(name), deployment(name));
    new["spec"]["replicas"] = json!(3);
    review(Kind::Held, Endpoint::TargetMutate, "Deployment", name, &new, Some(&old))
}

/// A new image.
fn released(name: &str) -> Review {
    let (old, mut new) = (deployment(name), deployment(name));
    new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/app:2.0.0");
    review(Kind::Released, Endpoint::TargetMutate, "Deployment", name, &new, Some(&old))
}

fn created(name: &str) -> Review {
    review(Kind::Created, Endpoint::CanaryMutate, "Canary", name, &wished(name), None)
}

fn changed(name: &str) -> Review {
    let (old, mut new) = (canary(name), canary(name));
    new["spec"]["analysis"]["stepWeights"] = json!([10, 20, 40]);
    review(Kind::Changed, Endpoint::CanaryMutate, "Canary", name, &new, Some(&old))
}

/// Writes to a Deployment of 1 MB; a review holds it twice.
pub(crate) struct Large {
    /// Its replicas change, its pod template does not.
    pub(crate) same: Review,
    /// One image changes.
    pub(crate) changed: Review,
}

impl Large {
    pub(crate) fn new() -> Large {
        let name = name(0);
        let mut old = deployment(&name);
        let missing = MEGABYTE - old.to_string().len();
        // Many small values: more to read than a few long ones.
        let setting = |number: usize| json!({"name": format!("LARGE_SETTING_{number:05}"), "value": "0123456789".repeat(6)});
        let each = setting(0).to_string().len() + 1;
        old["spec"]["template"]["spec"]["containers"][0]["env"] =
            (0..missing / each).map(setting).collect::<Vec<_>>().into();
        let (mut same, mut changed) = (old.clone(), old.clone());
        same["spec"]["replicas"] = json!(3);
        changed["spec"]["template"]["spec"]["containers"][0]["image"] =
            json!("registry.example.com/app:2.0.0");
        let about =
            |kind, new: &Value| review(kind, Endpoint::TargetMutate, "Deployment", &name, new, Some(&old));
        Large { same: about(Kind::LargeSame, &same), changed: about(Kind::LargeChanged, &changed) }
    }
}

fn review(
    kind: Kind,
    endpoint: Endpoint,
    object_kind: &str,
    name: &str,
    new: &Value,
    old: Option<&Value>,
) -> Review {
    let (group, version) = new["apiVersion"].as_str().unwrap().split_once('/').unwrap();
    let body = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": version, "kind": object_kind},
            "resource": {"group": group, "version": version, "resource": format!("{}s", object_kind.to_lowercase())},
            "name": name, "namespace": NAMESPACE, "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
            "userInfo": {"username": "ann", "groups": ["developers", "system:authenticated"]},
            "object": new, "oldObject": old, "dryRun": false,
            "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-client-side-apply"},
        },
    });
    Review { kind, path: endpoint.path(), body: body.to_string().into() }
}
