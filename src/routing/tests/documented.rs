//! Gloo and App Mesh against our reading of the documented fields: neither runs here. A schema names each field with its type,
//! `!` behind those that have to be there and `*` for any key; a field that is not named is a fault.

use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, traffic, weights};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider},
    routing::{Acceptance, Change, RoutingError, Settings, Weights, changes, router},
};

const GLOO: &str = include_str!("documented/gloo.json");
const APP_MESH: &str = include_str!("documented/appmesh.json");

fn check(schema: &Value, value: &Value, at: &str) {
    match schema {
        Value::Object(fields) => {
            let value = value.as_object().unwrap_or_else(|| panic!("{at}: no object: {value}"));
            let named = |key: &str| {
                fields.get(key).or_else(|| fields.get(&format!("{key}!"))).or_else(|| fields.get("*"))
            };
            for (key, value) in value {
                check(
                    named(key).unwrap_or_else(|| panic!("{at}.{key}: no such field")),
                    value,
                    &format!("{at}.{key}"),
                );
            }
            for required in fields.keys().filter_map(|key| key.strip_suffix('!')) {
                assert!(value.contains_key(required), "{at}.{required} is missing");
            }
        }
        Value::Array(element) => {
            for value in value.as_array().unwrap_or_else(|| panic!("{at}: no list: {value}")) {
                check(&element[0], value, at);
            }
        }
        word => {
            let fits = match word.as_str().unwrap() {
                "any" => true,
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64(),
                "weight" => value.as_i64().is_some_and(|weight| (0..=100).contains(&weight)),
                "port" => value.as_i64().is_some_and(|port| (1..=65535).contains(&port)),
                "protocol" => ["grpc", "http", "http2", "tcp"].contains(&value.as_str().unwrap()),
                "unit" => ["s", "ms"].contains(&value.as_str().unwrap()),
                other => panic!("{other}"),
            };
            assert!(fits, "{at}: {value} is no {word}");
        }
    }
}

fn render(provider: Provider, canary: &Canary, live: &Live, share: i64) -> Result<Vec<Object>, RoutingError> {
    router(provider).unwrap().render(canary, live, &Settings::default(), &traffic(share))
}

fn read(provider: Provider, canary: &Canary, objects: &[Object]) -> (Weights, Acceptance) {
    let route = router(provider).unwrap().read(canary, &live(objects)).unwrap().unwrap();
    (route.weights, route.acceptance)
}

fn live(objects: &[Object]) -> Live {
    objects.iter().map(|object| (ObjectRef::of(object), object.clone().into())).collect()
}

/// The Services and the target as they are when the route is made.
pub(super) fn around() -> Vec<Object> {
    let service = |name: &str, app: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "orchard"},
               "spec": {"selector": {"app.kubernetes.io/name": app}}})
    };
    let target = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "press", "namespace": "orchard"},
        "spec": {"template": {"spec": {"containers": [
            {"name": "sidecar"}, {"name": "press", "ports": [{"name": "web", "containerPort": 9898}]},
        ]}}},
    });
    vec![service("cider-primary", "juice-primary"), service("cider-canary", "juice"), target]
}

fn full() -> Canary {
    canary(json!({
        "targetPort": "web",
        "hosts": ["cider.example", "perry.example"],
        "match": [
            {"uri": {"prefix": "/a"}, "method": {"exact": "GET"}, "headers": {"x-a": {"exact": "a"}, "x-b": {"regex": "^b"}}},
            {"uri": {"prefix": "/b"}},
        ],
        "timeout": "15s",
        "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error, connection-error"},
        "backends": ["barrels", "arn:aws:appmesh:eu-west-1:1:mesh/m/virtualService/bottles"],
    }))
}

fn tuned() -> (Canary, Object) {
    let mut canary = json!(canary(json!({})));
    canary["spec"]["upstreamRef"] =
        json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "tuned"});
    let source = json!({
        "apiVersion": "gloo.solo.io/v1", "kind": "Upstream",
        "metadata": {"name": "tuned", "namespace": "orchard", "labels": {"team": "fruit"}},
        "spec": {"kube": {"serviceName": "press"}, "useHttp2": true, "circuitBreakers": {"maxRetries": 2}, "healthChecks": []},
    });
    (serde_json::from_value(canary).unwrap(), source)
}

#[test]
fn what_gloo_gets_fits_our_reading_of_the_documented_fields() {
    let schemas: Value = serde_json::from_str(GLOO).unwrap();
    let (canary, source) = tuned();
    for object in render(Provider::Gloo, &canary, &live(&[source]), 20).unwrap() {
        let kind = object["kind"].as_str().unwrap();
        check(&schemas[kind], &object["spec"], kind);
    }
}

#[rstest]
#[case::http("http")]
#[case::grpc("grpc-web")]
fn what_app_mesh_gets_fits_our_reading_of_the_documented_fields(#[case] port_name: &str) {
    let schemas: Value = serde_json::from_str(APP_MESH).unwrap();
    let mut canary = if port_name == "http" { full() } else { canary(json!({"timeout": "1s"})) };
    canary.spec.service.as_mut().unwrap().port_name = Some(port_name.to_owned());
    let objects = render(Provider::AppMeshV1Beta2, &canary, &live(&around()), 20).unwrap();
    assert_eq!(objects.len(), 6);
    for object in objects {
        let kind = object["kind"].as_str().unwrap();
        check(&schemas[kind], &object["spec"], kind);
    }
}

#[test]
fn the_objects_of_gloo() {
    let (canary, source) = tuned();
    insta::assert_yaml_snapshot!(render(Provider::Gloo, &canary, &live(&[source]), 20).unwrap());
}

#[test]
fn the_objects_of_app_mesh() {
    insta::assert_yaml_snapshot!(render(Provider::AppMeshV1Beta2, &full(), &live(&around()), 20).unwrap());
}

#[test]
fn w_rt_13_an_upstream_without_a_namespace_is_the_canarys_and_one_that_is_missing_is_named() {
    let (canary, source) = tuned();
    let needs = router(Provider::Gloo).unwrap().needs(&canary);
    assert!(needs.contains(&ObjectRef::of(&source)));
    let error = render(Provider::Gloo, &canary, &Live::default(), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Upstream orchard/tuned of spec.upstreamRef does not exist: create it, or correct spec.upstreamRef"
    );
}

#[test]
fn w_rt_12_the_pods_of_a_node_are_those_of_its_service_and_a_node_waits_for_it() {
    let objects = render(Provider::AppMeshV1Beta2, &full(), &live(&around()), 0).unwrap();
    let pods = |index: usize| &objects[index]["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
    assert_eq!((pods(0), pods(1)), (&json!("juice-primary"), &json!("juice")));
    assert_eq!(objects[0]["spec"]["listeners"][0]["portMapping"]["port"], 9898, "the number of a named port");
    let early = render(Provider::AppMeshV1Beta2, &full(), &Live::default(), 0).unwrap();
    assert!(early.iter().all(|object| object["kind"] != "VirtualNode"));
}

#[rstest]
#[case::gloo(Provider::Gloo, "RouteTable", "/spec/routes/0/routeAction/multi/destinations/0/weight")]
#[case::app_mesh(
    Provider::AppMeshV1Beta2,
    "VirtualRouter",
    "/spec/routes/0/httpRoute/action/weightedTargets/0/weight"
)]
fn w_rt_16_both_weights_are_read(#[case] provider: Provider, #[case] kind: &str, #[case] place: &str) {
    let canary = canary(json!({}));
    let mut objects = render(provider, &canary, &Live::default(), 30).unwrap();
    assert_eq!(read(provider, &canary, &objects).0, weights(30));
    let route = objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == "cider")
        .unwrap();
    *route.pointer_mut(place).unwrap() = json!(10);
    let seen = read(provider, &canary, &objects).0;
    assert_eq!((seen.primary.get(), seen.canary.get()), (10, 30));
}

#[rstest]
#[case::timeout(json!({"timeout": "1us"}), "spec.service.timeout")]
#[case::failure(json!({"retries": {"retryOn": "5xx"}}), "spec.service.retries.retryOn")]
fn what_app_mesh_cannot_say_is_named(#[case] service: Value, #[case] path: &str) {
    let error = render(Provider::AppMeshV1Beta2, &canary(service), &Live::default(), 0).unwrap_err();
    let RoutingError::Inexpressible { problems, .. } = error else { panic!("{error}") };
    assert_eq!(problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>(), [path]);
}

#[test]
fn app_mesh_is_in_force_when_every_object_is_active_in_its_last_form() {
    let canary = canary(json!({}));
    let mut objects = render(Provider::AppMeshV1Beta2, &canary, &live(&around()), 30).unwrap();
    for object in &mut objects {
        let condition = format!("{}Active", object["kind"].as_str().unwrap());
        object["metadata"]["generation"] = json!(2);
        object["status"] =
            json!({"observedGeneration": 2, "conditions": [{"type": condition, "status": "True"}]});
    }
    assert_eq!(read(Provider::AppMeshV1Beta2, &canary, &objects).1, Acceptance::Accepted);
    objects[2]["status"]["observedGeneration"] = json!(1);
    assert_eq!(
        read(Provider::AppMeshV1Beta2, &canary, &objects).1,
        Acceptance::Pending(
            "App Mesh has not looked at the last change of VirtualRouter orchard/cider yet".into()
        )
    );
}

#[test]
fn a_route_table_that_gloo_rejects_is_refused_with_its_reason() {
    let canary = canary(json!({}));
    let mut objects = render(Provider::Gloo, &canary, &Live::default(), 0).unwrap();
    objects[2]["status"] =
        json!({"statuses": {"gloo-system": {"state": "Rejected", "reason": "no upstream"}}});
    assert_eq!(read(Provider::Gloo, &canary, &objects).1, Acceptance::Refused("Gloo: no upstream".into()));
}

#[test]
fn a_route_table_of_a_user_that_leads_to_the_discovered_upstream_is_led_along() {
    let canary = canary(json!({}));
    let mut table = json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable",
        "metadata": {"name": "cider", "namespace": "orchard", "resourceVersion": "3"},
        "spec": {"weight": 7, "routes": [{"routeAction": {"multi": {"destinations": [
            {"destination": {"upstream": {"name": "orchard-cider-80", "namespace": "gloo-system"}}, "weight": 1},
        ]}}}]},
    });
    let gloo = router(Provider::Gloo).unwrap();
    let wished = changes(gloo, &canary, &live(&[table.clone()]), &Settings::default(), &traffic(20)).unwrap();
    let Some(Change::Patch { patch, .. }) = wished.last() else { panic!("{wished:?}") };
    json_patch::patch(&mut table, patch).unwrap();
    assert_eq!(table["spec"]["weight"], 7);
    assert_eq!(read(Provider::Gloo, &canary, &[table]).0, weights(20));
}
