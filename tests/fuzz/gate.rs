//! The gate in front of a small cluster, and what every answer of it has to be.

use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice::admission::rules::{RULES, example};
use sluice::admission::{Call, Catalog, Endpoint, Gate, Lookup, Lookups, Mode, Verdict};
use sluice::api::{Canary, ObjectRef};
use sluice::rollout::Settings;

/// Bytes that an answer may have beside what it echoes.
const MOST: usize = 512 * 1024;
/// Objects that one review may have read from the API server.
const READS: usize = 64;

/// What stands in the cluster.
struct World {
    gate: Gate,
    catalog: Catalog,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut catalog = Catalog::default();
    for canary in objects().iter().filter(|object| object["kind"] == "Canary") {
        if let Ok(canary) = serde_json::from_value::<Canary>(canary.clone()) {
            catalog.apply(&canary);
        }
    }
    catalog.synced = true;
    World { gate: Gate::new(Settings::default(), "system:serviceaccount:sluice-system:sluice"), catalog }
});

/// All objects of all examples of the rules: what comes in is made from them.
pub(crate) fn objects() -> &'static [Value] {
    static OBJECTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let examples = RULES.iter().flat_map(|rule| [rule.wrong, rule.right]);
        let mut objects: Vec<Value> =
            examples.filter_map(|text| example::objects(text).ok()).flatten().collect();
        objects.push(target());
        objects
    });
    &OBJECTS
}

/// A Deployment that Canary `app` releases, at rest.
fn target() -> Value {
    let mut target = example::plain("Deployment");
    json_patch::merge(
        &mut target,
        &json!({
            "metadata": {
                "labels": {"sluice.dev/managed": "true"},
                "annotations": {"sluice.dev/canary": "app", "sluice.dev/replicas": "2"},
            },
            "spec": {"replicas": 0},
        }),
    );
    target
}

/// Asks the gate, and panics if its answer is not one that the API server can use. Returns the verdict, if the body was a
/// review; `found` says what the reads of it return.
pub(crate) fn ask(endpoint: Endpoint, body: &[u8], found: fn(&ObjectRef) -> Lookup) -> Option<Verdict> {
    let World { gate, catalog } = &*WORLD;
    let call = match Call::parse(endpoint, Mode::Enforce, body) {
        Ok(call) => call,
        Err(error) => {
            let uid = uid(body);
            assert!(uid.is_none(), "there is a uid to answer to, {uid:?}, and the answer is: {error}");
            assert!(error.to_string().len() < 1_000 + body.len());
            return None;
        }
    };
    let needs = gate.needs(&call, catalog);
    assert!(needs.len() <= READS, "{} objects are to be read for one review", needs.len());
    let look = |needed: ObjectRef| (needed.clone(), found(&needed));
    let mut lookups: Lookups = needs.into_iter().map(look).collect();
    let further: Vec<ObjectRef> =
        lookups.iter().flat_map(|(of, found)| gate.further(&call, of, found)).collect();
    assert!(further.len() <= READS, "{} further objects are to be read", further.len());
    lookups.extend(further.into_iter().map(look));
    let mut verdict = gate.judge(&call, catalog, &lookups);
    if !verdict.confirm.is_empty() {
        assert!(verdict.confirm.len() <= READS, "{} objects are to be confirmed", verdict.confirm.len());
        lookups.extend(std::mem::take(&mut verdict.confirm).into_iter().map(look));
        verdict = gate.judge(&call, catalog, &lookups);
        assert!(verdict.confirm.is_empty(), "a second look is the last");
    }
    let answer = call.answer(&verdict).unwrap();
    assert!(answer.len() <= MOST + 3 * body.len(), "an answer of {} bytes to {}", answer.len(), body.len());
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let response = &answer["response"];
    assert_eq!(response["uid"], call.request.uid.as_str());
    assert_eq!(response["allowed"], verdict.is_allowed());
    if let (true, Some(object)) = (verdict.is_allowed(), &call.request.object) {
        json_patch::patch(&mut object.clone(), &verdict.patch.0).unwrap();
    }
    Some(verdict)
}

/// The uid of a body that is a review of our version, read in another way than the gate does.
fn uid(body: &[u8]) -> Option<String> {
    let review: Value = serde_json::from_slice(body).ok()?;
    let version = review.get("apiVersion").and_then(Value::as_str).unwrap_or("admission.k8s.io/v1");
    let uid = review.get("request")?.as_object()?.get("uid")?.as_str()?;
    (version == "admission.k8s.io/v1" && !uid.is_empty()).then(|| uid.to_owned())
}
