//! Rollouts of the examples in `tests/plan` and of a Canary alone.

use clap::Parser;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{cli::manifests::Manifest, rollout::Settings};

#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    simulate: SimulateArgs,
}

/// A Canary that stands alone in its file.
fn alone(provider: &str, analysis: serde_json::Value) -> Manifest {
    made_up::manifest(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cider", "namespace": "orchard"},
        "spec": {
            "provider": provider,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cider"},
            "progressDeadlineSeconds": 60,
            "service": {"port": 80, "targetPort": 8080, "hosts": ["cider.example.com"],
                        "gatewayRefs": [{"name": "public", "namespace": "edge"}]},
            "analysis": analysis,
        },
    }))
}

fn steps() -> serde_json::Value {
    json!({"interval": "1m", "threshold": 2, "stepWeights": [5, 50], "metrics": [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
    ]})
}

fn played(manifest: &Manifest, scripts: &[&str]) -> Story {
    let scripts: Vec<Script> = scripts.iter().map(|script| script.parse().unwrap()).collect();
    Story::of(manifest, std::slice::from_ref(manifest), &Settings::default(), &scripts).unwrap()
}

#[test]
fn a_canary_alone_is_played_to_its_promotion() {
    insta::assert_snapshot!(played(&alone("gatewayapi:v1", steps()), &[]));
}

#[test]
fn a_metric_that_fails_from_a_time_on_takes_the_revision_back_and_says_why() {
    insta::assert_snapshot!(played(&alone("gatewayapi:v1", steps()), &["request-success-rate=99.5,80@90s"]));
}

#[test]
fn the_answer_for_programs_has_the_same_lines() {
    insta::assert_json_snapshot!(played(&alone("gatewayapi:v1", steps()), &["request-success-rate=error"]));
}

#[rstest]
#[case::a_mesh("istio")]
#[case::an_ingress("contour")]
#[case::without_a_router("kubernetes")]
#[case::gloo("gloo")]
fn a_rollout_is_played_with_each_router(#[case] provider: &str) {
    let analysis = json!({"interval": "1m", "threshold": 2, "stepWeights": [5, 50]});
    let analysis = if provider == "kubernetes" {
        json!({"interval": "1m", "threshold": 2, "iterations": 2})
    } else {
        analysis
    };
    let story = played(&alone(provider, analysis), &[]);
    assert_eq!(story.end(), Some(Phase::Succeeded), "{story}");
}

#[test]
fn a_canary_that_the_gate_refuses_is_not_played() {
    let mut analysis = steps();
    analysis["stepWeights"] = json!([10, 10, 50]);
    let story = played(&alone("gatewayapi:v1", analysis), &[]);
    assert!(story.is_refused());
    assert_eq!(story.end(), None);
    let told = story.to_string();
    assert!(told.contains("The gate refuses it:") && told.contains("SL"), "{told}");
}

#[test]
fn a_script_of_a_metric_that_the_canary_does_not_have_is_wrong_use() {
    let manifest = alone("gatewayapi:v1", steps());
    let script = "latency=5".parse().unwrap();
    let error = Story::of(&manifest, std::slice::from_ref(&manifest), &Settings::default(), &[script]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "Canary cider has no metric `latency`; its metrics are: request-success-rate"
    );
}

/// How the command ends for the manifest of a Canary alone.
fn ends(arguments: &[&str]) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary.yaml");
    std::fs::write(&file, alone("gatewayapi:v1", steps()).object.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let typed = ["simulate", "-f", file].into_iter().chain(arguments.iter().copied());
    run(Typed::try_parse_from(typed).unwrap().simulate).unwrap()
}

#[rstest]
#[case::no_expectation(&["--metric", "request-success-rate=0"], ExitCode::SUCCESS)]
#[case::as_expected(&["--expect", "failed", "--metric", "request-success-rate=0"], ExitCode::SUCCESS)]
#[case::not_as_expected(&["--expect", "succeeded", "--metric", "request-success-rate=0"], ExitCode::from(1))]
fn the_exit_code_tells_whether_the_end_is_the_expected_one(
    #[case] typed: &[&str],
    #[case] expected: ExitCode,
) {
    assert_eq!(format!("{:?}", ends(typed)), format!("{expected:?}"));
}
