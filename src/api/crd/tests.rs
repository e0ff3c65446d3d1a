//! What the generated definitions promise.

use rstest::rstest;

use super::*;

/// Every schema of the three definitions with its dotted path.
fn schemas() -> Vec<(String, JSONSchemaProps)> {
    fn walk(path: String, schema: &JSONSchemaProps, found: &mut Vec<(String, JSONSchemaProps)>) {
        for (name, property) in schema.properties.iter().flatten() {
            walk(format!("{path}.{name}"), property, found);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
            walk(format!("{path}[]"), item, found);
        }
        if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
            walk(format!("{path}{{}}"), value, found);
        }
        found.push((path, schema.clone()));
    }
    let mut found = Vec::new();
    for definition in crds() {
        for version in &definition.spec.versions {
            let root = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).unwrap();
            walk(definition.spec.names.kind.clone(), root, &mut found);
        }
    }
    found
}

/// Where a schema has what is asked for.
fn places(has: impl Fn(&JSONSchemaProps) -> bool) -> Vec<String> {
    schemas().into_iter().filter(|(_, schema)| has(schema)).map(|(path, _)| path).collect()
}

#[test]
fn defaults_are_the_few_of_the_peer() {
    let expected = [
        "Canary.spec.analysis.sessionAffinity.maxAge",
        "Canary.spec.service.gatewayRefs[].group",
        "Canary.spec.service.gatewayRefs[].kind",
        "Canary.spec.service.mirror[].backendRef.group",
        "Canary.spec.service.mirror[].backendRef.kind",
    ];
    assert_eq!(places(|schema| schema.default.is_some()), expected);
}

#[test]
fn a_null_is_dropped_and_not_stored() {
    assert!(places(|schema| schema.nullable == Some(true)).is_empty());
    assert!(places(|schema| schema.any_of.is_some() || schema.one_of.is_some()).is_empty());
}

#[test]
fn unknown_fields_are_pruned() {
    assert!(places(|schema| schema.x_kubernetes_preserve_unknown_fields == Some(true)).is_empty());
}

#[test]
fn w_api_1_numbers_are_whole_but_for_bounds_of_metrics_and_measured_values() {
    let expected = [
        "Canary.spec.analysis.metrics[].threshold",
        "Canary.spec.analysis.metrics[].thresholdRange.max",
        "Canary.spec.analysis.metrics[].thresholdRange.min",
        "Canary.status.checks[].bounds.max",
        "Canary.status.checks[].bounds.min",
        "Canary.status.checks[].value",
    ];
    assert_eq!(
        places(|schema| schema.type_.as_deref() == Some("number") && schema.multiple_of != Some(1.0)),
        expected
    );
}

#[rstest]
#[case("Canary.spec", &["analysis", "targetRef"])]
#[case("Canary.spec.targetRef", &["apiVersion", "kind", "name"])]
#[case("Canary.spec.autoscalerRef", &["apiVersion", "kind", "name"])]
#[case("Canary.spec.service", &["port"])]
#[case("Canary.spec.service.gatewayRefs[]", &["name"])]
#[case::w_api_3_each_mirror_needs_its_backend("Canary.spec.service.mirror[]", &["backendRef"])]
#[case("Canary.spec.analysis", &["interval", "threshold"])]
#[case("Canary.spec.analysis.metrics[]", &["name"])]
#[case("Canary.spec.analysis.alerts[]", &["name"])]
#[case("Canary.spec.analysis.webhooks[]", &["name", "url"])]
#[case("Canary.spec.analysis.sessionAffinity", &["cookieName"])]
#[case("Canary.status", &[])]
#[case("Canary.status.conditions[]", &["reason", "status", "type"])]
#[case("MetricTemplate.spec", &["provider", "query"])]
#[case("MetricTemplate.spec.provider", &["type"])]
#[case("AlertProvider.spec", &["type"])]
fn what_the_peer_requires_is_required_and_nothing_else(#[case] place: &str, #[case] fields: &[&str]) {
    let (_, schema) = schemas().into_iter().find(|(path, _)| path == place).unwrap();
    let mut required = schema.required.unwrap_or_default();
    required.sort();
    assert_eq!(required, fields);
}

#[test]
fn every_rule_has_a_message() {
    let silent =
        places(|schema| schema.x_kubernetes_validations.iter().flatten().any(|rule| rule.message.is_none()));
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn every_field_of_a_spec_is_explained() {
    let silent = places(|schema| schema.description.is_none());
    let fields = silent.iter().filter(|path| !path.ends_with("[]") && !path.ends_with("{}"));
    assert_eq!(fields.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_kind_has_a_status_subresource_and_is_kept_by_helm() {
    for definition in crds() {
        let version = &definition.spec.versions[0];
        assert!(version.subresources.as_ref().is_some_and(|subresources| subresources.status.is_some()));
        assert_eq!(definition.metadata.annotations.unwrap()["helm.sh/resource-policy"], "keep");
        assert_eq!(definition.metadata.labels.unwrap()["app.kubernetes.io/part-of"], "sluice");
        assert_eq!(definition.spec.names.categories, Some(vec!["all".to_owned()]));
    }
}
