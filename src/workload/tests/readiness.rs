use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    api::Object,
    workload::{Readiness, kind::KINDS, readiness, ready_endpoints},
};

/// A Deployment whose status speaks of its present generation.
fn deployment(wished: i32, all: i32, updated: i32, available: i32, conditions: Value) -> Object {
    json!({
        "metadata": {"name": "cider", "generation": 3},
        "spec": {"replicas": wished, "progressDeadlineSeconds": 60, "selector": {}, "template": {}},
        "status": {
            "observedGeneration": 3,
            "replicas": all,
            "updatedReplicas": updated,
            "availableReplicas": available,
            "conditions": conditions,
        },
    })
}

fn judged(deployment: &Object, threshold: i32) -> String {
    match readiness(super::kind(), deployment, threshold) {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Waiting(why) => format!("waiting: {why}"),
        Readiness::Failed(why) => format!("failed: {why}"),
    }
}

#[rstest]
#[case::all_there([3, 3, 3, 3], 100, "ready")]
#[case::one_missing([3, 3, 3, 2], 100, "waiting: 2 of 3 pods are available, 3 are needed")]
#[case::enough([4, 4, 4, 3], 75, "ready")]
#[case::half_of_three_is_two_not_one([3, 3, 3, 1], 50, "waiting: 1 of 3 pods are available, 2 are needed")]
#[case::half_of_three_with_two([3, 3, 3, 2], 50, "ready")]
#[case::no_rounding_error_of_floats([100, 100, 100, 28], 29, "waiting: 28 of 100 pods are available, 29 are needed")]
#[case::threshold_above_100_is_100([2, 2, 2, 2], 150, "ready")]
#[case::threshold_zero_still_needs_a_pod([2, 2, 2, 0], 0, "waiting: 0 of 2 pods are available, 1 are needed")]
#[case::not_all_updated([3, 4, 2, 3], 100, "waiting: 2 of 3 pods have the new template")]
#[case::old_ones_left([3, 5, 3, 3], 100, "waiting: 2 pods of the old template are still there")]
#[case::idle([0, 0, 0, 0], 100, "ready")]
#[case::not_idle_yet([0, 1, 1, 1], 100, "waiting: 1 pods are still there")]
fn pods_are_counted(#[case] pods: [i32; 4], #[case] threshold: i32, #[case] expected: &str) {
    let [wished, all, updated, available] = pods;
    assert_eq!(judged(&deployment(wished, all, updated, available, json!([])), threshold), expected);
}

#[test]
fn a_status_of_an_older_generation_says_nothing() {
    let mut lagging = deployment(3, 3, 3, 3, json!([]));
    lagging["metadata"]["generation"] = 4.into();
    assert_eq!(judged(&lagging, 100), "waiting: the Deployment controller has not seen the last change yet");
    lagging["status"] = Value::Null;
    assert_eq!(judged(&lagging, 100), "waiting: the Deployment controller has not seen the last change yet");
}

#[test]
fn a_deadline_that_passed_is_a_failure_also_while_pods_are_unavailable() {
    let conditions = json!([
        {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it hangs"},
    ]);
    assert_eq!(
        judged(&deployment(3, 3, 3, 0, conditions), 100),
        "failed: the rollout made no progress within 60 s: it hangs"
    );
}

#[test]
fn pods_that_cannot_be_made_are_explained() {
    let conditions = json!([{"type": "ReplicaFailure", "status": "True", "message": "quota exceeded"}]);
    assert_eq!(
        judged(&deployment(3, 0, 0, 0, conditions), 100),
        "waiting: 0 of 3 pods have the new template: quota exceeded"
    );
    let mut paused = deployment(3, 3, 0, 3, json!([]));
    paused["spec"]["paused"] = true.into();
    assert_eq!(judged(&paused, 100), "waiting: 0 of 3 pods have the new template; the Deployment is paused");
}

#[rstest]
#[case::one_a_node([3, 3, 3, 3, 0], "ready")]
#[case::old_ones([3, 3, 1, 3, 0], "waiting: 1 of 3 pods have the new template")]
#[case::not_available([3, 3, 3, 2, 0], "waiting: 2 of 3 pods are available, 3 are needed")]
#[case::a_pod_on_a_node_that_got_a_taint([3, 3, 3, 3, 1], "ready")]
#[case::idle([0, 0, 0, 0, 0], "ready")]
#[case::not_idle_yet([0, 0, 0, 0, 2], "waiting: 2 pods are still there")]
fn a_daemon_set_is_ready_when_each_node_that_it_is_for_has_its_pod(
    #[case] pods: [i32; 5],
    #[case] expected: &str,
) {
    let [desired, current, updated, available, misplaced] = pods;
    let daemon_set = json!({
        "metadata": {"name": "cider", "generation": 3},
        "status": {
            "observedGeneration": 3,
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": current,
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
            "numberMisscheduled": misplaced,
        },
    });
    let told = match readiness(KINDS[1], &daemon_set, 100) {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Waiting(why) | Readiness::Failed(why) => format!("waiting: {why}"),
    };
    assert_eq!(told, expected);
}

fn slice(service: &str, endpoints: Value) -> Value {
    json!({"metadata": {"labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints})
}

#[rstest]
#[case::ready(json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}]), 1)]
#[case::ready_not_said(json!([{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": {"ready": null}}]), 2)]
#[case::not_ready(json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": false}}]), 0)]
#[case::terminating(json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true, "terminating": true}}]), 0)]
#[case::no_endpoints(Value::Null, 0)]
#[case::one_pod_twice(json!([
    {"addresses": ["10.0.0.1"], "targetRef": {"uid": "a"}},
    {"addresses": ["fd00::1"], "targetRef": {"uid": "a"}},
]), 1)]
fn endpoints_that_take_traffic_are_counted(#[case] endpoints: Value, #[case] expected: usize) {
    let slices = [slice("cider-canary", endpoints), slice("other", json!([{"addresses": ["10.0.0.9"]}]))];
    assert_eq!(ready_endpoints(slices.iter(), "cider-canary"), expected);
}

#[test]
fn slices_of_one_service_add_up() {
    let slices = [
        slice("cider", json!([{"addresses": ["10.0.0.1"], "targetRef": {"uid": "a"}}])),
        slice("cider", json!([{"addresses": ["10.0.0.2"], "targetRef": {"uid": "b"}}])),
        json!({"metadata": {}}),
    ];
    assert_eq!(ready_endpoints(slices.iter(), "cider"), 2);
}
