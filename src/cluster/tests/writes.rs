use kube::ResourceExt;
use rstest::rstest;
use serde_json::json;
use std::time::Duration;

use super::*;
use crate::{
    api::{Canary, CanaryStatus},
    cluster::testing::Reply,
    execute::{World, WorldError},
    rollout::{Cause, Effect, Failure, Manager},
};

fn canary() -> Canary {
    let mut canary = Canary::new("c", Default::default());
    canary.metadata.namespace = Some("n".to_owned());
    canary.metadata.resource_version = Some("5".to_owned());
    canary
}

fn apply(name: &str) -> Effect {
    let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "n"}});
    Effect::Apply { object, manager: Manager::Services }
}

const PATCH_SERVICE: &str = "PATCH /api/v1/namespaces/n/services/a";
const GET_SERVICE: &str = "GET /api/v1/namespaces/n/services/a";

#[tokio::test(start_paused = true)]
async fn a_stale_watch_event_never_hides_our_own_write() {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 9)]);
    let stage = Stage::on(bed).await;
    stage.bed.answer(PATCH_SERVICE, Reply::ok(object("Service", "a", 11)));
    stage.world().perform(&canary(), &apply("a")).await.unwrap();
    assert_eq!(stage.version(&service("a")).await.as_deref(), Some("11"));
    stage.bed.send(SERVICES, "MODIFIED", &object("Service", "a", 10)).await;
    assert_eq!(stage.version(&service("a")).await.as_deref(), Some("11"));
    stage.bed.send(SERVICES, "MODIFIED", &object("Service", "a", 12)).await;
    assert_eq!(stage.version(&service("a")).await.as_deref(), Some("12"));
    let call = stage.record.all().remove(0);
    assert_eq!(call.query, "&force=true&fieldManager=sluice%2Fservices");
    assert_eq!(call.content_type, "application/apply-patch+yaml");
    assert_eq!(stage.record.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_ours_is_among_the_canarys_snapshots_before_the_watch_delivers_it() {
    let stage = Stage::new().await;
    let made = object("ControllerRevision", "r", 11);
    stage.bed.answer("PATCH /apis/apps/v1/namespaces/n/controllerrevisions/r", Reply::ok(made));
    let object = json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "r", "namespace": "n"}});
    stage.world().perform(&canary(), &Effect::Apply { object, manager: Manager::Snapshot }).await.unwrap();
    let needs = crate::rollout::Needs { objects: vec![], slices_of: vec![], family_of: key() };
    assert_eq!(stage.cluster.live(&needs).await.unwrap().of_kind("ControllerRevision").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_watch_never_confirms_is_settled_by_a_get_after_thirty_seconds() {
    let stage = Stage::new().await;
    stage.bed.answer(PATCH_SERVICE, Reply::ok(object("Service", "a", 11)));
    stage.world().perform(&canary(), &apply("a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(stage.version(&service("a")).await.as_deref(), Some("11"));
    assert_eq!(stage.record.single(), [PATCH_SERVICE]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.version(&service("a")).await, None, "it was deleted meanwhile");
    assert_eq!(stage.record.single(), [PATCH_SERVICE, GET_SERVICE]);
}

#[rstest]
#[case::conflict(Reply::refused(409, "Conflict"), true)]
#[case::gone(Reply::refused(404, "NotFound"), true)]
#[case::invalid(Reply::refused(422, "Invalid"), false)]
#[case::broken(Reply::refused(500, "InternalError"), false)]
#[case::silent(Reply::Hang, false)]
#[tokio::test(start_paused = true)]
async fn a_failed_write_leaves_doubt_that_the_next_look_clears_up(#[case] reply: Reply, #[case] stale: bool) {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 9)]);
    let stage = Stage::on(bed).await;
    stage.bed.answer(PATCH_SERVICE, reply);
    stage.bed.answer(GET_SERVICE, Reply::ok(object("Service", "a", 10)));
    let patch = json!({"metadata": {"resourceVersion": "9"}, "spec": {}});
    let effect = Effect::Merge { reference: service("a"), patch, manager: Manager::Claim };
    let error = stage.world().perform(&canary(), &effect).await.unwrap_err();
    assert_eq!(matches!(error, WorldError::Stale { .. }), stale, "{error}");
    assert!(error.to_string().contains("Service n/a"), "{error}");
    for _ in 0..2 {
        assert_eq!(stage.version(&service("a")).await.as_deref(), Some("10"));
    }
    assert_eq!(stage.record.single(), [PATCH_SERVICE, GET_SERVICE], "one GET");
}

/// Both are 422; the words of the first are those of a real API server for a patch whose test failed.
#[rstest]
#[case::a_test_failed("the server rejected our request due to an error in our request", json!({}), true)]
#[case::the_object_is_invalid("Service \"a\" is invalid: spec.ports: Required value", json!({"causes": [{"field": "spec.ports"}]}), false)]
#[tokio::test(start_paused = true)]
async fn a_patch_whose_test_failed_is_stale_and_an_invalid_object_is_not(
    #[case] message: &str,
    #[case] details: serde_json::Value,
    #[case] stale: bool,
) {
    let stage = Stage::new().await;
    let refusal = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422, "reason": "Invalid",
        "message": message, "details": details, "metadata": {}});
    stage.bed.answer(PATCH_SERVICE, Reply::Json(422, refusal));
    let patch = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "9"}]);
    let patch = serde_json::from_value(patch).unwrap();
    let effect = Effect::Patch { reference: service("a"), patch, manager: Manager::Route };
    let error = stage.world().perform(&canary(), &effect).await.unwrap_err();
    assert_eq!(matches!(error, WorldError::Stale { .. }), stale, "{error}");
    assert_eq!(stage.record.all()[0].content_type, "application/json-patch+json");
}

#[rstest]
#[case::invalid(422, Cause::WriteRefused)]
#[case::denied(403, Cause::WriteRefused)]
#[case::a_policy_of_its_own_code(400, Cause::WriteRefused)]
#[case::too_many_requests(429, Cause::WriteFailed)]
#[case::our_token(401, Cause::WriteFailed)]
#[case::broken(500, Cause::WriteFailed)]
#[tokio::test(start_paused = true)]
async fn a_write_is_refused_for_good_only_when_time_does_not_mend_it(
    #[case] code: u16,
    #[case] cause: Cause,
) {
    let stage = Stage::new().await;
    stage.bed.answer(PATCH_SERVICE, Reply::refused(code, "Some"));
    let error = stage.world().perform(&canary(), &apply("a")).await.unwrap_err();
    let WorldError::Failed(failure) = &error else { panic!("{error}") };
    assert_eq!(failure.cause, cause);
    assert_eq!(error.to_string(), "applying Service n/a: refused by the test. It is tried again");
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_says_how_long_it_waited() {
    let stage = Stage::new().await;
    stage.bed.answer(PATCH_SERVICE, Reply::Hang);
    let error = stage.world().perform(&canary(), &apply("a")).await.unwrap_err();
    assert_eq!(error.to_string(), "applying Service n/a: no answer within 10 s. It is tried again");
}

#[rstest]
#[case::invalid(422)]
#[case::broken(500)]
#[tokio::test(start_paused = true)]
async fn words_about_a_secret_are_not_repeated(#[case] code: u16) {
    let stage = Stage::new().await;
    stage.bed.answer("PATCH /api/v1/namespaces/n/secrets/s", Reply::refused(code, "Some"));
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}});
    let effect = Effect::Apply { object, manager: Manager::Primary };
    let error = stage.world().perform(&canary(), &effect).await.unwrap_err();
    assert_eq!(error.to_string(), format!("applying Secret n/s: answered with {code}. It is tried again"));
}

/// Its kinds are looked for when the watches begin, and not found.
#[tokio::test(start_paused = true)]
async fn a_route_of_a_kind_that_is_not_served_is_told_and_costs_no_call_until_it_is_served() {
    let stage = Stage::new().await;
    let object = json!({"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {"name": "a", "namespace": "n"}});
    let effect = Effect::Apply { object, manager: Manager::Route };
    let patched = "PATCH /apis/networking.istio.io/v1beta1/namespaces/n/virtualservices/a";
    for _ in 0..3 {
        let error = stage.world().perform(&canary(), &effect).await.unwrap_err();
        let WorldError::Failed(failure) = error else { panic!("{error}") };
        assert_eq!(failure.cause, Cause::KindNotServed);
        assert!(failure.why.contains("VirtualService of networking.istio.io/v1beta1"), "{}", failure.why);
    }
    assert!(!stage.record.single().iter().any(|call| call == patched), "{:?}", stage.record.single());
    tokio::time::sleep(Duration::from_secs(31)).await;
    // It is looked for again; meanwhile the write itself finds that it is still missing.
    let error = stage.world().perform(&canary(), &effect).await.unwrap_err();
    assert!(matches!(error, WorldError::Failed(Failure { cause: Cause::KindNotServed, .. })), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_dropped_in_mid_air_leaves_doubt() {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 9)]);
    let stage = Stage::on(bed).await;
    stage.bed.answer(PATCH_SERVICE, Reply::Hang);
    stage.bed.answer(GET_SERVICE, Reply::ok(object("Service", "a", 10)));
    let (world, canary, effect) = (stage.world(), canary(), apply("a"));
    let write = world.perform(&canary, &effect);
    assert!(tokio::time::timeout(Duration::from_secs(1), write).await.is_err());
    assert_eq!(stage.version(&service("a")).await.as_deref(), Some("10"));
}

#[tokio::test(start_paused = true)]
async fn the_status_replaces_the_old_one_whole_if_nobody_wrote_since() {
    let bed = Bed::default();
    bed.list(CANARIES, &[object("Canary", "c", 5)]);
    let stage = Stage::on(bed).await;
    let path = "PATCH /apis/flagger.app/v1beta1/namespaces/n/canaries/c/status";
    stage.bed.answer(path, Reply::ok(object("Canary", "c", 6)));
    let status = CanaryStatus { canary_weight: 10, ..CanaryStatus::default() };
    stage.world().write_status(&canary(), &status).await.unwrap();
    let call = stage.record.all().remove(0);
    assert_eq!(
        (call.query.as_str(), call.content_type.as_str()),
        ("&fieldManager=sluice%2Fstatus", "application/json-patch+json")
    );
    assert_eq!(call.body[0], json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "5"}));
    assert_eq!(call.body[1]["path"], "/status");
    assert_eq!(call.body[1]["value"]["canaryWeight"], 10);
    let reference = ObjectRef::new("flagger.app/v1beta1", "Canary", "n", "c");
    assert_eq!(stage.version(&reference).await.as_deref(), Some("6"));
}

#[tokio::test(start_paused = true)]
async fn after_scaling_a_look_waits_for_the_version_of_the_scale() {
    let bed = Bed::default();
    bed.list(DEPLOYMENTS, &[object("Deployment", "a", 9)]);
    let stage = Stage::on(bed).await;
    let scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "a", "resourceVersion": "11"},
        "spec": {}});
    stage.bed.answer("PATCH /apis/apps/v1/namespaces/n/deployments/a/scale", Reply::ok(scale));
    let get = "GET /apis/apps/v1/namespaces/n/deployments/a";
    stage.bed.answer(get, Reply::ok(object("Deployment", "a", 11)));
    let effect = Effect::Scale { reference: deployment("a"), replicas: 0 };

    stage.world().perform(&canary(), &effect).await.unwrap();
    stage.bed.send(DEPLOYMENTS, "MODIFIED", &object("Deployment", "a", 10)).await;
    stage.record.forget();
    for _ in 0..2 {
        assert_eq!(stage.version(&deployment("a")).await.as_deref(), Some("11"));
    }
    assert_eq!(stage.record.single(), [get], "the watch had not caught up");

    stage.bed.send(DEPLOYMENTS, "MODIFIED", &object("Deployment", "a", 12)).await;
    stage.record.forget();
    stage.world().perform(&canary(), &effect).await.unwrap();
    assert_eq!(stage.version(&deployment("a")).await.as_deref(), Some("12"));
    assert_eq!(stage.record.single().len(), 1, "the watch was faster: no GET");
}

#[tokio::test(start_paused = true)]
async fn a_count_above_zero_is_handed_back_so_that_nobodys_apply_conflicts() {
    let stage = Stage::new().await;
    let path = "/apis/apps/v1/namespaces/n/deployments/a";
    let scale =
        json!({"kind": "Scale", "metadata": {"name": "a", "resourceVersion": "11"}, "spec": {"replicas": 2}});
    stage.bed.answer(&format!("PATCH {path}/scale"), Reply::ok(scale));
    let mut owned = object("Deployment", "a", 11);
    owned["metadata"]["managedFields"] = json!([{"manager": "sluice/claim", "subresource": "scale"}]);
    stage.bed.answer(&format!("GET {path}"), Reply::ok(owned));
    stage.bed.answer(&format!("PATCH {path}"), Reply::ok(object("Deployment", "a", 12)));
    let effect = Effect::Scale { reference: deployment("a"), replicas: 2 };
    stage.world().perform(&canary(), &effect).await.unwrap();
    assert_eq!(stage.version(&deployment("a")).await.as_deref(), Some("12"));
    let expected = [format!("PATCH {path}/scale"), format!("GET {path}"), format!("PATCH {path}")];
    assert_eq!(stage.record.single(), expected);
    stage.bed.answer(&format!("PATCH {path}"), Reply::refused(422, "Invalid"));
    stage.world().perform(&canary(), &effect).await.unwrap();
    assert_eq!(stage.record.single().len(), 3 + 1 + 2 * 3, "it is tried thrice and is no failure of scaling");
}

#[tokio::test(start_paused = true)]
async fn what_we_deleted_is_absent_although_the_watch_still_shows_it() {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 9)]);
    let stage = Stage::on(bed).await;
    let done = json!({"kind": "Status", "status": "Success", "details": {"uid": "uid-a"}});
    stage.bed.answer("DELETE /api/v1/namespaces/n/services/a", Reply::ok(done));
    let effect = Effect::Delete { reference: service("a"), uid: "uid-a".to_owned() };
    stage.world().perform(&canary(), &effect).await.unwrap();
    assert_eq!(stage.record.all()[0].body["preconditions"], json!({"uid": "uid-a"}));
    stage.bed.send(SERVICES, "MODIFIED", &object("Service", "a", 10)).await;
    assert_eq!(stage.version(&service("a")).await, None);
    stage.bed.send(SERVICES, "DELETED", &object("Service", "a", 11)).await;
    let mut reborn = object("Service", "a", 12);
    reborn["metadata"]["uid"] = json!("another");
    stage.bed.answer(GET_SERVICE, Reply::ok(reborn.clone()));
    stage.bed.send(SERVICES, "ADDED", &reborn).await;
    for _ in 0..2 {
        assert_eq!(stage.version(&service("a")).await.as_deref(), Some("12"));
    }
    assert_eq!(stage.record.single().len(), 2, "one GET tells whether it is from before or after");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_we_deleted_is_not_asked_for_again() {
    let bed = Bed::default();
    bed.list(REVISIONS, &[object("ControllerRevision", "r", 9)]);
    let stage = Stage::on(bed).await;
    let reference = ObjectRef::new("apps/v1", "ControllerRevision", "n", "r");
    let done = json!({"kind": "Status", "status": "Success"});
    stage.bed.answer("DELETE /apis/apps/v1/namespaces/n/controllerrevisions/r", Reply::ok(done));
    let effect = Effect::Delete { reference, uid: "uid-r".to_owned() };
    stage.world().perform(&canary(), &effect).await.unwrap();
    stage.record.forget();
    let needs = crate::rollout::Needs { objects: vec![], slices_of: vec![], family_of: key() };
    assert_eq!(stage.cluster.live(&needs).await.unwrap().of_kind("ControllerRevision").count(), 0);
    stage.bed.send(REVISIONS, "DELETED", &object("ControllerRevision", "r", 10)).await;
    assert_eq!(stage.cluster.live(&needs).await.unwrap().of_kind("ControllerRevision").count(), 0);
    assert!(stage.record.all().is_empty(), "{:?}", stage.record.all());
}

#[rstest]
#[case::already_gone(404, None)]
#[case::another_of_the_name(409, Some(true))]
#[tokio::test(start_paused = true)]
async fn deleting_what_is_gone_is_done_and_deleting_another_is_stale(
    #[case] code: u16,
    #[case] stale: Option<bool>,
) {
    let stage = Stage::new().await;
    stage.bed.answer("DELETE /api/v1/namespaces/n/services/a", Reply::refused(code, ""));
    let effect = Effect::Delete { reference: service("a"), uid: "u".to_owned() };
    let result = stage.world().perform(&canary(), &effect).await;
    assert_eq!(result.err().map(|error| matches!(error, WorldError::Stale { .. })), stale);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_makes_no_call() {
    let stage = Stage::new().await;
    let (asks, _) = mpsc::unbounded_channel();
    let (announcer, _) = Announcer::new(stage.client.clone(), "test");
    let (_, leadership) = tokio::sync::watch::channel(Leadership::default());
    let world =
        ClusterWorld::new(stage.cluster.clone(), announcer, asks, mpsc::unbounded_channel().0, leadership);
    let error = world.perform(&canary(), &apply("a")).await.unwrap_err();
    assert!(matches!(error, WorldError::Deposed { .. }));
    assert!(world.write_status(&canary(), &CanaryStatus::default()).await.is_err());
    assert!(stage.record.all().is_empty());
    assert_eq!(canary().name_any(), "c");
}
