use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, kind, selector, target};
use crate::{
    api::Object,
    workload::{Selector, Snapshot, apply, contains, render_primary, same_revision},
};

fn prefixes(prefixes: &[&str]) -> Vec<String> {
    prefixes.iter().map(|prefix| (*prefix).to_owned()).collect()
}

fn rendered(target: &Object) -> Object {
    let snapshot = Snapshot::of_target(kind(), target).unwrap();
    render_primary(
        kind(),
        &canary(json!({"port": 80})),
        &snapshot,
        &selector(),
        Some(3),
        &prefixes(&["team."]),
    )
}

#[test]
fn the_primary_is_the_target_under_another_label() {
    insta::assert_yaml_snapshot!(rendered(&target()));
}

#[rstest]
#[case::none(&[], &[])]
#[case::empty_prefix_is_none(&[""], &[])]
#[case::by_prefix(&["team."], &["team.orchard/owner"])]
#[case::two_prefixes(&["x", "team"], &["team", "team.orchard/owner"])]
#[case::all(&["*"], &["team", "team.orchard/owner"])]
fn labels_follow_the_flag_and_the_selector_label_is_always_there(
    #[case] flag: &[&str],
    #[case] copied: &[&str],
) {
    let snapshot = Snapshot::of_target(kind(), &target()).unwrap();
    let primary =
        render_primary(kind(), &canary(json!({"port": 80})), &snapshot, &selector(), None, &prefixes(flag));
    let labels = primary["metadata"]["labels"].as_object().unwrap();
    let mut expected: Vec<&str> = copied.to_vec();
    expected.extend(["app", "sluice.dev/managed"]);
    expected.sort_unstable();
    assert_eq!(labels.keys().collect::<Vec<_>>(), expected);
    assert_eq!(labels["app"], "press-primary");
}

#[test]
fn replicas_are_left_out_for_an_autoscaler() {
    let snapshot = Snapshot::of_target(kind(), &target()).unwrap();
    let primary = render_primary(kind(), &canary(json!({"port": 80})), &snapshot, &selector(), None, &[]);
    assert_eq!(primary.pointer("/spec/replicas"), None);
}

#[test]
fn rendering_twice_gives_the_same_so_that_a_second_apply_starts_no_pod() {
    assert_eq!(rendered(&target()), rendered(&target()));
    assert!(!rendered(&target()).to_string().contains("flagger-id"));
}

#[test]
fn w_obj_6_promotion_keeps_the_annotations_that_creation_gave() {
    let created = rendered(&target());
    let mut next = target();
    next["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.orchard/press:3".into();
    let promoted = rendered(&next);
    assert_eq!(promoted["metadata"]["annotations"]["orchard/contact"], "ada");
    assert_eq!(created["metadata"]["annotations"]["orchard/contact"], "ada");
}

#[test]
fn an_annotation_that_is_a_tools_store_stays_behind() {
    let mut target = target();
    target["metadata"]["annotations"]["orchard/store"] = "x".repeat(9000).into();
    assert_eq!(rendered(&target)["metadata"]["annotations"].get("orchard/store"), None);
}

#[test]
fn a_selector_of_one_label_is_what_the_peers_primaries_have_so_they_can_be_taken_over() {
    assert_eq!(rendered(&target())["spec"]["selector"], json!({"matchLabels": {"app": "press-primary"}}));
}

#[test]
fn what_was_applied_is_seen_as_applied() {
    let wished = rendered(&target());
    let defaults = json!({
        "metadata": {"uid": "p-1", "resourceVersion": "12", "generation": 1},
        "spec": {"template": {"spec": {"dnsPolicy": "ClusterFirst"}}},
        "status": {"replicas": 3},
    });
    assert!(contains(&apply(&defaults, &wished), &wished));
}

#[rstest]
#[case::image("/spec/template/spec/containers/0/image", json!("registry.orchard/press:evil"))]
#[case::replicas("/spec/replicas", json!(9))]
#[case::label("/spec/template/metadata/labels/tier", json!("db"))]
fn an_edited_primary_is_seen(#[case] at: &str, #[case] value: Value) {
    let wished = rendered(&target());
    let mut live = wished.clone();
    *live.pointer_mut(at).unwrap() = value;
    assert!(!contains(&live, &wished));
}

#[rstest]
#[case::a_pod_annotation("/spec/template/metadata/annotations", "orchard/scrape")]
#[case::a_field_of_the_pod("/spec/template/spec", "affinity")]
#[case::an_annotation("/metadata/annotations", "orchard/contact")]
#[case::a_deployment_field("/spec", "minReadySeconds")]
fn what_a_new_revision_lacks_has_to_leave_the_primary_too(#[case] of: &str, #[case] field: &str) {
    let live = rendered(&target());
    let mut next = target();
    next.pointer_mut(of).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    assert!(!contains(&live, &rendered(&next)));
}

#[test]
fn a_variable_given_twice_is_applied_once_with_the_value_that_counts() {
    let env = &rendered(&target())["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(*env, json!([{"name": "COLOUR", "value": "red"}, {"name": "MODE", "value": "new"}]));
}

#[rstest]
#[case::own_pods(json!({"app": "press"}), None, "press-primary")]
#[case::other_pods(json!({"app": "cider"}), None, "cider")]
#[case::own_namespace_named(json!({"app": "press"}), Some(json!(["orchard"])), "press-primary")]
#[case::other_namespaces(json!({"app": "press"}), Some(json!(["vineyard"])), "press")]
fn anti_affinity_to_own_pods_means_the_primarys(
    #[case] labels: Value,
    #[case] namespaces: Option<Value>,
    #[case] expected: &str,
) {
    let mut target = target();
    target["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": labels}, "namespaces": namespaces},
        ],
    }});
    let primary = rendered(&target);
    let app = primary.pointer("/spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0/labelSelector/matchLabels/app");
    assert_eq!(app.unwrap(), expected);
}

#[test]
fn a_label_that_primary_and_target_share_stays_in_a_term() {
    let mut target = target();
    target["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"] =
        json!({"matchLabels": {"name": "cider"}});
    let primary = rendered(&target);
    let labels = primary.pointer("/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels");
    assert_eq!(labels.unwrap(), &json!({"name": "cider"}));
}

/// The primary as it lives: what we applied, with the defaults that the target has too.
fn live_primary() -> Object {
    rendered(&target())
}

fn same(live: &Object, target: &Object) -> bool {
    same_revision(
        live,
        &canary(json!({"port": 80})),
        &Snapshot::of_target(kind(), target).unwrap(),
        &selector(),
    )
}

#[test]
fn a_primary_runs_the_target_that_it_was_rendered_from() {
    assert!(same(&live_primary(), &target()));
}

#[test]
fn bookkeeping_in_the_primary_is_no_other_revision() {
    let mut live = live_primary();
    live["spec"]["template"]["metadata"]["annotations"]["flagger-id"] = "3f0c".into();
    live["spec"]["template"]["metadata"]["annotations"][crate::api::names::REVISION] = "y".into();
    live["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
    assert!(same(&live, &target()));
}

#[test]
fn scheduling_terms_that_the_peer_left_alone_are_no_other_revision() {
    let mut live = live_primary();
    live["spec"]["template"]["spec"]["affinity"] = target()["spec"]["template"]["spec"]["affinity"].clone();
    assert!(same(&live, &target()));
}

#[rstest]
#[case::image("/containers/0/image", json!("registry.orchard/press:3"))]
#[case::one_more_field("/terminationGracePeriodSeconds", json!(5))]
#[case::a_volume_of_another_kind("/volumes/0", json!({"name": "scratch", "hostPath": {"path": "/tmp"}}))]
fn another_pod_spec_is_another_revision(#[case] at: &str, #[case] value: Value) {
    let mut target = target();
    let spec = target.pointer_mut("/spec/template/spec").unwrap();
    match spec.pointer_mut(at) {
        Some(place) => *place = value,
        None => spec[at.trim_start_matches('/')] = value,
    }
    assert!(!same(&live_primary(), &target));
}

#[test]
fn a_restart_is_another_revision() {
    let mut target = target();
    target["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now".into();
    assert!(!same(&live_primary(), &target));
    assert!(!same(&json!({}), &target), "a primary without a template runs nothing");
}

#[test]
fn another_selector_label_is_another_revision() {
    let other = Selector { key: "tier".into(), value: "web".into(), also: Default::default() };
    let snapshot = Snapshot::of_target(kind(), &target()).unwrap();
    assert!(!same_revision(&live_primary(), &canary(json!({"port": 80})), &snapshot, &other));
}
