//! Objects that cannot be read as their type: all that is wrong is told, and nothing that is not.

use rstest::rstest;
use serde_json::{Value, json};

use super::{World, told};
use crate::admission::rules::example;
use crate::admission::{Problem, Severity};

/// Every value of a Canary that has something for nearly all of its fields, by JSON pointer.
pub(super) fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(name, inner)| places(inner, &format!("{at}/{}", name.replace('/', "~1")), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| places(inner, &format!("{at}/{index}"), found))
        }
        _ => {}
    }
}

/// A Canary with something for nearly all of its fields.
pub(super) fn full() -> Value {
    let mut canary = example::plain("Canary");
    json_patch::merge(
        &mut canary["spec"],
        &json!({
            "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "app",
                "primaryScalerReplicas": {"minReplicas": 1}},
            "progressDeadlineSeconds": 600,
            "skipAnalysis": false,
            "service": {"name": "app", "portName": "http", "targetPort": 8080, "timeout": "15s", "hosts": ["shop.example.com"],
                "match": [{"uri": {"prefix": "/api"}, "headers": {"x-user": {"exact": "a"}}}],
                "apex": {"labels": {"team": "a"}}},
            "analysis": {"primaryReadyThreshold": 80, "metrics": [
                {"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}},
                {"name": "errors", "interval": "1m", "thresholdRange": {"max": 1}, "query": "sum(rate(errors_total[1m]))"},
                {"name": "late", "thresholdRange": {"max": 1}, "templateRef": {"name": "errors"}, "templateVariables": {"a": "b"}},
            ]},
        }),
    );
    canary
}

fn world(mut objects: Vec<Value>) -> World {
    objects.extend([example::plain("Deployment"), example::plain("MetricTemplate")]);
    World::new(objects)
}

fn rules(problems: &[Problem], severity: Severity) -> Vec<&str> {
    problems.iter().filter(|problem| problem.severity == severity).map(|problem| problem.rule).collect()
}

#[test]
fn what_cannot_be_read_breaks_the_form_and_no_other_rule() {
    let full = full();
    let mut all = Vec::new();
    places(&full["spec"], "/spec", &mut all);
    let right = world(vec![]).write(&full);
    assert_eq!(rules(&right, Severity::Error), [""; 0], "{}", told(&right));
    for place in all {
        // A value that no field takes.
        let mut wrong = full.clone();
        *wrong.pointer_mut(&place).unwrap() = json!([[true]]);
        let problems = world(vec![]).write(&wrong);
        let errors = rules(&problems, Severity::Error);
        assert!(
            !errors.is_empty() && errors.iter().all(|rule| *rule == "SL001"),
            "{place}: {}",
            told(&problems)
        );
    }
}

#[test]
fn an_unknown_word_a_missing_field_and_a_wrong_step_are_told_in_one_answer() {
    let mut wrong = example::plain("Canary");
    json_patch::merge(
        &mut wrong["spec"],
        &json!({
            "provider": "isto",
            "service": {"port": null},
            "analysis": {
                "threshold": "five", "stepWeight": null, "maxWeight": null, "stepWeights": [10, 10],
                "metrics": [{"name": "request-duration"}, {"thresholdRange": {"max": 1}, "query": 5}],
            },
        }),
    );
    let problems = world(vec![]).write(&wrong);
    let paths: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.rule, problem.path.as_str())).collect();
    assert_eq!(
        paths,
        [
            ("SL404", "spec.analysis.stepWeights[1]"),
            ("SL422", "spec.analysis.metrics[0].thresholdRange"),
            ("SL001", "spec.analysis.metrics[1].name"),
            ("SL001", "spec.analysis.metrics[1].query"),
            ("SL001", "spec.analysis.threshold"),
            ("SL001", "spec.provider"),
            ("SL001", "spec.service.port"),
        ],
        "{}",
        told(&problems)
    );
}

#[rstest]
#[case::fraction(json!({"analysis": {"stepWeight": 2.5}}))]
#[case::word(json!({"provider": "isto"}))]
#[case::kind(json!({"analysis": {"metrics": "none"}}))]
fn a_stored_object_that_cannot_be_read_can_be_repaired_and_edited(#[case] broken: Value) {
    let mut old = example::plain("Canary");
    json_patch::merge(&mut old["spec"], &broken);
    assert_eq!(world(vec![old.clone()]).write(&example::plain("Canary")), [], "repaired");
    let mut edited = old.clone();
    edited["spec"]["analysis"]["threshold"] = json!(7);
    let problems = world(vec![old.clone()]).write(&edited);
    assert_eq!(rules(&problems, Severity::Error), [""; 0], "{}", told(&problems));
    assert_eq!(rules(&problems, Severity::Warning), ["SL001"], "{}", told(&problems));
    edited["spec"]["analysis"]["interval"] = json!("10seconds");
    assert_eq!(rules(&world(vec![old]).write(&edited), Severity::Error), ["SL002"], "what is new is refused");
}
