use rstest::rstest;
use serde_json::json;
use std::time::Duration;

use super::*;
use crate::{
    cluster::testing::{METADATA, Reply},
    rollout::{Needs, Settings, needs},
};

fn pair(reference: &str, owner: Option<&str>) -> (String, Option<String>) {
    (reference.to_owned(), owner.map(str::to_owned))
}

#[tokio::test(start_paused = true)]
async fn a_change_wakes_the_canary_that_the_object_names() {
    let mut stage = Stage::new().await;
    stage.bed.send(DEPLOYMENTS, "ADDED", &object("Deployment", "a", 5)).await;
    assert_eq!(stage.told(), [pair("Deployment n/a", Some("n/c"))]);
    stage.bed.send(DEPLOYMENTS, "MODIFIED", &object("Deployment", "a", 5)).await;
    assert_eq!(stage.told(), [], "the same version is no news");
}

#[tokio::test(start_paused = true)]
async fn a_slice_wakes_the_canary_of_its_service() {
    let mut stage = Stage::new().await;
    let mut slice = object("EndpointSlice", "a-1", 7);
    slice["metadata"]["labels"]["kubernetes.io/service-name"] = json!("a");
    slice["metadata"]["annotations"] = json!(null);
    stage.bed.send(SERVICES, "ADDED", &object("Service", "a", 5)).await;
    stage.told();
    stage.bed.send(SLICES, "ADDED", &slice).await;
    assert_eq!(stage.told(), [pair("EndpointSlice n/a-1", Some("n/c"))]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_its_owner_wakes_both() {
    let mut stage = Stage::new().await;
    stage.bed.send(SERVICES, "ADDED", &object("Service", "a", 5)).await;
    stage.told();
    let mut moved = object("Service", "a", 6);
    moved["metadata"]["annotations"]["sluice.dev/canary"] = json!("d");
    stage.bed.send(SERVICES, "MODIFIED", &moved).await;
    assert_eq!(stage.told(), [pair("Service n/a", Some("n/c")), pair("Service n/a", Some("n/d"))]);
}

#[tokio::test(start_paused = true)]
async fn w_api_1_a_malformed_object_never_stops_the_others() {
    let bed = Bed::default();
    let poisoned = json!({"metadata": {"name": "p", "namespace": "n", "resourceVersion": "3", "creationTimestamp": 7,
        "labels": ["x"]}, "spec": {"analysis": {"stepWeight": 0.5}}, "status": 4});
    let nameless = json!({"metadata": {"resourceVersion": "4"}});
    bed.list(CANARIES, &[poisoned, nameless.clone(), object("Canary", "c", 5)]);
    let stage = Stage::on(bed).await;
    assert_eq!(stage.cluster.known_of("Canary").len(), 2);
    stage.bed.send(CANARIES, "MODIFIED", &nameless).await;
    stage.bed.send(CANARIES, "MODIFIED", &object("Canary", "c", 8)).await;
    let canary = ObjectRef::new("flagger.app/v1beta1", "Canary", "n", "c");
    assert_eq!(stage.version(&canary).await.as_deref(), Some("8"));
}

#[tokio::test(start_paused = true)]
async fn a_router_s_kind_that_we_may_not_watch_stops_no_canary_of_another_router() {
    let bed = Bed::default();
    let group = "/apis/projectcontour.io/v1";
    let served = json!({"kind": "APIResourceList", "groupVersion": "projectcontour.io/v1",
        "resources": [{"name": "httpproxies", "kind": "HTTPProxy", "namespaced": true, "singularName": "", "verbs": []}]});
    bed.answer(&format!("GET {group}"), Reply::ok(served));
    bed.answer(&format!("LIST {group}/httpproxies"), Reply::refused(403, "Forbidden"));
    bed.answer(&format!("GET {group}/namespaces/n/httpproxies/a"), Reply::refused(403, "Forbidden"));
    // This waits for all watches.
    let stage = Stage::on(bed).await;
    stage.bed.send(DEPLOYMENTS, "ADDED", &object("Deployment", "a", 5)).await;
    assert_eq!(stage.version(&deployment("a")).await.as_deref(), Some("5"));
    let proxy = ObjectRef::new("projectcontour.io/v1", "HTTPProxy", "n", "a");
    let error = stage.cluster.look(&proxy).await.unwrap_err();
    assert_eq!(error.code(), Some(403), "never an absence: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_cannot_be_watched_holds_up_those_that_need_it_and_nobody_else() {
    let bed = Bed::default();
    bed.answer("LIST /api/v1/secrets", Reply::refused(403, "Forbidden"));
    bed.answer(&format!("LIST {SERVICES}"), Reply::refused(500, "InternalError"));
    bed.list(DEPLOYMENTS, &[object("Deployment", "a", 5)]);
    let (client, _) = bed.client();
    let (cluster, _events) = Cluster::new(client, None);
    let (cluster, stop) =
        (cluster.hearing(&["ConfigMap", "Secret"]), tokio_util::sync::CancellationToken::new());
    let watches = cluster.watch(Duty::Loop, &stop);
    let begin = tokio::time::Instant::now();
    let late = watches.begun(Duration::from_secs(60)).await;
    assert_eq!((late.as_slice(), begin.elapsed().as_secs()), (["Service", "Secret metadata"].as_slice(), 60));

    assert!(cluster.look(&deployment("a")).await.unwrap().is_some());
    let config_map = ObjectRef::new("v1", "ConfigMap", "n", "a");
    assert!(cluster.unheard([&deployment("a"), &deployment("b"), &config_map]).is_none());
    for (needed, watch) in [
        (service("a"), "reading Service objects"),
        (ObjectRef::new("v1", "Secret", "n", "a"), "reading Secret metadata objects"),
    ] {
        let told = cluster.unheard([&deployment("a"), &needed]).unwrap();
        assert_eq!(told.what(), watch);
    }
    bed.answer(
        &format!("LIST {SERVICES}"),
        Reply::ok(json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})),
    );
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(cluster.unheard([&service("a")]).is_none(), "a late watch is taken up");
    assert_eq!(watches.begun(Duration::ZERO).await, ["Secret metadata"]);
}

/// What is read by their names' Services or owners is read by its watch alone: the right that is missing for it is the right to list.
#[rstest]
#[case::slices(SLICES, "EndpointSlice")]
#[case::snapshots(REVISIONS, "ControllerRevision")]
#[tokio::test(start_paused = true)]
async fn a_family_whose_watch_is_denied_is_told_with_the_words_of_the_refusal(
    #[case] path: &str,
    #[case] kind: &str,
) {
    let bed = Bed::default();
    bed.answer(&format!("LIST {path}"), Reply::refused(403, "Forbidden"));
    let (cluster, _events) = Cluster::new(bed.client().0, None);
    let stop = tokio_util::sync::CancellationToken::new();
    let watches = cluster.watch(Duty::Loop, &stop);
    assert_eq!(watches.begun(Duration::from_secs(60)).await, [kind]);
    let needs = Needs { objects: vec![], slices_of: vec!["a".to_owned()], family_of: key() };
    let error = cluster.live(&needs).await.unwrap_err();
    let expected = (Some(403), format!("reading {kind} objects"), "their watch fails: refused by the test");
    assert_eq!((error.code(), error.what(), error.words().as_str()), expected);
}

#[tokio::test(start_paused = true)]
async fn templates_that_cannot_be_watched_are_read_one_by_one_and_told_to_those_who_name_them() {
    let templates = "/apis/flagger.app/v1beta1/metrictemplates";
    let bed = Bed::default();
    bed.answer(&format!("LIST {templates}"), Reply::refused(403, "Forbidden"));
    let one = "GET /apis/flagger.app/v1beta1/namespaces/n/metrictemplates/errors";
    bed.answer(one, Reply::ok(object("MetricTemplate", "errors", 5)));
    let (client, record) = bed.client();
    let (cluster, _events) = Cluster::new(client, None);
    let stop = tokio_util::sync::CancellationToken::new();
    let watches = [cluster.watch(Duty::Catalog, &stop), cluster.watch(Duty::Loop, &stop)];
    assert_eq!(watches[0].begun(Duration::from_secs(60)).await, ["MetricTemplate"]);
    record.forget();
    let needed = |metric: serde_json::Value| {
        let canary = json!({"metadata": {"name": "c", "namespace": "n"}, "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}, "service": {"port": 80},
            "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10, "metrics": [metric]}}});
        needs(&serde_json::from_value(canary).unwrap(), &Settings::default()).objects
    };
    let told = |needed: &[ObjectRef]| cluster.unheard(needed).map(|error| (error.code(), error.what()));
    let builtin = needed(json!({"name": "request-success-rate"}));
    assert_eq!(told(&builtin), None);
    let named = needed(json!({"name": "errors", "templateRef": {"name": "errors"}}));
    assert_eq!(told(&named), Some((Some(403), "reading MetricTemplate objects".to_owned())));
    let template = named.iter().find(|of| of.kind == "MetricTemplate").unwrap();
    assert!(cluster.look(template).await.unwrap().is_some());
    assert_eq!(record.single(), [one]);
}

#[tokio::test(start_paused = true)]
async fn deleted_from_a_labelled_watch_is_confirmed_by_one_get() {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 5)]);
    let mut stage = Stage::on(bed).await;
    let stripped = without_label(object("Service", "a", 6));
    stage.bed.answer("GET /api/v1/namespaces/n/services/a", Reply::ok(stripped.clone()));
    stage.bed.send(SERVICES, "DELETED", &stripped).await;
    assert_eq!(stage.told(), [pair("Service n/a", Some("n/c"))]);
    assert_eq!(stage.version(&service("a")).await.as_deref(), Some("6"), "it only left the selector");
    assert_eq!(stage.record.single().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn slices_that_left_the_selector_are_confirmed_too() {
    let bed = Bed::default();
    let mut slice = object("EndpointSlice", "a-1", 7);
    slice["metadata"]["labels"]["kubernetes.io/service-name"] = json!("a");
    bed.list(SLICES, std::slice::from_ref(&slice));
    let stage = Stage::on(bed).await;
    let path = "GET /apis/discovery.k8s.io/v1/namespaces/n/endpointslices/a-1";
    slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": "a"});
    stage.bed.answer(path, Reply::ok(slice.clone()));
    stage.bed.send(SLICES, "DELETED", &slice).await;
    let needs = Needs { objects: vec![], slices_of: vec!["a".to_owned()], family_of: key() };
    assert_eq!(stage.cluster.live(&needs).await.unwrap().of_kind("EndpointSlice").count(), 1);
    stage.bed.answer(path, Reply::refused(404, "NotFound"));
    assert_eq!(stage.cluster.live(&needs).await.unwrap().of_kind("EndpointSlice").count(), 0);
    stage.record.forget();
    assert_eq!(stage.cluster.live(&needs).await.unwrap().of_kind("EndpointSlice").count(), 0);
    assert!(stage.record.all().is_empty(), "once it is known to be gone, nobody asks again");
}

#[tokio::test(start_paused = true)]
async fn a_new_list_removes_what_vanished_while_nobody_watched() {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 5), object("Service", "b", 5)]);
    let mut stage = Stage::on(bed).await;
    stage.bed.list(SERVICES, &[object("Service", "b", 5)]);
    let too_old = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"});
    stage.bed.send(SERVICES, "ERROR", &too_old).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.told(), [pair("Service n/a", Some("n/c"))], "b did not change");
    stage.record.forget();
    assert_eq!(stage.version(&service("a")).await, None);
    assert_eq!(stage.version(&service("b")).await.as_deref(), Some("5"));
    assert_eq!(stage.record.single(), ["GET /api/v1/namespaces/n/services/a"]);
}

#[tokio::test(start_paused = true)]
async fn the_birth_of_an_unlabelled_target_wakes_the_canary_that_names_it() {
    let mut stage = Stage::new().await;
    stage.cluster.name(&key(), [deployment("a")].into());
    stage.bed.send(METADATA, "ADDED", &without_label(object("Deployment", "b", 5))).await;
    stage.bed.send(METADATA, "ADDED", &without_label(object("Deployment", "a", 6))).await;
    assert_eq!(stage.told(), [pair("Deployment n/a", Some("n/c"))]);
    stage.bed.send(METADATA, "MODIFIED", &object("Deployment", "a", 7)).await;
    assert_eq!(stage.told(), [], "the labelled watch tells of it");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_former_primary_wakes_the_canary_that_waits_for_its_name() {
    let bed = Bed::default();
    bed.list(DEPLOYMENTS, &[object("Deployment", "a-primary", 5)]);
    let mut stage = Stage::on(bed).await;
    stage.told();
    stage.cluster.name(&CanaryKey::new("n", "successor"), [deployment("a-primary")].into());
    stage.bed.send(DEPLOYMENTS, "DELETED", &object("Deployment", "a-primary", 6)).await;
    let primary = "Deployment n/a-primary";
    assert_eq!(stage.told(), [pair(primary, Some("n/successor")), pair(primary, Some("n/c"))]);
}

#[tokio::test(start_paused = true)]
async fn after_the_watches_ended_nothing_is_believed() {
    let bed = Bed::default();
    bed.list(SERVICES, &[object("Service", "a", 5)]);
    let stage = Stage::on(bed).await;
    stage.stop.cancel();
    settle().await;
    assert!(stage.cluster.known(&service("a")).is_none());
    assert_eq!(stage.version(&service("a")).await, None);
    assert_eq!(stage.record.single(), ["GET /api/v1/namespaces/n/services/a"]);
}
