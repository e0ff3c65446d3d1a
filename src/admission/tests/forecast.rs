//! What a dry run is told beside the verdict.

use rstest::rstest;
use serde_json::{Value, json};

use super::{World, call, review};
use crate::admission::rules::example;
use crate::admission::{Endpoint, Gate, Lookups};
use crate::api::{Canary, TargetKind};
use crate::rollout::Settings;
use crate::workload::{self, Selector, Snapshot};

/// A Canary whose primary runs what the plain target asks for.
fn canary() -> Value {
    let mut canary = example::plain("Canary");
    canary["spec"]["analysis"] = json!({"interval": "30s", "threshold": 2, "stepWeights": [5, 20, 50]});
    canary["status"] = json!({"phase": "Succeeded", "lastPromotedSpec": "one", "lastAppliedSpec": "one"});
    canary
}

/// The plain target as the controller has left it at rest.
fn target(kind: &str) -> Value {
    let mut target = example::plain(kind);
    target["metadata"]["labels"] = json!({"sluice.dev/managed": "true"});
    target["metadata"]["annotations"] = json!({"sluice.dev/canary": "app", "sluice.dev/replicas": "3"});
    if kind == "Deployment" {
        target["spec"]["replicas"] = json!(0);
    }
    target
}

/// The primary of a target.
fn primary(canary: &Value, target: &Value) -> Value {
    let canary: Canary = serde_json::from_value(canary.clone()).unwrap();
    let kind = workload::kind::of(canary.spec.target_ref.kind).unwrap();
    let settings = Settings::default();
    let snapshot = Snapshot::of_target(kind, target).unwrap();
    let selector = Selector::of(target, &settings.selector_labels).unwrap();
    let replicas = (canary.spec.target_ref.kind == TargetKind::Deployment).then_some(4);
    workload::render_primary(kind, &canary, &snapshot, &selector, replicas, &settings.include_label_prefix)
}

fn changed(object: &Value, change: Value) -> Value {
    let mut object = object.clone();
    json_patch::merge(&mut object, &change);
    object
}

fn another_image(target: &Value) -> Value {
    let mut target = target.clone();
    target["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2".into();
    target
}

/// The sentences about the plan; all of them fit what the API server passes on.
fn plan(world: &World, endpoint: Endpoint, object: &Value, old: Option<&Value>) -> Vec<String> {
    let mut review = review("ann", object.clone(), old.cloned());
    review["request"]["dryRun"] = json!(true);
    let verdict = world.judge(&call(endpoint, &review));
    assert!(verdict.is_allowed(), "{verdict:?}");
    let plan: Vec<String> =
        verdict.notices.into_iter().filter(|notice| notice.starts_with("Plan: ")).collect();
    assert!(plan.iter().all(|line| line.chars().count() <= 256 && !line.contains(['\n', '\t'])), "{plan:?}");
    plan
}

/// The plan of a write to the target, whose primary runs what it has asked for so far.
fn of_target(canary: &Value, old: &Value, new: &Value) -> Vec<String> {
    let world = World::new(vec![canary.clone(), old.clone(), primary(canary, old)]);
    plan(&world, Endpoint::TargetMutate, new, Some(old))
}

#[test]
fn a_new_revision_is_told_its_steps_its_shortest_time_and_its_pods() {
    let old = target("Deployment");
    let expected = [
        "Plan: a rollout of Canary app starts: 5 %, 20 % and 50 % of the traffic, then promotion; at least 1m30s once its pods are ready.",
        "Plan: until its end app has 3 pods, beside the 4 of app-primary.",
    ];
    assert_eq!(of_target(&canary(), &old, &another_image(&old)), expected);
}

#[test]
fn a_daemon_set_is_told_the_same() {
    let canary = changed(&canary(), json!({"spec": {"targetRef": {"kind": "DaemonSet"}}}));
    let old = target("DaemonSet");
    let plan = of_target(&canary, &old, &another_image(&old));
    assert!(plan[0].starts_with("Plan: a rollout of Canary app starts: 5 %, 20 % and 50 %"), "{plan:?}");
    assert_eq!(
        plan[1..],
        ["Plan: until its end app has a pod on each of its nodes, beside those of app-primary."]
    );
}

#[rstest]
#[case::suspended(json!({"spec": {"suspend": true}}), "no rollout starts while Canary app is suspended")]
#[case::not_initialised(json!({"status": null}), "no rollout starts: Canary app is being initialised, and app-primary follows")]
#[case::without_analysis(json!({"spec": {"skipAnalysis": true}}), "Canary app promotes this revision at once")]
#[case::superseded(
    json!({"status": {"phase": "Progressing", "canaryWeight": 20}}),
    "this takes the place of the revision in progress (at 20 %): Canary app begins anew."
)]
#[case::a_canary_that_cannot_run(
    json!({"spec": {"analysis": {"stepWeights": [50, 20]}}}),
    "nothing happens, for Canary app cannot run: SL404"
)]
fn the_state_of_the_canary_counts(#[case] change: Value, #[case] expected: &str) {
    let (canary, old) = (changed(&canary(), change), target("Deployment"));
    let plan = of_target(&canary, &old, &another_image(&old));
    assert!(plan.first().is_some_and(|first| first.starts_with(&format!("Plan: {expected}"))), "{plan:?}");
}

#[test]
fn what_is_no_new_revision_starts_nothing() {
    let old = target("Deployment");
    let scaled = changed(&old, json!({"spec": {"replicas": 5}}));
    assert_eq!(
        of_target(&canary(), &old, &scaled),
        ["Plan: no rollout starts, for the pod template stays as it is."]
    );
    // Back to what the primary runs, from a revision that failed.
    let failed = another_image(&old);
    let canary = changed(&canary(), json!({"status": {"phase": "Progressing"}}));
    let world = World::new(vec![canary.clone(), failed.clone(), primary(&canary, &old)]);
    assert_eq!(
        plan(&world, Endpoint::TargetMutate, &old, Some(&failed)),
        ["Plan: no rollout starts, for app-primary runs this revision already; the one in progress ends."]
    );
}

#[test]
fn what_is_missing_around_the_target_is_told_with_the_plan() {
    let metrics = json!([{"name": "errors", "interval": "30s", "thresholdRange": {"max": 1}, "templateRef": {"name": "errors"}}]);
    let canary = changed(&canary(), json!({"spec": {"analysis": {"metrics": metrics}}}));
    let old = target("Deployment");
    let plan = of_target(&canary, &old, &another_image(&old));
    assert!(plan[0].starts_with("Plan: a rollout of Canary app starts: "), "{plan:?}");
    assert!(
        plan.last().unwrap().starts_with("Plan: Canary app: SL502 spec.analysis.metrics[0].templateRef: "),
        "{plan:?}"
    );
}

#[test]
fn only_a_dry_run_looks_anything_up_and_one_without_an_answer_says_nothing() {
    let old = target("Deployment");
    let new = another_image(&old);
    let mut world = World::new(vec![canary(), old.clone(), primary(&canary(), &old)]);
    let request = call(Endpoint::TargetMutate, &review("ann", new.clone(), Some(old.clone())));
    assert_eq!(Gate::new(Settings::default(), super::OWN).needs(&request, &world.catalog), []);
    let written = world.judge(&request);
    assert_eq!((written.notices, written.confirm), (vec![], vec![]));
    world.answers = false;
    assert_eq!(plan(&world, Endpoint::TargetMutate, &new, Some(&old)), [""; 0]);
}

#[test]
fn a_plan_changes_nothing_of_what_is_written() {
    let old = target("Deployment");
    let new = changed(&another_image(&old), json!({"spec": {"replicas": 3}}));
    let world = World::new(vec![canary(), old.clone(), primary(&canary(), &old)]);
    let mut request = review("ann", new, Some(old));
    let written = world.judge(&call(Endpoint::TargetMutate, &request));
    request["request"]["dryRun"] = json!(true);
    let foreseen = world.judge(&call(Endpoint::TargetMutate, &request));
    assert_eq!((&foreseen.patch, &foreseen.problems), (&written.patch, &written.problems));
    assert!(foreseen.notices.ends_with(&written.notices) && foreseen.notices.len() > written.notices.len());
}

#[test]
fn a_new_canary_is_told_its_initialisation_and_its_rollouts() {
    let canary = changed(&canary(), json!({"status": null}));
    let running = changed(&example::plain("Deployment"), json!({"spec": {"replicas": 3}}));
    let world = World::new(vec![running]);
    let expected = [
        "Plan: app-primary is made of what app runs, 3 pods; once it is ready it gets all traffic and app rests without pods.",
        "Plan: each new revision of app gets 5 %, 20 % and 50 % of the traffic, then promotion; at least 1m30s.",
        "Plan: a rollout needs 3 pods, beside those of app-primary.",
    ];
    assert_eq!(plan(&world, Endpoint::CanaryValidate, &canary, None), expected);
}

#[rstest]
#[case::at_rest(json!({}), &["no rollout starts by this alone."])]
#[case::suspended(json!({"spec": {"suspend": true}}), &["nothing happens while spec.suspend is true."])]
#[case::in_progress(
    json!({"status": {"phase": "Progressing", "canaryWeight": 10}}),
    &["the rollout in progress goes on from 10 %: 20 % is next."]
)]
#[case::at_its_end(
    json!({"status": {"phase": "Progressing", "canaryWeight": 50}}),
    &["the rollout in progress goes on from 50 %: promotion is next."]
)]
fn a_changed_canary_is_told_what_becomes_of_its_run(#[case] change: Value, #[case] expected: &[&str]) {
    let new = changed(&canary(), change);
    let old = changed(&new, json!({"spec": {"analysis": {"threshold": 7}}}));
    let world = World::new(vec![old.clone(), target("Deployment")]);
    let plan = plan(&world, Endpoint::CanaryValidate, &new, Some(&old));
    let begins = expected.iter().zip(&plan).all(|(expected, line)| *line == format!("Plan: {expected}"));
    assert!(begins && !plan.is_empty(), "{plan:?}");
}

#[test]
fn a_canary_without_its_target_waits_and_one_that_is_refused_has_no_plan() {
    let canary = changed(&canary(), json!({"status": null}));
    let world = World::new(Vec::new());
    assert_eq!(
        plan(&world, Endpoint::CanaryValidate, &canary, None),
        ["Plan: nothing happens until Deployment app exists."]
    );
    let mut wrong =
        review("ann", changed(&canary, json!({"spec": {"analysis": {"stepWeights": [5, 5]}}})), None);
    wrong["request"]["dryRun"] = json!(true);
    let verdict = world.judge(&call(Endpoint::CanaryValidate, &wrong));
    assert!(!verdict.is_allowed() && verdict.notices.is_empty(), "{verdict:?}");
    let gate = Gate::new(Settings::default(), super::OWN);
    let unread = gate.judge(&call(Endpoint::CanaryValidate, &wrong), &world.catalog, &Lookups::new());
    assert!(!unread.is_allowed());
}
