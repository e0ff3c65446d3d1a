//! Everything admitted can be run: what the gate lets pass the controller can read, and its rules have nothing against it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::unreadable::{full, places};
use super::{World, told};
use crate::admission::rules::example;
use crate::admission::{Severity, standing};
use crate::api::Canary;

/// Values that people, templates and other tools leave in a manifest.
fn value() -> impl Strategy<Value = Value> {
    let numbers = [
        json!(0),
        json!(-1),
        json!(1),
        json!(7),
        json!(50),
        json!(101),
        json!(2.5),
        json!(1.0),
        json!(70_000),
    ];
    let texts =
        ["", "0", "5", "10s", "1h30m", "5 s", "-1m", "*", "app", "App", "http://shop/", "{{ target }}", "v1"];
    let numbers = prop::sample::select(numbers.to_vec());
    let texts = prop::sample::select(texts.map(Value::from).to_vec());
    let others = prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!([1, 2]),
    ]);
    prop_oneof![3 => numbers, 3 => texts, 1 => others]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_the_gate_admits_the_controller_can_read_and_has_nothing_against(
        changes in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..4),
    ) {
        let mut written = full();
        for (place, value) in changes {
            let mut all = Vec::new();
            places(&written["spec"], "/spec", &mut all);
            // The spec itself as another value is refused whatever it is.
            let place = place.get(&all[1..]).clone();
            *written.pointer_mut(&place).unwrap() = value;
        }
        let world = World::new(vec![example::plain("Deployment"), example::plain("MetricTemplate")]);
        let problems = world.write(&written);
        if problems.iter().all(|problem| problem.severity == Severity::Warning) {
            let canary: Result<Canary, _> = serde_json::from_value(written.clone());
            prop_assert!(canary.is_ok(), "{:?} of {written:#}", canary.err());
            let canary = canary.unwrap();
            let needs = standing::needs(&canary, &world.settings);
            let lookups = needs.into_iter().map(|needed| (needed.clone(), world.look(&needed))).collect();
            let stands = standing::problems(&written, &canary, &world.catalog, &world.settings, &lookups);
            prop_assert!(stands.is_empty(), "{} of {written:#}", told(&stands));
        }
    }
}
