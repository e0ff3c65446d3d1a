//! The types against the manifests of `tests/schema`, and against what is stored by others.

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// The manifests of one folder of `tests/schema`: file name and text.
fn manifests(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema").join(folder);
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Decodes a document as what its kind says, and gives it back as JSON.
fn decode(document: &str) -> Result<Value, String> {
    let value: Value = serde_saphyr::from_str(document).map_err(|error| error.to_string())?;
    match value["kind"].as_str() {
        Some("Canary") => again::<Canary>(&value),
        Some("MetricTemplate") => again::<MetricTemplate>(&value),
        Some("AlertProvider") => again::<AlertProvider>(&value),
        other => Err(format!("kind {other:?} is not ours")),
    }
}

/// Decodes, writes and decodes again: both have to be the same.
fn again<K>(value: &Value) -> Result<Value, String>
where
    K: serde::de::DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug,
{
    let first: K = serde_path_to_error::deserialize(value).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(&first).map_err(|error| error.to_string())?;
    let second: K = serde_path_to_error::deserialize(&written).map_err(|error| error.to_string())?;
    assert_eq!(first, second);
    Ok(written)
}

/// A Canary with the given analysis.
fn with_analysis(analysis: Value) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": { "name": "catalogue", "namespace": "shop" },
        "spec": {
            "targetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "catalogue" },
            "service": { "port": 80 },
            "analysis": analysis,
        },
    })
}

/// What decoding a Canary says.
fn canary(value: &Value) -> Result<Canary, String> {
    serde_path_to_error::deserialize(value).map_err(|error| error.to_string())
}

#[test]
fn every_valid_manifest_decodes() {
    let mut count = 0;
    for folder in ["valid", "pruned", "change-valid", "change-invalid"] {
        for (name, text) in manifests(folder) {
            for document in text.split("\n---\n") {
                decode(document).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"));
                count += 1;
            }
        }
    }
    assert!(count > 60, "only {count} documents found");
}

#[test]
fn a_valid_manifest_loses_nothing_but_defaults_and_empty_fields() {
    for (name, text) in manifests("valid") {
        let before: Value = serde_saphyr::from_str(&text).unwrap();
        let after = decode(&text).unwrap();
        let mut lost = Vec::new();
        missing("", &before, &after, &mut lost);
        assert!(lost.is_empty(), "{name} loses {lost:?}");
    }
}

/// Paths whose value is lost or changed on the way; what stands for a default may go.
fn missing(path: &str, before: &Value, after: &Value, lost: &mut Vec<String>) {
    let is_default = match before {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => ["", "rollout", "info"].contains(&text.as_str()),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(Value::is_null),
        Value::Number(_) => false,
    };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (field, value) in before {
                missing(&format!("{path}.{field}"), value, after.get(field).unwrap_or(&Value::Null), lost);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                missing(&format!("{path}[{index}]"), before, after, lost);
            }
        }
        (Value::Number(before), Value::Number(after)) if before.as_f64() == after.as_f64() => {}
        (before, after) if before == after => {}
        (_, Value::Null) if is_default => {}
        (before, after) => lost.push(format!("{path}: {before} becomes {after}")),
    }
}

#[test]
fn every_invalid_manifest_says_what_the_api_server_answers() {
    for folder in ["invalid", "change-invalid"] {
        for (name, text) in manifests(folder) {
            let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: "));
            assert!(expected.is_some_and(|expected| !expected.trim().is_empty()), "{folder}/{name}");
        }
    }
}

#[rstest]
#[case(json!({ "threshold": 1.5 }), "spec.analysis.threshold: invalid value: floating point `1.5`, expected a whole number")]
#[case(json!({ "stepWeight": 2.5 }), "spec.analysis.stepWeight: invalid value: floating point `2.5`, expected a whole number")]
#[case(json!({ "stepWeights": [1, 2.5] }), "spec.analysis.stepWeights[1]: invalid value: floating point `2.5`, expected a whole number")]
#[case(json!({ "sessionAffinity": { "cookieName": "a", "maxAge": 1.5 } }), "maxAge: invalid value: floating point `1.5`")]
fn w_api_1_a_fraction_is_refused_with_its_value(#[case] analysis: Value, #[case] expected: &str) {
    let error = canary(&with_analysis(analysis)).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn w_api_1_a_fraction_poisons_only_itself() {
    let list = [
        with_analysis(json!({ "threshold": 5 })),
        with_analysis(json!({ "threshold": 1.5 })),
        with_analysis(json!({ "threshold": 5.0 })),
    ];
    let decoded: Vec<bool> = list.iter().map(|value| canary(value).is_ok()).collect();
    assert_eq!(decoded, [true, false, true]);
}

#[rstest]
#[case(json!({ "name": "chat" }))]
#[case(json!({ "name": "chat", "severity": "" }))]
#[case(json!({ "name": "chat", "severity": null }))]
#[case(json!({ "name": "chat", "severity": "info" }))]
fn w_api_4_an_empty_severity_means_info(#[case] alert: Value) {
    let canary = canary(&with_analysis(json!({ "alerts": [alert] }))).unwrap();
    assert_eq!(canary.spec.analysis.unwrap().alerts[0].severity, Severity::Info);
}

#[test]
fn severities_rise() {
    assert!(Severity::Info < Severity::Warn && Severity::Warn < Severity::Error);
}

#[test]
fn an_old_object_without_analysis_and_service_decodes() {
    let mut value = with_analysis(Value::Null);
    value["spec"].as_object_mut().unwrap().retain(|field, _| field == "targetRef");
    let canary = canary(&value).unwrap();
    assert_eq!((canary.spec.analysis, canary.spec.service), (None, None));
}

#[rstest]
#[case(json!({}))]
#[case(json!(null))]
#[case(json!({ "phase": "", "conditions": null, "trackedConfigs": null, "iterations": -1 }))]
#[case(json!({ "conditions": [{}], "target": {}, "checks": [{}] }))]
fn whatever_stands_in_a_status_decodes(#[case] status: Value) {
    let mut value = with_analysis(json!({}));
    value["status"] = status;
    assert_eq!(canary(&value).unwrap().status.unwrap_or_default().phase, Phase::Unset);
}

#[test]
fn a_word_that_is_no_value_is_named_with_those_that_are() {
    let mut value = with_analysis(json!({}));
    value["spec"]["targetRef"]["kind"] = json!("StatefulSet");
    let error = canary(&value).unwrap_err();
    assert_eq!(error, "spec.targetRef.kind: `StatefulSet` is not one of: DaemonSet, Deployment, Service");
}

#[rstest]
#[case(None, "catalogue", "catalogue-primary", "catalogue-canary")]
#[case(Some(""), "catalogue", "catalogue-primary", "catalogue-canary")]
#[case(Some("shop"), "shop", "shop-primary", "shop-canary")]
fn names_come_from_the_service_or_else_from_the_target(
    #[case] name: Option<&str>,
    #[case] apex: &str,
    #[case] primary: &str,
    #[case] canary_service: &str,
) {
    let mut value = with_analysis(json!({}));
    value["spec"]["service"]["name"] = json!(name);
    let canary = canary(&value).unwrap();
    assert_eq!(canary.apex_name(), apex);
    assert_eq!(canary.primary_service_name(), primary);
    assert_eq!(canary.canary_service_name(), canary_service);
    assert_eq!(canary.primary_name(), "catalogue-primary");
    assert_eq!(CanaryKey::from(&canary).to_string(), "shop/catalogue");
}
