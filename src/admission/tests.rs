//! A small cluster in front of which the gate stands, and what the tests ask it.

mod admitted;
mod calls;
mod claims;
mod corpus;
mod forecast;
mod hostile;
mod own_kinds;
mod primaries;
mod rules;
mod shared;
mod targets;
mod unreadable;
mod ways;

use serde_json::{Value, json};

use super::{Call, Catalog, Endpoint, Gate, Lookup, Lookups, Mode, Problem, Verdict};
use crate::api::{Canary, ObjectRef};
use crate::rollout::Settings;

/// The account that Sluice runs under.
const OWN: &str = "system:serviceaccount:sluice-system:sluice";

/// A cluster of nothing but these objects, all in namespace shop, and a gate in front of it.
struct World {
    objects: Vec<Value>,
    /// What the gate knows of the Canaries; as the objects say unless a test makes it stale.
    catalog: Catalog,
    settings: Settings,
    /// Whether the API server answers look-ups.
    answers: bool,
}

impl World {
    fn new(objects: Vec<Value>) -> Self {
        let mut catalog = Catalog::default();
        let canaries = objects.iter().filter(|object| object["kind"] == "Canary");
        for canary in canaries.filter_map(|object| serde_json::from_value::<Canary>(object.clone()).ok()) {
            catalog.apply(&canary);
        }
        World { objects, catalog, settings: Settings::default(), answers: true }
    }

    fn look(&self, reference: &ObjectRef) -> Lookup {
        if !self.answers {
            return Lookup::Failed("no answer in 300 ms".into());
        }
        let found = self.objects.iter().find(|object| {
            object["kind"] == reference.kind.as_str()
                && object["metadata"]["namespace"] == reference.namespace.as_str()
                && object["metadata"]["name"] == reference.name.as_str()
        });
        found.map_or(Lookup::Missing, |object| Lookup::Found(object.clone()))
    }

    /// What the edge does: look up, also what was named by that, judge, confirm, judge again.
    fn judge(&self, call: &Call) -> Verdict {
        let gate = Gate::new(self.settings.clone(), OWN);
        let look = |needed: ObjectRef| (needed.clone(), self.look(&needed));
        let mut lookups: Lookups = gate.needs(call, &self.catalog).into_iter().map(look).collect();
        let further = |(reference, lookup)| gate.further(call, reference, lookup);
        let further: Vec<ObjectRef> = lookups.iter().flat_map(further).collect();
        lookups.extend(further.into_iter().map(look));
        let verdict = gate.judge(call, &self.catalog, &lookups);
        if verdict.confirm.is_empty() {
            return verdict;
        }
        lookups.extend(verdict.confirm.into_iter().map(look));
        let verdict = gate.judge(call, &self.catalog, &lookups);
        assert_eq!(verdict.confirm, [], "a second look is the last");
        verdict
    }

    /// The problems of something of ours that somebody deletes or, if one of its name is there, changes.
    fn guarded(&self, object: &Value, deletes: bool) -> Vec<Problem> {
        let call = if deletes {
            let endpoint = if object["apiVersion"] == "flagger.app/v1beta1" {
                Endpoint::CanaryDelete
            } else {
                Endpoint::OwnedDelete
            };
            call(endpoint, &deletion("ann", object))
        } else {
            let (kind, name) =
                (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
            let Lookup::Found(old) = self.look(&ObjectRef::new("", kind, "shop", name)) else {
                panic!("{kind} {name} is not there to be changed")
            };
            call(Endpoint::TargetMutate, &review("ann", object.clone(), Some(old)))
        };
        self.judge(&call).problems
    }

    /// The problems of an object that is written: an update if one of its kind and name is there.
    fn write(&self, object: &Value) -> Vec<Problem> {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let old = match self.look(&ObjectRef::new("", kind, "shop", name)) {
            Lookup::Found(old) => Some(old),
            _ => None,
        };
        let request = review("ann", object.clone(), old);
        let verdict = self.judge(&call(Endpoint::CanaryMutate, &request));
        let again = self.judge(&call(Endpoint::CanaryValidate, &request));
        assert_eq!(verdict, again, "both endpoints say the same");
        assert!(verdict.patch.0.is_empty(), "our own kinds are not changed");
        verdict.problems
    }

    /// What is told when an object of our own kinds is deleted.
    fn delete(&self, object: &Value) -> Verdict {
        self.judge(&call(Endpoint::CanaryDelete, &deletion("ann", object)))
    }
}

/// A review of a deletion.
fn deletion(user: &str, old: &Value) -> Value {
    let mut review = review(user, old.clone(), None);
    review["request"]["operation"] = json!("DELETE");
    review["request"]["oldObject"] = review["request"]["object"].take();
    review
}

/// A review of a write as the API server sends it.
fn review(user: &str, object: Value, old: Option<Value>) -> Value {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "namespace": "shop", "name": object["metadata"]["name"], "userInfo": {"username": user},
        "kind": {"group": group, "version": version, "kind": object["kind"]},
        "operation": if old.is_some() { "UPDATE" } else { "CREATE" }, "object": object, "oldObject": old,
    }})
}

fn call(endpoint: Endpoint, review: &Value) -> Call {
    Call::parse(endpoint, Mode::Enforce, review.to_string().as_bytes()).unwrap()
}

/// The problems as lines, to read a failed test by.
fn told(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{} {problem}\n", problem.severity)).collect()
}
