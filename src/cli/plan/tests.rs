//! Plans of the examples in `tests/plan`. Each restates one answer of the peer's questions and answers; its test says which.

use std::path::PathBuf;

use rstest::rstest;

use super::*;
use crate::cli::manifests;

fn example(name: &str) -> Vec<Manifest> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/plan/{name}.yaml"));
    manifests::read(&[path], "default").unwrap()
}

fn planned_with(name: &str, settings: &Settings) -> Vec<Outline> {
    outlines(&example(name), settings).unwrap()
}

fn planned(name: &str) -> Vec<Outline> {
    planned_with(name, &Settings::default())
}

/// The objects of a plan as YAML, only those of some kinds if any are named.
fn objects(name: &str, kinds: &[&str]) -> String {
    let mut plans = planned(name);
    for plan in &mut plans {
        assert!(plan.refused.is_empty() && plan.blocked.is_none(), "{plan:?}");
        plan.objects.retain(|object| kinds.is_empty() || kinds.iter().any(|kind| object["kind"] == *kind));
    }
    shown(&plans, Form::Yaml, true).unwrap()
}

fn primary(plans: &[Outline]) -> &Object {
    plans[0].objects.iter().find(|object| object["kind"] == "Deployment").unwrap()
}

#[test]
fn an_application_is_exposed_inside_the_cluster_by_three_services() {
    insta::assert_snapshot!(objects("services", &["Service"]));
}

#[test]
fn port_discovery_adds_the_other_ports_of_the_application_and_not_those_of_a_sidecar() {
    let kubernetes = Settings::default();
    let mut example = example("ports");
    example[0].object["spec"]["provider"] = "kubernetes".into();
    for service in &outlines(&example, &kubernetes).unwrap()[0].objects {
        if service["kind"] == "Service" {
            let ports: Vec<i64> = service["spec"]["ports"]
                .as_array()
                .unwrap()
                .iter()
                .map(|port| port["port"].as_i64().unwrap())
                .collect();
            assert_eq!(ports, [8080, 9090], "{service:#}");
        }
    }
}

#[rstest]
#[case("selector-name", "name")]
#[case("selector-recommended-name", "app.kubernetes.io/name")]
fn name_and_the_recommended_name_are_selector_labels_beside_app(#[case] name: &str, #[case] label: &str) {
    let plans = planned(name);
    assert!(plans[0].refused.is_empty() && plans[0].blocked.is_none(), "{plans:?}");
    let primary = primary(&plans);
    assert_eq!(primary["spec"]["selector"]["matchLabels"][label], "press-primary");
    assert_eq!(primary["spec"]["template"]["metadata"]["labels"][label], "press-primary");
    assert_eq!(primary["spec"]["template"]["metadata"]["labels"]["tier"], "web");
}

#[test]
fn another_selector_label_is_named_by_the_flag_selector_labels() {
    let plans = planned("selector-service");
    assert!(plans[0].is_stopped() && plans[0].objects.is_empty(), "{plans:?}");
    let labels = ["service", "name"].map(str::to_owned).to_vec();
    let plans =
        planned_with("selector-service", &Settings { selector_labels: labels, ..Settings::default() });
    assert!(!plans[0].is_stopped(), "{plans:?}");
    assert_eq!(primary(&plans)["spec"]["selector"]["matchLabels"]["service"], "press-primary");
}

#[test]
fn the_first_value_of_an_anti_affinity_expression_gets_the_suffix_and_others_stay() {
    insta::assert_snapshot!(objects("anti-affinity-expression", &["Deployment"]));
}

#[test]
fn anti_affinity_by_another_label_stays_as_it_is_unless_the_label_is_a_selectors() {
    insta::assert_snapshot!(objects("anti-affinity-labels", &["Deployment"]));
    let labels = ["affinity", "app"].map(str::to_owned).to_vec();
    let plans =
        planned_with("anti-affinity-labels", &Settings { selector_labels: labels, ..Settings::default() });
    let spread = &primary(&plans)["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
    let terms = &spread["preferredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(
        terms[0]["podAffinityTerm"]["labelSelector"]["matchLabels"]["affinity"], "press-primary",
        "{spread:#}"
    );
}

#[test]
fn topology_spread_constraints_mean_the_primary() {
    insta::assert_snapshot!(objects("topology-spread", &["Deployment"]));
}

#[test]
fn a_plan_tells_steps_queries_and_hooks_in_their_order() {
    insta::assert_snapshot!(shown(&planned("measured"), Form::Text, false).unwrap());
}

#[test]
fn a_plan_as_json_and_as_yaml_says_the_same() {
    let plans = planned("services");
    let json: serde_json::Value = serde_json::from_str(&shown(&plans, Form::Json, false).unwrap()).unwrap();
    let yaml: serde_json::Value = serde_saphyr::from_str(&shown(&plans, Form::Yaml, false).unwrap()).unwrap();
    assert_eq!(json[0], yaml);
    assert_eq!(yaml["steps"].as_array().unwrap().len(), 11);
}

#[test]
fn files_without_a_canary_or_its_target_say_what_is_missing() {
    let mut both = example("services");
    let target = both.pop().unwrap();
    let alone = outlines(&both, &Settings::default()).unwrap();
    assert!(
        text::of(&alone[0]).contains("Blocked: Deployment orchard/press is not in these files"),
        "{alone:?}"
    );
    let none = outlines(&[target], &Settings::default()).unwrap_err();
    assert!(none.to_string().starts_with("there is no Canary in these files"), "{none}");
}

#[test]
fn a_value_that_a_field_cannot_take_is_told_with_file_and_path() {
    let mut wrong = example("services");
    wrong[0].object["spec"]["targetRef"]["kind"] = "Tree".into();
    let error = outlines(&wrong, &Settings::default()).unwrap_err().to_string();
    assert!(error.contains("services.yaml:2: no Canary: spec.targetRef.kind"), "{error}");
}

#[test]
fn objects_of_a_cluster_are_planned_as_those_of_a_user() {
    let mut stored = example("services");
    for manifest in &mut stored {
        let object = &mut manifest.object;
        object["metadata"]["resourceVersion"] = "7".into();
        object["metadata"]["generation"] = 3.into();
        object["status"] = serde_json::json!({"phase": "Progressing", "canaryWeight": 50});
    }
    let told = |manifests: &[Manifest]| {
        shown(&outlines(manifests, &Settings::default()).unwrap(), Form::Yaml, true).unwrap()
    };
    assert_eq!(told(&stored), told(&example("services")));
}

const ISTIO: &[&str] = &["VirtualService", "DestinationRule"];

#[test]
fn istio_routes_inside_and_outside_the_mesh_with_all_that_a_canary_says() {
    insta::assert_snapshot!(objects("istio-outside", ISTIO));
}

#[test]
fn istio_inside_the_mesh_needs_a_port_and_a_traffic_policy_only() {
    insta::assert_snapshot!(objects("istio-inside", &["VirtualService", "DestinationRule", "Service"]));
}

#[test]
fn istio_a_delegate_has_neither_hosts_nor_gateways() {
    insta::assert_snapshot!(objects("istio-delegation", &["VirtualService"]));
}

#[test]
fn istio_two_canaries_on_one_external_host_make_two_virtual_services() {
    insta::assert_snapshot!(objects("istio-shared-host", &["VirtualService"]));
}

#[test]
fn istio_mutual_tls_stands_in_the_rule_of_each_destination() {
    insta::assert_snapshot!(objects("istio-mutual-tls", &["DestinationRule"]));
}

#[test]
fn external_dns_finds_its_annotations_on_each_service_and_on_the_virtual_service() {
    insta::assert_snapshot!(objects("external-dns", &["Service", "VirtualService"]));
}

#[test]
fn port_discovery_in_a_mesh_with_mutual_tls() {
    insta::assert_snapshot!(objects("ports", &["Service", "DestinationRule"]));
}
