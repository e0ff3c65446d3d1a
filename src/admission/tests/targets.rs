//! Writes to a released workload: what is held, stamped and put back, and what passes.

use json_patch::patch;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::{OWN, World, call, review};
use crate::admission::rules::example;
use crate::admission::{Endpoint, Verdict};
use crate::workload::RevisionId;

/// A cluster whose only Canary, `app`, stands in this phase.
fn world(phase: &str) -> World {
    let mut canary = example::plain("Canary");
    canary["status"] = json!({"phase": phase});
    World::new(vec![canary])
}

/// The target as the controller left it: marked, idle, with a wish of 3.
fn idle() -> Value {
    let mut target = example::plain("Deployment");
    target["metadata"]["labels"] = json!({"app": "app", "sluice.dev/managed": "true"});
    target["metadata"]["annotations"] = json!({"sluice.dev/canary": "app", "sluice.dev/replicas": "3"});
    target["metadata"]["managedFields"] = json!([
        {"manager": "sluice/claim", "fieldsV1": {"f:metadata": {"f:annotations": {
            "f:sluice.dev/canary": {}, "f:sluice.dev/replicas": {}}}}},
        owner("kubectl", true),
    ]);
    target["spec"]["replicas"] = json!(0);
    target
}

/// The entry of a manager that owns the template and, perhaps, the replicas.
fn owner(manager: &str, replicas: bool) -> Value {
    let fields =
        if replicas { json!({"f:replicas": {}, "f:template": {}}) } else { json!({"f:template": {}}) };
    json!({"manager": manager, "fieldsV1": {"f:spec": fields}})
}

/// The target as another write makes it.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut target = idle();
    change(&mut target);
    target
}

fn judge(world: &World, user: &str, new: &Value, old: &Value) -> Verdict {
    world.judge(&call(Endpoint::TargetMutate, &review(user, new.clone(), Some(old.clone()))))
}

/// What is stored after the write, and the warnings. Asks twice, as the API server does when another webhook changed something:
/// the second answer has to leave the first one's result as it is.
fn stored(world: &World, new: &Value, old: &Value) -> (Value, Vec<String>) {
    let verdict = judge(world, "ann", new, old);
    assert!(verdict.is_allowed(), "a target's write is never refused");
    let mut stored = new.clone();
    patch(&mut stored, &verdict.patch.0).unwrap();
    let again = judge(world, "ann", &stored, old);
    let mut twice = stored.clone();
    patch(&mut twice, &again.patch.0).unwrap();
    assert_eq!(twice, stored, "a second call changes nothing");
    (stored, verdict.changes)
}

#[test]
fn the_target_of_a_suspended_canary_is_in_its_users_hands() {
    let suspended = |mut world: World| {
        let mut canary = world.objects[0].clone();
        canary["spec"]["suspend"] = json!(true);
        world.objects.clear();
        World::new(vec![canary])
    };
    let new = changed(|target| target["spec"]["replicas"] = json!(5));
    let (stored_target, _) = stored(&suspended(world("Succeeded")), &new, &idle());
    assert_eq!(stored_target["spec"]["replicas"], 5);
    let mut runs = idle_daemon_set();
    runs["spec"]["template"]["spec"].as_object_mut().unwrap().remove("nodeSelector");
    let (stored_set, _) = stored(&suspended(world_of_a_daemon_set("Succeeded")), &runs, &idle_daemon_set());
    assert_eq!(stored_set["spec"]["template"]["spec"].get("nodeSelector"), None);
}

#[rstest]
fn re_applied_replicas_start_no_pod_while_the_canary_rests(
    #[values("Initialized", "Succeeded", "Failed", "Waiting")] phase: &str,
) {
    let new = changed(|target| target["spec"]["replicas"] = json!(5));
    let (stored, warnings) = stored(&world(phase), &new, &idle());
    let expected = changed(|target| target["metadata"]["annotations"]["sluice.dev/replicas"] = json!("5"));
    assert_eq!(stored, expected);
    assert_eq!(
        warnings,
        [format!(
            "Deployment app stays at 0 replicas while Canary app is {phase}; the wish for 5 is kept in the annotation \
             sluice.dev/replicas and reaches app-primary with the next promotion"
        )]
    );
}

#[rstest]
fn in_a_run_replicas_pass_and_the_wish_is_kept(
    #[values("Progressing", "Promoting", "Finalising", "Initializing", "WaitingPromotion", "")] phase: &str,
) {
    let old = changed(|target| target["spec"]["replicas"] = json!(3));
    let new = changed(|target| target["spec"]["replicas"] = json!(5));
    let (stored, warnings) = stored(&world(phase), &new, &old);
    assert_eq!(stored["spec"]["replicas"], 5);
    assert_eq!(stored["metadata"]["annotations"]["sluice.dev/replicas"], "5");
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_target_that_runs_although_its_canary_rests_may_be_scaled() {
    let old = changed(|target| target["spec"]["replicas"] = json!(2));
    let new = changed(|target| target["spec"]["replicas"] = json!(0));
    let (stored, _) = stored(&world("Succeeded"), &new, &old);
    assert_eq!(stored["spec"]["replicas"], 0);
}

#[test]
fn a_manifest_that_stopped_naming_replicas_wishes_none() {
    // The API server has put in its default of 1, which nobody owns.
    let new = changed(|target| {
        target["spec"]["replicas"] = json!(1);
        target["metadata"]["managedFields"] = json!([owner("gitops", false)]);
    });
    let (stored, warnings) = stored(&world("Succeeded"), &new, &idle());
    assert_eq!(stored["spec"]["replicas"], 0);
    assert_eq!(stored["metadata"]["annotations"]["sluice.dev/replicas"], "3");
    assert_eq!(warnings, ["Deployment app stays at 0 replicas while Canary app is Succeeded"]);
}

#[test]
fn a_changed_template_is_stamped_outside_of_the_template() {
    let new = changed(|target| {
        target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
        target["spec"]["replicas"] = json!(3);
    });
    let (stored, _) = stored(&world("Succeeded"), &new, &idle());
    assert_eq!(stored["spec"]["template"], new["spec"]["template"]);
    assert_eq!(stored["spec"]["replicas"], 0);
    let revision = RevisionId::of_template(&new["spec"]["template"]);
    let expected = json!({
        "sluice.dev/canary": "app", "sluice.dev/replicas": "3", "sluice.dev/revision": revision.as_str(),
        "sluice.dev/requested-by": "ann",
    });
    assert_eq!(stored["metadata"]["annotations"], expected);
}

#[test]
fn a_replace_that_drops_our_marks_gets_them_back() {
    let new = changed(|target| {
        target["metadata"]["labels"] = json!({"app": "app"});
        target["metadata"].as_object_mut().unwrap().remove("annotations");
    });
    let (stored, _) = stored(&world("Progressing"), &new, &idle());
    assert_eq!(stored, idle());
}

#[test]
fn an_undo_that_copies_old_marks_back_is_overwritten() {
    let old = changed(|target| target["metadata"]["annotations"]["sluice.dev/revision"] = json!("new"));
    let new = changed(|target| {
        target["metadata"]["annotations"] =
            json!({"sluice.dev/canary": "other", "sluice.dev/revision": "old"});
    });
    let (stored, _) = stored(&world("Succeeded"), &new, &old);
    assert_eq!(stored["metadata"]["annotations"], old["metadata"]["annotations"]);
}

#[test]
fn marks_that_a_stranger_writes_do_not_stay() {
    let new = changed(|target| {
        target["metadata"]["annotations"]["sluice.dev/replicas"] = json!("9");
        target["metadata"]["annotations"]["sluice.dev/requested-by"] = json!("somebody else");
        target["metadata"]["labels"]["sluice.dev/managed"] = json!("false");
        target["metadata"]["managedFields"] = json!([
            {"manager": "kubectl-edit", "fieldsV1": {"f:metadata": {"f:annotations": {"f:sluice.dev/replicas": {}}}}},
        ]);
    });
    let (stored, _) = stored(&world("Succeeded"), &new, &idle());
    assert_eq!(stored["metadata"]["annotations"], idle()["metadata"]["annotations"]);
    assert_eq!(stored["metadata"]["labels"], idle()["metadata"]["labels"]);
}

#[test]
fn the_patch_touches_nothing_but_ours() {
    let new = changed(|target| {
        target["spec"]["replicas"] = json!(4);
        target["spec"]["strategy"] = json!({"type": "Recreate"});
        target["metadata"]["labels"] = json!({"team": "a"});
        target["metadata"]["annotations"] = json!({"team": "a"});
    });
    let verdict = judge(&world("Succeeded"), "ann", &new, &idle());
    insta::assert_snapshot!(serde_json::to_string_pretty(&verdict.patch).unwrap(), @r#"
    [
      {
        "op": "replace",
        "path": "/spec/replicas",
        "value": 0
      },
      {
        "op": "add",
        "path": "/metadata/labels/sluice.dev~1managed",
        "value": "true"
      },
      {
        "op": "add",
        "path": "/metadata/annotations/sluice.dev~1canary",
        "value": "app"
      },
      {
        "op": "add",
        "path": "/metadata/annotations/sluice.dev~1replicas",
        "value": "4"
      }
    ]
    "#);
}

#[rstest]
#[case::our_own_account(OWN, |_: &mut Value, _: &mut Value| {})]
#[case::the_garbage_collector("system:serviceaccount:kube-system:generic-garbage-collector", |_: &mut Value, _: &mut Value| {})]
#[case::an_unmarked_workload("ann", |_: &mut Value, old: &mut Value| old["metadata"]["annotations"] = json!({}))]
#[case::a_canary_that_is_gone("ann", |_: &mut Value, old: &mut Value| old["metadata"]["annotations"]["sluice.dev/canary"] = json!("gone"))]
#[case::another_workload("ann", |new: &mut Value, old: &mut Value| {
    new["metadata"]["name"] = json!("other");
    old["metadata"]["name"] = json!("other");
})]
#[case::another_kind("ann", |new: &mut Value, _: &mut Value| new["kind"] = json!("DaemonSet"))]
#[case::a_workload_that_is_being_deleted("ann", |new: &mut Value, _: &mut Value| new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"))]
fn what_is_not_ours_to_touch_passes(#[case] user: &str, #[case] change: fn(&mut Value, &mut Value)) {
    let mut old = idle();
    let mut new = changed(|target| {
        target["spec"]["replicas"] = json!(5);
        target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
    });
    change(&mut new, &mut old);
    assert_eq!(judge(&world("Succeeded"), user, &new, &old), Verdict::allow());
}

#[test]
fn a_canary_that_is_being_deleted_holds_nothing() {
    let mut canary = example::plain("Canary");
    canary["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    canary["status"] = json!({"phase": "Succeeded"});
    let new = changed(|target| target["spec"]["replicas"] = json!(5));
    assert_eq!(judge(&World::new(vec![canary]), "ann", &new, &idle()), Verdict::allow());
}

#[test]
fn a_new_workload_and_a_scale_call_pass() {
    let world = world("Succeeded");
    let create = review("ann", changed(|target| target["spec"]["replicas"] = json!(5)), None);
    assert_eq!(world.judge(&call(Endpoint::TargetMutate, &create)), Verdict::allow());
    let mut scale = review("ann", idle(), Some(changed(|target| target["spec"]["replicas"] = json!(5))));
    scale["request"]["subResource"] = json!("scale");
    assert_eq!(world.judge(&call(Endpoint::TargetMutate, &scale)), Verdict::allow());
}

prop_compose! {
    /// A write of somebody: some replicas, an image, marks of ours kept, dropped or changed, with or without ownership.
    fn write()(replicas in 0..4_i64, image in 0..3, marks in 0..4, owned in 0..3) -> Value {
        changed(|target| {
            target["spec"]["replicas"] = json!(replicas);
            target["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("app:{image}"));
            match marks {
                0 => { target["metadata"].as_object_mut().unwrap().remove("annotations"); }
                1 => target["metadata"]["annotations"] = json!({"own": "x", "sluice.dev/replicas": "8"}),
                2 => target["metadata"]["labels"] = json!({"sluice.dev/other": "x"}),
                _ => {}
            }
            match owned {
                0 => { target["metadata"].as_object_mut().unwrap().remove("managedFields"); }
                1 => target["metadata"]["managedFields"] = json!([owner("gitops", false)]),
                _ => {}
            }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// `stored` checks that a second call changes nothing.
    #[test]
    fn only_replicas_and_our_marks_are_ever_changed(new in write(), old in write(), rests in any::<bool>()) {
        let mut old = old;
        old["metadata"]["annotations"]["sluice.dev/canary"] = json!("app");
        let world = world(if rests { "Succeeded" } else { "Progressing" });
        let (stored, _) = stored(&world, &new, &old);
        let strip = |object: &Value| {
            let mut object = object.clone();
            object["spec"]["replicas"] = Value::Null;
            for of in ["labels", "annotations"] {
                let marks = object["metadata"][of].as_object().cloned().unwrap_or_default();
                let foreign = marks.into_iter().filter(|(key, _)| !key.starts_with("sluice.dev/"));
                object["metadata"][of] = Value::Object(foreign.collect());
            }
            object
        };
        prop_assert_eq!(strip(&stored), strip(&new));
        let held = rests && old["spec"]["replicas"] == 0;
        prop_assert_eq!(&stored["spec"]["replicas"], if held { &old["spec"]["replicas"] } else { &new["spec"]["replicas"] });
    }
}

/// A DaemonSet that idles, as the controller left it, and a Canary of it in this phase.
fn idle_daemon_set() -> Value {
    let mut target = example::plain("DaemonSet");
    target["metadata"]["labels"] = json!({"app": "app", "sluice.dev/managed": "true"});
    target["metadata"]["annotations"] = json!({"sluice.dev/canary": "app"});
    target["spec"]["template"]["spec"]["nodeSelector"] = json!({"flagger.app/scale-to-zero": "true"});
    target
}

fn world_of_a_daemon_set(phase: &str) -> World {
    let mut canary = example::plain("Canary");
    canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    canary["status"] = json!({"phase": phase});
    World::new(vec![canary])
}

#[rstest]
#[case::no_selector(Value::Null, json!({"flagger.app/scale-to-zero": "true"}))]
#[case::an_empty_one(json!({}), json!({"flagger.app/scale-to-zero": "true"}))]
#[case::the_users_own(json!({"disk": "fast"}), json!({"disk": "fast", "flagger.app/scale-to-zero": "true"}))]
fn a_daemon_set_that_is_replaced_while_it_idles_goes_on_idling(
    #[values("Initialized", "Succeeded", "Failed", "Waiting")] phase: &str,
    #[case] written: Value,
    #[case] expected: Value,
) {
    let mut new = idle_daemon_set();
    new["spec"]["template"]["spec"]["nodeSelector"] = written;
    let (stored, _) = stored(&world_of_a_daemon_set(phase), &new, &idle_daemon_set());
    assert_eq!(stored["spec"]["template"]["spec"]["nodeSelector"], expected);
}

#[test]
fn a_daemon_set_that_only_lost_the_key_by_which_it_idles_asks_for_no_revision() {
    let mut new = idle_daemon_set();
    new["spec"]["template"]["spec"]["nodeSelector"] = Value::Null;
    let (stored, _) = stored(&world_of_a_daemon_set("Succeeded"), &new, &idle_daemon_set());
    assert_eq!(stored["metadata"], idle_daemon_set()["metadata"]);
}

#[test]
fn a_new_image_of_an_idle_daemon_set_is_stamped_with_the_hash_that_the_controller_sees() {
    let mut new = idle_daemon_set();
    new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
    let revision = RevisionId::of_template(&new["spec"]["template"]);
    new["spec"]["template"]["spec"]["nodeSelector"] = Value::Null;
    let (stored, _) = stored(&world_of_a_daemon_set("Succeeded"), &new, &idle_daemon_set());
    assert_eq!(stored["metadata"]["annotations"]["sluice.dev/revision"], revision.as_str());
}

#[rstest]
fn in_a_run_the_key_by_which_a_daemon_set_idles_is_not_put_back_nor_brought_back(
    #[values("Progressing", "Promoting", "Finalising")] phase: &str,
) {
    let world = world_of_a_daemon_set(phase);
    let mut running = idle_daemon_set();
    running["spec"]["template"]["spec"]["nodeSelector"] = Value::Null;
    let (woken, _) = stored(&world, &running, &idle_daemon_set());
    assert_eq!(woken["spec"]["template"]["spec"]["nodeSelector"], Value::Null);
    let mut exported = running.clone();
    exported["spec"]["template"]["spec"]["nodeSelector"] =
        json!({"flagger.app/scale-to-zero": "true", "disk": "fast"});
    let (kept, _) = stored(&world, &exported, &running);
    assert_eq!(kept["spec"]["template"]["spec"]["nodeSelector"], json!({"disk": "fast"}));
}
