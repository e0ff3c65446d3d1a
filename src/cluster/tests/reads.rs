use rstest::rstest;
use serde_json::json;
use std::time::Duration;

use super::*;
use crate::{
    cluster::testing::{METADATA, Reply},
    rollout::Needs,
};

fn needs(objects: &[ObjectRef]) -> Needs {
    Needs { objects: objects.to_vec(), slices_of: vec!["a".to_owned()], family_of: key() }
}

#[tokio::test(start_paused = true)]
async fn what_the_watches_delivered_costs_no_call() {
    let bed = Bed::default();
    bed.list(DEPLOYMENTS, &[object("Deployment", "a", 5)]);
    bed.list(SERVICES, &[object("Service", "a", 6)]);
    let mut slice = object("EndpointSlice", "a-1", 7);
    slice["metadata"]["labels"]["kubernetes.io/service-name"] = json!("a");
    bed.list(SLICES, &[slice]);
    bed.list(REVISIONS, &[object("ControllerRevision", "r", 8)]);
    let stage = Stage::on(bed).await;
    let live = stage.cluster.live(&needs(&[deployment("a"), service("a")])).await.unwrap();
    assert!(live.get(&deployment("a")).is_some() && live.get(&service("a")).is_some());
    assert_eq!(live.of_kind("EndpointSlice").count(), 1);
    assert_eq!(live.of_kind("ControllerRevision").count(), 1);
    assert!(stage.record.all().is_empty(), "{:?}", stage.record.all());
}

#[tokio::test(start_paused = true)]
async fn the_autoscalers_that_a_canary_has_marked_are_known_without_their_names() {
    let bed = Bed::default();
    let mut marked = object("HorizontalPodAutoscaler", "a-primary", 5);
    marked["metadata"]["annotations"] = json!({"sluice.dev/canary": key().name});
    let mut other = object("HorizontalPodAutoscaler", "b-primary", 6);
    other["metadata"]["annotations"] = json!({"sluice.dev/canary": "another"});
    bed.list("/apis/autoscaling/v2/horizontalpodautoscalers", &[marked, other]);
    let stage = Stage::on(bed).await;
    let live = stage.cluster.live(&needs(&[])).await.unwrap();
    let known = live.of_kind("HorizontalPodAutoscaler");
    assert_eq!(known.map(|(of, _)| of.name.as_str()).collect::<Vec<_>>(), ["a-primary"]);
}

#[tokio::test(start_paused = true)]
async fn not_found_is_an_absence() {
    let stage = Stage::new().await;
    let live = stage.cluster.live(&needs(&[service("a")])).await.unwrap();
    assert!(live.get(&service("a")).is_none());
    assert_eq!(stage.record.single(), ["GET /api/v1/namespaces/n/services/a"]);
}

#[rstest]
#[case::forbidden(Reply::refused(403, "Forbidden"))]
#[case::broken(Reply::refused(500, "InternalError"))]
#[case::no_object(Reply::ok(json!({"metadata": {}})))]
#[case::silent(Reply::Hang)]
#[tokio::test(start_paused = true)]
async fn a_read_failure_is_an_error_and_never_an_absence(#[case] reply: Reply) {
    let stage = Stage::new().await;
    stage.bed.answer("GET /api/v1/namespaces/n/services/a", reply);
    let error = stage.cluster.live(&needs(&[service("a")])).await.unwrap_err();
    assert!(error.to_string().contains("Service n/a"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_a_deployment_is_remembered_until_the_metadata_watch_speaks_of_it() {
    let stage = Stage::new().await;
    stage.cluster.name(&key(), [deployment("a")].into());
    for _ in 0..5 {
        assert_eq!(stage.version(&deployment("a")).await, None);
    }
    assert_eq!(stage.record.single().len(), 1, "asked once");
    let born = without_label(object("Deployment", "a", 7));
    stage.bed.answer("GET /apis/apps/v1/namespaces/n/deployments/a", Reply::ok(born.clone()));
    stage.bed.send(METADATA, "ADDED", &born).await;
    assert_eq!(stage.version(&deployment("a")).await.as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn of_what_the_gate_glances_at_nothing_is_remembered() {
    let stage = Stage::new().await;
    let there = object("Deployment", "a", 7);
    stage.bed.answer("GET /apis/apps/v1/namespaces/n/deployments/a", Reply::ok(there));
    assert!(stage.cluster.glance(&deployment("a")).await.unwrap().is_some());
    assert_eq!(stage.cluster.known(&deployment("a")), None);
    assert!(stage.cluster.glance(&deployment("b")).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_a_kind_without_metadata_watch_is_asked_for_each_time() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        assert_eq!(stage.version(&service("a")).await, None);
    }
    assert_eq!(stage.record.single().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_watched_whole_needs_no_call_for_an_absence() {
    let stage = Stage::new().await;
    let template = ObjectRef::new("flagger.app/v1beta1", "MetricTemplate", "n", "t");
    assert_eq!(stage.version(&template).await, None);
    assert!(stage.record.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn outside_the_watched_namespace_nothing_is_certain() {
    let (client, record) = Bed::default().client();
    let (cluster, _events) = Cluster::new(client, Some("other".to_owned()));
    let stop = CancellationToken::new();
    let watches = cluster.watch(Duty::Catalog, &stop);
    watches.synced().await;
    let template = ObjectRef::new("flagger.app/v1beta1", "MetricTemplate", "n", "t");
    assert!(cluster.look(&template).await.unwrap().is_none());
    assert_eq!(record.single(), ["GET /apis/flagger.app/v1beta1/namespaces/n/metrictemplates/t"]);
    let lists = record.all();
    assert!(lists.iter().any(|call| call.path == "/apis/flagger.app/v1beta1/namespaces/other/canaries"));
}

#[tokio::test(start_paused = true)]
async fn before_the_first_lists_families_are_an_error() {
    let (client, _) = Bed::default().client();
    let (cluster, _events) = Cluster::new(client, None);
    let error = cluster.live(&needs(&[])).await.unwrap_err();
    assert!(error.to_string().contains("EndpointSlice"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_is_absent_and_looked_for_again_when_it_is_needed() {
    let stage = Stage::new().await;
    let route = ObjectRef::new("gateway.networking.k8s.io/v1", "HTTPRoute", "n", "r");
    for _ in 0..3 {
        assert_eq!(stage.version(&route).await, None);
    }
    assert!(stage.record.all().is_empty(), "discovery has just answered: {:?}", stage.record.all());

    let resources = json!({"groupVersion": "gateway.networking.k8s.io/v1", "resources": [{"name": "httproutes",
        "singularName": "", "namespaced": true, "kind": "HTTPRoute", "verbs": ["list"]}]});
    stage.bed.answer("GET /apis/gateway.networking.k8s.io/v1", Reply::ok(resources));
    let routes = "/apis/gateway.networking.k8s.io/v1/httproutes";
    stage.bed.list(routes, &[object("HTTPRoute", "r", 9)]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(stage.version(&route).await, None, "the GET says so");
    settle().await;
    assert_eq!(stage.version(&route).await.as_deref(), Some("9"), "its watch runs now");
}

#[tokio::test(start_paused = true)]
async fn w_rt_19_the_routes_of_a_former_provider_are_read_without_a_name_and_without_a_call() {
    let bed = Bed::default();
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": object("HTTPRoute", "a", 5)["metadata"],
    });
    let mut foreign = route.clone();
    foreign["metadata"]["name"] = json!("b");
    foreign["metadata"]["annotations"] = json!({"sluice.dev/canary": "another"});
    let resources = json!({"groupVersion": "gateway.networking.k8s.io/v1", "resources": [{"name": "httproutes",
        "singularName": "", "namespaced": true, "kind": "HTTPRoute", "verbs": ["list"]}]});
    bed.answer("GET /apis/gateway.networking.k8s.io/v1", Reply::ok(resources));
    bed.list("/apis/gateway.networking.k8s.io/v1/httproutes", &[route, foreign]);
    let stage = Stage::on(bed).await;
    stage.record.forget();
    let live = stage.cluster.live(&needs(&[])).await.unwrap();
    let names: Vec<_> = live.of_kind("HTTPRoute").map(|(reference, _)| reference.name.clone()).collect();
    assert_eq!(names, ["a"]);
    assert!(stage.record.single().is_empty(), "{:?}", stage.record.single());
}
