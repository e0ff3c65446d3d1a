use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, live, selector, target};
use crate::{
    api::{Canary, Live, Object},
    workload::{Services, WorkloadError, apply, contains, render_services},
};

fn rendered(canary: &Canary, live: &Live) -> Services {
    render_services(canary, &selector(), &target(), live).unwrap()
}

fn all(services: &Services) -> [&Object; 3] {
    [&services.apex, &services.primary, &services.canary]
}

fn ports(service: Value) -> Vec<String> {
    let services = rendered(&canary(service), &Live::default());
    let ports = services.apex["spec"]["ports"].as_array().unwrap().clone();
    ports
        .iter()
        .map(|port| {
            format!(
                "{} {}/{}>{}",
                port["name"].as_str().unwrap(),
                port["port"],
                port["protocol"].as_str().unwrap(),
                port["targetPort"].as_str().map_or_else(|| port["targetPort"].to_string(), str::to_owned)
            )
        })
        .collect()
}

#[test]
fn the_three_services() {
    let canary = canary(json!({
        "port": 80,
        "targetPort": "http",
        "portDiscovery": true,
        "appProtocol": "http",
        "trafficDistribution": "PreferClose",
        "apex": {"labels": {"team": "fruit"}, "annotations": {"orchard/dns": "cider.orchard"}},
        "canary": {"annotations": {"orchard/scrape": "false"}},
        "unmanagedMetadata": {"annotations": ["helm.toolkit.fluxcd.io/driftDetection"]},
    }));
    let services = rendered(&canary, &Live::default());
    insta::assert_yaml_snapshot!("apex", services.apex);
    insta::assert_yaml_snapshot!("primary", services.primary);
    insta::assert_yaml_snapshot!("canary", services.canary);
}

#[rstest]
#[case::alone(json!({"port": 80}), &["http 80/TCP>80"])]
#[case::named(json!({"port": 80, "portName": "web", "targetPort": 8080}), &["web 80/TCP>8080"])]
#[case::target_port_zero_is_unset(json!({"port": 80, "targetPort": 0}), &["http 80/TCP>80"])]
#[case::discovery_skips_the_own_port_by_number(
    json!({"port": 80, "targetPort": 8080, "portDiscovery": true}),
    &["http 80/TCP>8080", "metrics 9090/TCP>9090", "udp-press-2 5353/UDP>5353"]
)]
#[case::discovery_skips_the_own_port_by_name(
    json!({"port": 80, "targetPort": "http", "portDiscovery": true}),
    &["http 80/TCP>http", "metrics 9090/TCP>9090", "udp-press-2 5353/UDP>5353"]
)]
#[case::w_obj_8_a_container_port_with_the_services_number_is_not_added(
    json!({"port": 9090, "targetPort": "http", "portDiscovery": true}),
    &["http 9090/TCP>http", "udp-press-2 5353/UDP>5353"]
)]
#[case::w_obj_8_a_second_port_of_one_name_gets_its_number(
    json!({"port": 80, "portName": "metrics", "targetPort": 8080, "portDiscovery": true}),
    &["metrics 80/TCP>8080", "tcp-9090 9090/TCP>9090", "udp-press-2 5353/UDP>5353"]
)]
#[case::w_obj_8_udp_stays_udp_beside_tcp_of_the_same_number(
    json!({"port": 5353, "portDiscovery": true}),
    &["http 5353/TCP>5353", "tcp-8080 8080/TCP>8080", "metrics 9090/TCP>9090", "udp-press-2 5353/UDP>5353"]
)]
fn ports_are_the_canarys_own_and_the_discovered_ones(#[case] service: Value, #[case] expected: &[&str]) {
    assert_eq!(ports(service), expected);
}

#[test]
fn w_obj_8_two_containers_with_one_number_give_one_port() {
    let mut target = super::target();
    let containers = target.pointer_mut("/spec/template/spec/containers").unwrap().as_array_mut().unwrap();
    containers.push(json!({"name": "envoy", "ports": [{"containerPort": 15000}]}));
    containers.push(json!({"name": "side", "ports": [{"name": "again", "containerPort": 9090}]}));
    let target = serde_json::from_value(target).unwrap();
    let canary = canary(json!({"port": 80, "targetPort": 8080, "portDiscovery": true}));
    let services = render_services(&canary, &selector(), &target, &Live::default()).unwrap();
    let numbers: Vec<_> =
        services.apex["spec"]["ports"].as_array().unwrap().iter().map(|p| p["port"].clone()).collect();
    assert_eq!(numbers, [80, 9090, 5353]);
}

#[test]
fn w_obj_11_the_canary_service_means_no_other_workload_of_the_same_label() {
    let services = rendered(&canary(json!({"port": 80})), &Live::default());
    assert_eq!(services.canary["spec"]["selector"], json!({"app": "press", "tier": "web"}));
    assert_eq!(services.primary["spec"]["selector"], json!({"app": "press-primary"}));
    assert_eq!(services.apex["spec"]["selector"], json!({"app": "press-primary"}));
}

#[test]
fn w_obj_9_near_endpoints_are_wished_of_an_existing_service_too_and_headless_where_it_can_be() {
    let made = rendered(&canary(json!({"port": 80})), &Live::default());
    let headless = canary(json!({"port": 80, "headless": true, "trafficDistribution": "PreferSameZone"}));
    let mut with_address = made.apex.clone();
    with_address["spec"]["clusterIP"] = "10.0.0.7".into();
    let services = rendered(&headless, &live([with_address]));
    assert_eq!(services.apex["spec"]["trafficDistribution"], "PreferSameZone");
    assert_eq!(services.apex["spec"].get("clusterIP"), None, "an address can never change");
    assert_eq!(services.primary["spec"]["clusterIP"], "None");
}

/// An apex Service that its user had before.
fn of_a_user() -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cider", "namespace": "orchard", "uid": "s-1", "labels": {"app": "press"}},
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.0.0.7",
            "selector": {"app": "press", "tier": "web"},
            "ports": [
                {"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080, "name": "old"},
                {"port": 9443, "protocol": "TCP", "targetPort": 9443, "nodePort": 30443},
            ],
        },
    })
}

#[test]
fn w_obj_10_a_users_apex_service_keeps_its_ports_and_is_not_owned() {
    let services = rendered(&canary(json!({"port": 80, "targetPort": 8080})), &live([of_a_user()]));
    insta::assert_yaml_snapshot!("adopted_apex", services.apex);
    assert!(services.primary["metadata"].get("ownerReferences").is_some());
}

#[test]
fn w_obj_10_a_port_name_that_the_canary_gives_replaces_the_users() {
    let services = rendered(&canary(json!({"port": 80, "portName": "web"})), &live([of_a_user()]));
    assert_eq!(services.apex["spec"]["ports"][0]["name"], "web");
}

#[test]
fn w_obj_17_only_our_own_fields_are_sent() {
    let services = rendered(&canary(json!({"port": 80})), &live([of_a_user()]));
    for service in all(&services) {
        let fields: Vec<_> = service["spec"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["ports", "selector"]);
    }
}

#[rstest]
#[case::new(Live::default())]
#[case::adopted(live([of_a_user()]))]
fn what_was_applied_is_seen_as_applied_and_wished_again(#[case] before: Live) {
    let canary = canary(json!({"port": 80, "portDiscovery": true, "headless": true}));
    let wished = rendered(&canary, &before);
    let applied = all(&wished).map(|service| {
        let nothing = json!({"metadata": {}, "spec": {}});
        apply(
            before
                .get(&super::super::services::reference(
                    &canary,
                    service["metadata"]["name"].as_str().unwrap(),
                ))
                .unwrap_or(&nothing),
            service,
        )
    });
    for (live, wish) in applied.iter().zip(all(&wished)) {
        assert!(contains(live, wish));
    }
    assert_eq!(rendered(&canary, &live(applied)), wished);
}

#[test]
fn a_canary_without_a_service_says_so() {
    let mut canary = canary(json!({"port": 80}));
    canary.spec.service = None;
    let error = render_services(&canary, &selector(), &target(), &Live::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Canary cider: spec.service is missing, so there is no port to serve; set spec.service.port"
    );
}

#[test]
fn w_obj_13_a_service_name_that_leaves_no_room_for_the_suffix_is_refused_early() {
    let fits = canary(json!({"port": 80, "name": "c".repeat(55)}));
    assert!(render_services(&fits, &selector(), &target(), &Live::default()).is_ok());
    let long = canary(json!({"port": 80, "name": "c".repeat(56)}));
    let error = render_services(&long, &selector(), &target(), &Live::default()).unwrap_err();
    assert!(matches!(error, WorkloadError::LongName { .. }), "{error}");
}
