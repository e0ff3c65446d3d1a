use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, kind, target};
use crate::workload::{RevisionId, Snapshot, WorkloadError};

#[test]
fn an_id_is_sixteen_hex_digits_and_stays_what_it_was() {
    let id = RevisionId::of_template(&target()["spec"]["template"]);
    // A change of this text starts a run of every Canary at the upgrade that brings it.
    insta::assert_snapshot!(id);
}

#[rstest]
#[case::our_annotation("/metadata/annotations", "sluice.dev/revision")]
#[case::the_peers_annotation("/metadata/annotations", "flagger-id")]
fn bookkeeping_is_no_part_of_the_revision(#[case] at: &str, #[case] key: &str) {
    let template = target()["spec"]["template"].clone();
    let mut marked = template.clone();
    marked.pointer_mut(at).unwrap()[key] = "x".into();
    assert_eq!(RevisionId::of_template(&marked), RevisionId::of_template(&template));
}

#[test]
fn bookkeeping_alone_equals_no_annotations() {
    let bare = json!({"metadata": {"labels": {"app": "a"}}, "spec": {}});
    let marked = json!({"metadata": {"labels": {"app": "a"}, "annotations": {"flagger-id": "1"}, "creationTimestamp": null}, "spec": {}});
    assert_eq!(RevisionId::of_template(&marked), RevisionId::of_template(&bare));
}

#[test]
fn a_restart_is_a_new_revision() {
    let template = target()["spec"]["template"].clone();
    let mut restarted = template.clone();
    restarted["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now".into();
    assert_ne!(RevisionId::of_template(&restarted), RevisionId::of_template(&template));
}

#[test]
fn a_snapshot_reads_back_as_it_was_written() {
    let snapshot = Snapshot::of_target(kind(), &target()).unwrap();
    assert_eq!(Snapshot::from_object(&snapshot.to_object(&canary(json!({"port": 80})))).unwrap(), snapshot);
}

#[test]
fn a_snapshot_is_a_controller_revision_of_the_canary() {
    insta::assert_yaml_snapshot!(
        Snapshot::of_target(kind(), &target()).unwrap().to_object(&canary(json!({"port": 80})))
    );
}

#[test]
fn the_data_that_can_never_change_depends_on_the_revision_alone() {
    let mut other = target();
    other["spec"]["strategy"] = json!({"type": "Recreate"});
    other["metadata"]["labels"]["team"] = "press".into();
    other["metadata"]["annotations"]["orchard/contact"] = "bob".into();
    other["spec"]["template"]["metadata"]["annotations"][crate::api::names::REVISION] = "y".into();
    let canary = canary(json!({"port": 80}));
    let object = |target| Snapshot::of_target(kind(), target).unwrap().to_object(&canary);
    let (one, other) = (object(&target()), object(&other));
    assert_eq!(one["metadata"]["name"], other["metadata"]["name"]);
    assert_eq!(one["data"], other["data"]);
    assert_ne!(one["metadata"]["annotations"], other["metadata"]["annotations"]);
}

#[test]
fn w_obj_13_a_canary_name_that_leaves_no_room_is_cut_and_still_told_from_others() {
    let mut one = canary(json!({"port": 80}));
    let mut other = one.clone();
    one.metadata.name = Some(format!("{}a", "c".repeat(252)));
    other.metadata.name = Some(format!("{}b", "c".repeat(252)));
    let id = RevisionId::of_template(&json!({}));
    let (one, other) = (Snapshot::name(&one, &id), Snapshot::name(&other, &id));
    assert_eq!((one.len(), other.len()), (253, 253));
    assert_ne!(one, other);
}

#[rstest]
#[case::no_spec(json!({"kind": "Deployment", "metadata": {"name": "cider"}}))]
#[case::a_template_that_is_text(json!({"kind": "Deployment", "metadata": {"name": "cider"}, "spec": {"template": "x"}}))]
fn a_target_without_a_template_is_named(#[case] target: Value) {
    let error = Snapshot::of_target(kind(), &target).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Deployment cider: spec.template is missing, so there is no revision to speak of"
    );
}

#[test]
fn settings_that_are_not_ours_are_named() {
    let mut object = Snapshot::of_target(kind(), &target()).unwrap().to_object(&canary(json!({"port": 80})));
    object["metadata"]["annotations"]["sluice.dev/settings"] = "no JSON".into();
    assert!(matches!(Snapshot::from_object(&object), Err(WorkloadError::Snapshot { .. })));
}

#[rstest]
#[case::alone(json!({"flagger.app/scale-to-zero": "true"}), None)]
#[case::beside_the_users(json!({"flagger.app/scale-to-zero": "true", "disk": "fast"}), Some(json!({"disk": "fast"})))]
fn the_key_by_which_a_daemon_set_idles_is_no_part_of_a_revision(
    #[case] idle: Value,
    #[case] running: Option<Value>,
) {
    let with = |nodes: Option<Value>| {
        let mut template = target()["spec"]["template"].clone();
        if let Some(nodes) = nodes {
            template["spec"]["nodeSelector"] = nodes;
        }
        RevisionId::of_template(&template)
    };
    assert_eq!(with(Some(idle)), with(running));
}
