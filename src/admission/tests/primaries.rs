//! Writes to and deletions of a primary and of a target: what is refused, what passes, and what is written down.

use json_patch::patch;
use rstest::rstest;
use serde_json::{Value, json};

use super::{OWN, World, call, deletion, review};
use crate::admission::rules::example;
use crate::admission::{Endpoint, Verdict};

/// A cluster whose only Canary is `app`, at rest.
fn world() -> World {
    let mut canary = example::plain("Canary");
    canary["status"] = json!({"phase": "Succeeded"});
    World::new(vec![canary])
}

fn primary() -> Value {
    let mut primary = example::plain("Deployment");
    primary["metadata"]["name"] = json!("app-primary");
    primary["metadata"]["labels"] = json!({"app": "app-primary", "sluice.dev/managed": "true"});
    primary["metadata"]["annotations"] = json!({"sluice.dev/canary": "app", "sluice.dev/revision": "1"});
    primary
}

/// The primary as somebody makes it.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut primary = primary();
    change(&mut primary);
    primary
}

fn image(primary: &mut Value) {
    primary["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
}

fn reason(primary: &mut Value, reason: &str) {
    primary["metadata"]["annotations"]["sluice.dev/break-glass"] = json!(reason);
}

fn write(world: &World, user: &str, new: &Value, old: &Value) -> Verdict {
    world.judge(&call(Endpoint::TargetMutate, &review(user, new.clone(), Some(old.clone()))))
}

/// What is stored after a write that passes. Asks twice, as the API server may.
fn stored(world: &World, user: &str, new: &Value, old: &Value) -> Value {
    let pass = |new: &Value| {
        let verdict = write(world, user, new, old);
        assert!(verdict.is_allowed(), "{:?}", verdict.problems);
        let mut stored = new.clone();
        patch(&mut stored, &verdict.patch.0).unwrap();
        stored
    };
    let once = pass(new);
    assert_eq!(pass(&once), once, "a second call changes nothing");
    once
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    verdict.errors().map(|problem| problem.rule).collect()
}

#[test]
fn a_changed_template_is_refused_and_the_way_out_is_named() {
    let verdict = write(&world(), "ann", &changed(image), &primary());
    assert_eq!(rules(&verdict), ["SL601"]);
    let told = verdict.problems[0].to_string();
    for part in ["Canary app", "Change Deployment app", "annotate app-primary", "sluice.dev/break-glass"] {
        assert!(told.contains(part), "{told}");
    }
}

#[rstest]
#[case::replicas(|primary: &mut Value| primary["spec"]["replicas"] = json!(9))]
#[case::a_restart(|primary: &mut Value| {
    primary["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
})]
#[case::somebodys_own_marks(|primary: &mut Value| primary["metadata"]["annotations"]["team"] = json!("shop"))]
#[case::another_strategy(|primary: &mut Value| primary["spec"]["strategy"] = json!({"type": "Recreate"}))]
fn what_asks_for_no_other_pods_passes_as_it_is(#[case] change: fn(&mut Value)) {
    let new = changed(change);
    assert_eq!(stored(&world(), "ann", &new, &primary()), new);
}

#[test]
fn with_a_reason_the_change_passes_and_who_made_it_is_written_down() {
    let new = changed(|primary| {
        image(primary);
        reason(primary, "checkout is down");
    });
    let after = stored(&world(), "ann", &new, &primary());
    assert_eq!(after["metadata"]["annotations"]["sluice.dev/break-glass-by"], "ann");
    // The reason stays for the next change, by whomever.
    let mut again = after.clone();
    again["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:3");
    let later = stored(&world(), "bob", &again, &after);
    assert_eq!(later["metadata"]["annotations"]["sluice.dev/break-glass-by"], "bob");
    // Somebody who changes no pods made no use of it.
    let mut noted = later.clone();
    noted["metadata"]["annotations"]["team"] = json!("shop");
    assert_eq!(stored(&world(), "eve", &noted, &later), noted);
}

#[test]
fn nobody_signs_for_somebody_else_and_a_reason_that_goes_takes_its_signature_along() {
    let forged = changed(|primary| {
        reason(primary, "checkout is down");
        primary["metadata"]["annotations"]["sluice.dev/break-glass-by"] = json!("bob");
    });
    let after = stored(&world(), "ann", &forged, &primary());
    assert_eq!(after["metadata"]["annotations"]["sluice.dev/break-glass-by"], "ann");
    let mut mended = after.clone();
    mended["metadata"]["annotations"].as_object_mut().unwrap().remove("sluice.dev/break-glass");
    assert_eq!(stored(&world(), "bob", &mended, &after), primary());
}

#[test]
fn an_empty_reason_is_none() {
    let new = changed(|primary| {
        image(primary);
        reason(primary, "  ");
    });
    assert_eq!(rules(&write(&world(), "ann", &new, &primary())), ["SL601"]);
}

#[test]
fn our_marks_are_put_back() {
    let new = changed(|primary| {
        primary["metadata"]["labels"] = json!({"app": "app-primary"});
        primary["metadata"].as_object_mut().unwrap().remove("annotations");
    });
    assert_eq!(stored(&world(), "ann", &new, &primary()), primary());
}

#[rstest]
fn the_system_and_our_own_account_change_and_delete_as_they_like(
    #[values(
        OWN,
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:serviceaccount:kube-system:namespace-controller",
        "system:kube-controller-manager"
    )]
    user: &str,
) {
    assert_eq!(write(&world(), user, &changed(image), &primary()), Verdict::allow());
    let deleted = world().judge(&call(Endpoint::OwnedDelete, &deletion(user, &primary())));
    assert_eq!(deleted, Verdict::allow());
}

/// What is judged about a primary that is changed, and about one that is deleted.
fn both(world: &World) -> [Verdict; 2] {
    [
        write(world, "ann", &changed(image), &primary()),
        world.judge(&call(Endpoint::OwnedDelete, &deletion("ann", &primary()))),
    ]
}

#[test]
fn a_primary_is_deleted_with_its_canary_and_not_before() {
    let [_, verdict] = both(&world());
    assert_eq!(rules(&verdict), ["SL602"]);
    assert!(verdict.problems[0].to_string().contains("delete Canary app"), "{:?}", verdict.problems);
    // One of many: the API server leaves the name out.
    let mut many = deletion("ann", &primary());
    many["request"]["name"] = Value::Null;
    assert_eq!(rules(&world().judge(&call(Endpoint::OwnedDelete, &many))), ["SL602"]);
    let broken = changed(|primary| reason(primary, "its pods hang"));
    assert_eq!(world().judge(&call(Endpoint::OwnedDelete, &deletion("ann", &broken))), Verdict::allow());
}

#[test]
fn an_index_that_lags_behind_refuses_nothing_of_a_canary_that_is_gone_or_going() {
    let mut stale = world();
    stale.objects.clear();
    assert!(both(&stale).iter().all(Verdict::is_allowed));
    let mut going = world();
    going.objects[0]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(both(&going).iter().all(Verdict::is_allowed));
}

#[test]
fn an_api_server_that_does_not_answer_refuses_nothing_either() {
    let mut world = world();
    world.answers = false;
    for verdict in both(&world) {
        assert!(verdict.is_allowed() && verdict.notices[0].contains("could not be looked at"), "{verdict:?}");
    }
}

#[test]
fn a_primary_without_a_canary_is_anybodys() {
    for verdict in both(&World::new(vec![])) {
        assert_eq!(verdict, Verdict::allow());
    }
}

#[test]
fn who_deletes_a_target_is_told_what_follows() {
    let mut target = example::plain("Deployment");
    target["metadata"]["annotations"] = json!({"sluice.dev/canary": "app"});
    let verdict = world().judge(&call(Endpoint::OwnedDelete, &deletion("ann", &target)));
    assert!(verdict.is_allowed());
    let told = verdict.problems[0].to_string();
    assert!(told.contains("SL603") && told.contains("app-primary goes on serving"), "{told}");
}
