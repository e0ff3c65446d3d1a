//! What only one Canary may have: who is told of it, who is not, and what an index that is behind may cost.

use rstest::rstest;
use serde_json::{Value, json};

use super::{World, told};
use crate::admission::rules::example;
use crate::admission::{Problem, Seen, Severity, standing};
use crate::api::{Canary, CanaryKey};
use crate::rollout::Settings;

/// A Canary of that namespace, name and creation second, whose route has a host of its own or this one.
fn canary(namespace: &str, name: &str, second: u32, host: &str) -> Value {
    let mut canary = example::plain("Canary");
    let metadata = json!({
        "namespace": namespace, "name": name, "uid": format!("uid-{name}"),
        "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
    });
    json_patch::merge(&mut canary["metadata"], &metadata);
    canary["spec"]["targetRef"]["name"] = json!(name);
    canary["spec"]["service"]["hosts"] = json!([host]);
    canary
}

fn errors(problems: &[Problem]) -> Vec<&str> {
    problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| problem.rule)
        .collect()
}

#[test]
fn a_route_of_another_namespace_that_answers_the_same_requests_refuses_and_is_named() {
    let first = canary("bar", "first", 1, "shop.example.com");
    let mut world = World::new(vec![first, example::plain("Deployment")]);
    let problems = world.write(&canary("shop", "app", 2, "shop.example.com"));
    assert_eq!(errors(&problems), ["SL107"], "{}", told(&problems));
    let said = &problems.iter().find(|problem| problem.rule == "SL107").unwrap().message;
    assert!(
        said.contains("Canary bar/first") && said.contains("shop.example.com at Gateway gateways/public"),
        "{said}"
    );
    assert_eq!(errors(&world.write(&canary("shop", "app", 2, "api.example.com"))), [""; 0]);
    // The other one moved on; this replica did not hear of it yet.
    world.objects[0]["spec"]["service"]["hosts"] = json!(["other.example.com"]);
    assert_eq!(errors(&world.write(&canary("shop", "app", 2, "shop.example.com"))), [""; 0]);
}

#[test]
fn a_canary_that_names_no_provider_claims_with_the_one_that_it_gets() {
    let mut first = canary("bar", "first", 1, "shop.example.com");
    first["spec"]["provider"] = Value::Null;
    let world = World::new(vec![first, example::plain("Deployment")]);
    let problems = world.write(&canary("shop", "app", 2, "shop.example.com"));
    assert_eq!(errors(&problems), ["SL107"], "{}", told(&problems));
}

/// Which rules the controller tells a stored Canary of.
fn stands(world: &World, object: &Value) -> Vec<&'static str> {
    let canary: Canary = serde_json::from_value(object.clone()).unwrap();
    let lookups = standing::needs(&canary, &Settings::default())
        .into_iter()
        .map(|needed| (needed.clone(), world.look(&needed)))
        .collect();
    let problems = standing::problems(object, &canary, &world.catalog, &Settings::default(), &lookups);
    problems.into_iter().map(|problem| problem.rule).collect()
}

#[rstest]
#[case::older_and_younger((1, 2), (vec![], vec!["SL107"]))]
#[case::the_other_way_round((2, 1), (vec!["SL107"], vec![]))]
#[case::of_one_second_the_smaller_namespace((3, 3), (vec![], vec!["SL107"]))]
fn of_two_stored_rivals_the_younger_one_is_told_and_the_older_one_works(
    #[case] seconds: (u32, u32),
    #[case] expected: (Vec<&str>, Vec<&str>),
) {
    let first = canary("bar", "first", seconds.0, "shop.example.com");
    let second = canary("shop", "app", seconds.1, "shop.example.com");
    let world = World::new(vec![first.clone(), second.clone()]);
    assert_eq!((stands(&world, &first), stands(&world, &second)), expected);
}

#[test]
fn one_in_the_middle_is_told_of_the_older_rival_and_not_of_the_younger() {
    let first = canary("shop", "first", 1, "one.example.com");
    let mut second = canary("shop", "second", 2, "shop.example.com");
    second["spec"]["targetRef"]["name"] = json!("first");
    let third = canary("bar", "third", 3, "shop.example.com");
    let world = World::new(vec![first, second.clone(), third.clone()]);
    assert_eq!((stands(&world, &second), stands(&world, &third)), (vec!["SL102"], vec!["SL107"]));
}

#[test]
fn the_target_of_an_older_canary_that_cannot_be_read_is_not_free() {
    let mut broken = canary("shop", "older", 1, "one.example.com");
    let mut younger = canary("shop", "younger", 2, "two.example.com");
    younger["spec"]["targetRef"]["name"] = json!("older");
    broken["spec"]["analysis"]["stepWeight"] = json!(2.5);
    let mut world = World::new(vec![broken.clone(), younger.clone()]);
    world.catalog.apply(&crate::admission::stored(&broken).unwrap());
    assert_eq!(stands(&world, &younger), ["SL102"]);
    let key = CanaryKey::new("shop", "older");
    let told = standing::unreadable(&broken, &key, &world.catalog, &Settings::default());
    assert!(told.iter().all(|problem| problem.rule != "SL102"), "{told:?}");
}

#[test]
fn a_claim_that_was_given_up_holds_nobody_up_although_the_index_is_behind() {
    let mut second = canary("shop", "second", 2, "two.example.com");
    second["spec"]["targetRef"]["name"] = json!("first");
    let mut world = World::new(vec![canary("shop", "first", 1, "one.example.com")]);
    assert_eq!(errors(&world.write(&second)), ["SL102"]);
    // Deleted on the API server; this replica did not hear of it yet.
    world.objects.clear();
    assert!(world.catalog.get(&CanaryKey::new("shop", "first")).is_some());
    assert_eq!(errors(&world.write(&second)), [""; 0]);
}

/// A target whose pods have this value of the selector label.
fn target(name: &str, value: &str) -> Value {
    let mut target = example::plain("Deployment");
    target["metadata"]["name"] = json!(name);
    target["spec"]["selector"]["matchLabels"]["app"] = json!(value);
    target["spec"]["template"]["metadata"]["labels"]["app"] = json!(value);
    target
}

/// What the controller saw of a target whose pods have that label.
fn labelled(label: &str) -> Seen {
    Seen { label: Some(label.to_owned()), primary: false }
}

#[test]
fn of_two_canaries_of_one_second_only_the_one_that_made_the_primary_is_free_to_go_on() {
    let [first, mut second] =
        ["first", "second"].map(|name| canary("shop", name, 1, &format!("{name}.example.com")));
    second["spec"]["targetRef"]["name"] = json!("first");
    let mut world = World::new(vec![first.clone(), second.clone()]);
    assert_eq!((stands(&world, &first), stands(&world, &second)), (vec![], vec!["SL102"]));
    // The controller saw the second one first.
    world.catalog.learn(&CanaryKey::new("shop", "second"), Seen { label: None, primary: true });
    assert_eq!((stands(&world, &first), stands(&world, &second)), (vec!["SL102"], vec![]));
}

#[test]
fn two_targets_with_one_selector_value_are_told_both_ways_round_and_the_younger_canary_stands_still() {
    let first = canary("shop", "web", 1, "one.example.com");
    let second = canary("shop", "worker", 2, "two.example.com");
    for (value, newcomer, there) in
        [("web", &second, &first), ("web", &first, &second), ("any", &second, &first)]
    {
        let mut world = World::new(vec![there.clone(), target("web", value), target("worker", value)]);
        // What the controller saw of the other target; without it only a target that is named like the value is found.
        let key = CanaryKey::from(&serde_json::from_value::<Canary>(there.clone()).unwrap());
        world.catalog.learn(&key, labelled(&format!("app={value}")));
        let problems = world.write(newcomer);
        assert_eq!(errors(&problems), ["SL214"], "{value}: {}", told(&problems));
    }

    let mut world =
        World::new(vec![first.clone(), second.clone(), target("web", "any"), target("worker", "any")]);
    assert_eq!(stands(&world, &second), [""; 0], "nobody looked at the other target yet");
    for name in ["web", "worker"] {
        world.catalog.learn(&CanaryKey::new("shop", name), labelled("app=any"));
    }
    assert_eq!((stands(&world, &first), stands(&world, &second)), (vec![], vec!["SL214"]));

    // The other target has another label by now; this replica remembers the former one.
    let mut world = World::new(vec![first, target("web", "web"), target("worker", "any")]);
    world.catalog.learn(&CanaryKey::new("shop", "web"), labelled("app=any"));
    assert_eq!(errors(&world.write(&second)), [""; 0]);
}
