//! The primary's copy of a HorizontalPodAutoscaler.

use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, kind};
use crate::{
    api::{AutoscalerRef, Object},
    workload::{apply, autoscaler::render, contains},
};

fn reference(replicas: Value) -> AutoscalerRef {
    serde_json::from_value(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "press",
        "primaryScalerReplicas": replicas,
    }))
    .unwrap()
}

fn source() -> Object {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "press", "namespace": "orchard", "uid": "h-1", "resourceVersion": "7",
            "labels": {"team.orchard/owner": "ada", "kustomize.toolkit.fluxcd.io/name": "o", "sluice.dev/managed": "true"},
            "annotations": {"orchard/contact": "ada"},
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cider"},
            "minReplicas": 2,
            "maxReplicas": 9,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
        },
        "status": {"currentReplicas": 4},
    })
}

fn rendered(replicas: Value) -> Object {
    render(kind(), &canary(json!({"port": 80})), &reference(replicas), &source(), &["team.".to_owned()])
}

#[test]
fn the_primarys_autoscaler_is_the_users_by_an_allow_list() {
    insta::assert_yaml_snapshot!(rendered(Value::Null));
}

#[rstest]
#[case::the_users(Value::Null, 2, 9)]
#[case::other_bounds(json!({"minReplicas": 3, "maxReplicas": 5}), 3, 5)]
#[case::the_most_alone(json!({"maxReplicas": 4}), 2, 4)]
#[case::the_least_never_exceeds_the_most(json!({"maxReplicas": 1}), 1, 1)]
fn bounds_are_the_users_or_those_of_the_canary(
    #[case] replicas: Value,
    #[case] least: i32,
    #[case] most: i32,
) {
    let spec = &rendered(replicas)["spec"];
    assert_eq!((spec["minReplicas"].clone(), spec["maxReplicas"].clone()), (json!(least), json!(most)));
}

#[test]
fn w_obj_5_labels_of_the_copy_follow_the_users_and_an_apply_twice_changes_nothing() {
    let wished = rendered(Value::Null);
    assert!(contains(&apply(&wished, &wished), &wished));
    let mut other = source();
    other["metadata"]["labels"]["team.orchard/owner"] = json!("eve");
    let next =
        render(kind(), &canary(json!({"port": 80})), &reference(Value::Null), &other, &["team.".to_owned()]);
    assert_eq!(next["metadata"]["labels"]["team.orchard/owner"], "eve");
    assert!(!contains(&wished, &next), "a changed label is no no-op");
}
