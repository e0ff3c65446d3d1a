//! Nothing that comes in makes the gate panic, and a uid is always answered.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{OWN, World, call, review};
use crate::admission::rules::example;
use crate::admission::{Call, Endpoint, Gate, Lookups, Mode};
use crate::rollout::Settings;

/// Any JSON, with the words of our kinds among its keys and values.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "metadata",
        "spec",
        "name",
        "namespace",
        "labels",
        "annotations",
        "targetRef",
        "service",
        "analysis",
        "metrics",
        "stepWeights",
        "match",
        "headers",
        "template",
        "replicas",
        "managedFields",
        "fieldsV1",
        "deletionTimestamp",
        "Deployment",
        "Canary",
        "sluice.dev/canary",
        "sluice.dev/managed",
        "kubernetes",
        "10s",
        "",
        "app",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let key = prop_oneof![4 => word.clone().prop_map(str::to_owned), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Puts something else at one place of an object.
fn spoil(object: &mut Value, place: usize, with: Value) {
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Object(map) => map.values().map(count).sum(),
            Value::Array(items) => items.iter().map(count).sum(),
            _ => 0,
        }
    }
    fn at(value: &mut Value, place: usize) -> &mut Value {
        if place == 0 {
            return value;
        }
        let mut left = place - 1;
        let inner: Vec<&mut Value> = match value {
            Value::Object(map) => map.values_mut().collect(),
            Value::Array(items) => items.iter_mut().collect(),
            _ => unreachable!("a leaf has no places"),
        };
        for value in inner {
            let size = count(value);
            if left < size {
                return at(value, left);
            }
            left -= size;
        }
        unreachable!("the place is within the object")
    }
    let place = place % count(object);
    *at(object, place) = with;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for endpoint in Endpoint::ALL {
            let _ = Call::parse(endpoint, Mode::Enforce, &bytes);
        }
    }

    #[test]
    fn any_object_is_answered_with_its_uid(object in anything(), old in anything(), kind in 0..6_usize) {
        let (group, kind) = [
            ("flagger.app", "Canary"),
            ("flagger.app", "MetricTemplate"),
            ("flagger.app", "AlertProvider"),
            ("apps", "Deployment"),
            ("", "Service"),
            ("gateway.networking.k8s.io", "HTTPRoute"),
        ][kind];
        let body = json!({"request": {
            "uid": "the-uid", "operation": "UPDATE", "namespace": "shop", "name": "app",
            "kind": {"group": group, "kind": kind}, "object": object, "oldObject": old,
        }});
        answered(&body)?;
    }

    #[test]
    fn a_canary_spoilt_in_one_place_is_answered(place in 0..200_usize, with in anything()) {
        let mut object = example::plain("Canary");
        spoil(&mut object, place, with);
        answered(&json!({"request": {
            "uid": "the-uid", "operation": "CREATE", "namespace": "shop", "name": "app",
            "kind": {"group": "flagger.app", "kind": "Canary"}, "object": object,
        }}))?;
    }

    #[test]
    fn a_target_spoilt_in_one_place_is_never_refused(place in 0..200_usize, with in anything(), new in any::<bool>()) {
        let mut deployment = example::plain("Deployment");
        deployment["metadata"]["annotations"] = json!({"sluice.dev/canary": "app", "sluice.dev/replicas": "2"});
        let mut pair = [deployment.clone(), deployment];
        spoil(&mut pair[usize::from(new)], place, with);
        let [old, object] = pair;
        let body = review("ann", object, Some(old));
        answered(&body)?;
        let verdict = World::new(vec![example::plain("Canary")]).judge(&call(Endpoint::TargetMutate, &body));
        prop_assert!(verdict.is_allowed());
    }
}

fn answered(body: &Value) -> Result<(), TestCaseError> {
    let world = World::new(vec![example::plain("Canary")]);
    let gate = Gate::new(Settings::default(), OWN);
    for endpoint in Endpoint::ALL {
        let call = call(endpoint, body);
        gate.needs(&call, &world.catalog);
        let verdict = gate.judge(&call, &world.catalog, &Lookups::new());
        let answer: Value = serde_json::from_slice(&call.answer(&verdict).unwrap()).unwrap();
        prop_assert_eq!(&answer["response"]["uid"], &body["request"]["uid"]);
        prop_assert!(answer["response"]["allowed"].is_boolean());
    }
    Ok(())
}
