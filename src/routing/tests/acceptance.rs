use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, read};
use crate::routing::Acceptance;

fn condition(of: &str, status: &str, reason: &str, generation: i64) -> Value {
    json!({"type": of, "status": status, "reason": reason, "message": "so it is", "observedGeneration": generation})
}

fn edge() -> Value {
    json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", "namespace": "gateways"})
}

fn accepted(generation: i64) -> Value {
    condition("Accepted", "True", "Accepted", generation)
}

fn resolved(generation: i64) -> Value {
    condition("ResolvedRefs", "True", "ResolvedRefs", generation)
}

/// A route of generation 7 with these parents and answers.
fn judged(parents: Value, answers: Value) -> String {
    let route = json!({
        "metadata": {"name": "cider", "namespace": "orchard", "generation": 7},
        "spec": {"parentRefs": parents, "rules": []},
        "status": {"parents": answers},
    });
    match read(&canary(json!({})), route).acceptance {
        Acceptance::Accepted => "accepted".to_owned(),
        Acceptance::Pending(why) => format!("pending: {why}"),
        Acceptance::Refused(why) => format!("refused: {why}"),
    }
}

#[rstest]
#[case::in_force(json!([accepted(7), resolved(7)]), "accepted")]
#[case::of_a_later_generation(json!([accepted(8), resolved(8)]), "accepted")]
#[case::of_an_older_generation(json!([accepted(6), resolved(6)]), "pending: Gateway gateways/edge has not looked at the last change of the route yet")]
#[case::references_of_an_older_generation(json!([accepted(7), resolved(6)]), "pending: Gateway gateways/edge has not looked for the backends of the last change yet")]
#[case::references_not_reported(json!([accepted(7)]), "accepted")]
#[case::nothing_said(json!([]), "pending: Gateway gateways/edge has not looked at the last change of the route yet")]
#[case::undecided(json!([condition("Accepted", "Unknown", "Pending", 7)]), "pending: Gateway gateways/edge: Accepted is Unknown (Pending): so it is")]
#[case::refused(json!([condition("Accepted", "False", "NotAllowedByListeners", 7)]), "refused: Gateway gateways/edge: Accepted is False (NotAllowedByListeners): so it is")]
#[case::refused_before_the_last_change(json!([condition("Accepted", "False", "NotAllowedByListeners", 6)]), "pending: Gateway gateways/edge has not looked at the last change of the route yet")]
#[case::backends_not_seen_yet(json!([accepted(7), condition("ResolvedRefs", "False", "BackendNotFound", 7)]), "pending: Gateway gateways/edge: ResolvedRefs is False (BackendNotFound): so it is")]
#[case::backends_not_allowed(json!([accepted(7), condition("ResolvedRefs", "False", "RefNotPermitted", 7)]), "refused: Gateway gateways/edge: ResolvedRefs is False (RefNotPermitted): so it is")]
#[case::partly_in_force(json!([accepted(7), resolved(7), condition("PartiallyInvalid", "True", "UnsupportedValue", 7)]), "refused: Gateway gateways/edge: PartiallyInvalid is True (UnsupportedValue): so it is")]
fn one_parent(#[case] conditions: Value, #[case] expected: &str) {
    assert_eq!(judged(json!([edge()]), json!([{"parentRef": edge(), "conditions": conditions}])), expected);
}

#[test]
fn a_parent_that_nobody_answered_for_is_awaited() {
    assert_eq!(
        judged(json!([edge()]), json!([])),
        "pending: no controller has answered for Gateway gateways/edge"
    );
    let other = json!({"name": "other", "namespace": "gateways"});
    let answers = json!([{"parentRef": other, "conditions": [accepted(7), resolved(7)]}]);
    assert_eq!(
        judged(json!([edge()]), answers),
        "pending: no controller has answered for Gateway gateways/edge"
    );
}

#[test]
fn every_parent_has_to_accept() {
    let inner = json!({"name": "inner", "sectionName": "web"});
    let parents = json!([edge(), inner]);
    let good = json!([accepted(7), resolved(7)]);
    let both = json!([{"parentRef": edge(), "conditions": good}, {"parentRef": inner, "conditions": good}]);
    assert_eq!(judged(parents.clone(), both), "accepted");
    let one = json!([{"parentRef": edge(), "conditions": good}]);
    assert_eq!(
        judged(parents.clone(), one),
        "pending: no controller has answered for Gateway inner listener web"
    );
    let refusal = json!([condition("Accepted", "False", "NoMatchingParent", 7)]);
    let split = json!([{"parentRef": edge(), "conditions": []}, {"parentRef": inner, "conditions": refusal}]);
    assert_eq!(
        judged(parents, split),
        "refused: Gateway inner listener web: Accepted is False (NoMatchingParent): so it is"
    );
}

#[test]
fn a_parent_is_the_same_with_and_without_its_defaults() {
    let short = json!({"name": "edge"});
    let long = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", "namespace": "orchard"});
    let answers = json!([{"parentRef": short, "conditions": [accepted(7), resolved(7)]}]);
    assert_eq!(judged(json!([long]), answers), "accepted");
}

#[test]
fn an_answer_of_a_controller_that_is_gone_does_not_hold_the_route_up() {
    let answers = json!([
        {"parentRef": edge(), "conditions": [condition("Accepted", "False", "Pending", 2)]},
        {"parentRef": edge(), "conditions": [accepted(7), resolved(7)]},
    ]);
    assert_eq!(judged(json!([edge()]), answers), "accepted");
}

#[test]
fn a_route_without_parents_is_in_force_nowhere() {
    assert_eq!(judged(json!([]), json!([])), "refused: the HTTPRoute names no parent");
}
