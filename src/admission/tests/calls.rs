//! What a Canary wants called: webhooks and alerts, and the AlertProviders and Secrets behind them.

use rstest::rstest;
use serde_json::{Value, json};

use super::{World, told};
use crate::admission::rules::{example, keys_only};
use crate::admission::{Problem, Severity};
use crate::api;

/// A plain Canary with these fields in `spec.analysis`.
fn canary(analysis: &Value) -> Value {
    let mut canary = example::plain("Canary");
    json_patch::merge(&mut canary["spec"]["analysis"], analysis);
    canary
}

/// What is told of an object beside that Sluice does not do it yet.
fn write(object: &Value) -> Vec<Problem> {
    let mut problems = World::new(vec![example::plain("Deployment"), example::plain("Secret")]).write(object);
    problems.retain(|problem| !problem.rule.starts_with("SL9"));
    problems
}

fn ids(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.rule).collect()
}

fn hooks(hooks: &Value) -> Vec<Problem> {
    write(&canary(&json!({"webhooks": hooks})))
}

#[rstest]
#[case::no_host("http://")]
#[case::a_space("http://appro ver/")]
#[case::a_wrong_port("https://approver:70000/")]
#[case::no_scheme("approver.shop/check")]
#[case::another_scheme("ftp://approver.shop/")]
fn w_hk_3_a_gate_at_a_wrong_url_is_refused_and_does_not_wait_for_ever(#[case] url: &str) {
    let problems = hooks(&json!([{"name": "approve", "type": "confirm-rollout", "url": url}]));
    assert_eq!(ids(&problems), ["SL004"], "{}", told(&problems));
}

#[rstest]
#[case::webhook(canary(&json!({"webhooks": [{"name": "a", "url": "http://169.254.169.254/"}]})))]
#[case::metrics_server({
    let mut canary = example::plain("Canary");
    canary["spec"]["metricsServer"] = json!("http://metadata.google.internal/");
    canary
})]
#[case::metric_template({
    let mut template = example::plain("MetricTemplate");
    template["spec"]["provider"]["address"] = json!("http://[fe80::1]:9090");
    template
})]
#[case::alert_provider({
    let mut provider = example::plain("AlertProvider");
    provider["spec"] = json!({"type": "slack", "address": "http://100.100.100.200"});
    provider
})]
#[case::proxy({
    let mut provider = example::plain("AlertProvider");
    provider["spec"]["proxy"] = json!("http://169.254.1.1:3128");
    provider
})]
fn w_hk_6_nothing_is_called_that_gives_away_what_the_machine_may_do(#[case] object: Value) {
    let problems = write(&object);
    assert_eq!(ids(&problems), ["SL005"], "{}", told(&problems));
}

#[rstest]
#[case::absent(json!({"name": "on-call", "providerRef": {"name": "on-call"}}))]
#[case::empty(json!({"name": "on-call", "severity": "", "providerRef": {"name": "on-call"}}))]
#[case::null(json!({"name": "on-call", "severity": null, "providerRef": {"name": "on-call"}}))]
fn w_hk_8_an_alert_without_severity_counts_as_info_and_its_writer_is_told(#[case] alert: Value) {
    let object = canary(&json!({"alerts": [alert]}));
    let read: api::Canary = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(read.spec.analysis.unwrap().alerts[0].severity, api::Severity::Info);
    let problems = write(&object);
    assert_eq!(ids(&problems), ["SL461", "SL511"], "{}", told(&problems));
    assert!(problems.iter().all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn w_hk_9_webhooks_that_may_take_longer_than_the_interval_are_told_as_one_sum() {
    let hook = |kind: &str, timeout: &str, retries: i64| json!({"name": format!("{kind}-{timeout}"), "type": kind, "url": "http://tester.shop/", "timeout": timeout, "retries": retries});
    let long = json!([hook("rollout", "20s", 1), hook("confirm-traffic-increase", "21s", 0)]);
    let problems = hooks(&long);
    assert_eq!(ids(&problems), ["SL451"], "{}", told(&problems));
    assert!(problems[0].message.contains("1m1s"), "{}", problems[0]);
    let once =
        json!([hook("rollout", "50s", 0), hook("pre-rollout", "50s", 5), hook("post-rollout", "2m", 0)]);
    assert_eq!(ids(&hooks(&once)), [""; 0], "what is asked once a run delays no step");
    let absurd = json!([hook("rollout", "1000h", 2_147_483_647)]);
    assert_eq!(ids(&hooks(&absurd)), ["SL451"]);
}

#[rstest]
#[case::a_gate("confirm-promotion", None)]
#[case::a_wish("rollback", None)]
#[case::a_test(
    "rollout",
    Some("no alert is sent for a webhook of type rollout, so that it has no effect. Remove it.")
)]
#[case::who_is_only_told(
    "event",
    Some("no alert is sent for a webhook of type event, so that it has no effect. Remove it.")
)]
fn alerts_are_muted_where_there_are_any(#[case] kind: &str, #[case] expected: Option<&str>) {
    let hook = json!({"name": "desk", "type": kind, "url": "http://desk.shop/", "muteAlert": true});
    let problems = hooks(&json!([hook]));
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = expected.map(|text| format!("SL453 spec.analysis.webhooks[0].muteAlert: {text}"));
    assert_eq!(told, Vec::from_iter(expected));
}

#[test]
fn under_skip_analysis_only_what_is_asked_at_both_ends_is_called() {
    let kinds = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-promotion",
        "rollback",
        "post-rollout",
        "event",
    ];
    let hooks: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({"name": kind, "type": kind, "url": "http://approver.shop/"}))
        .collect();
    let mut object = canary(&json!({"webhooks": hooks}));
    object["spec"]["skipAnalysis"] = json!(true);
    let never: Vec<String> = write(&object).into_iter().map(|problem| problem.message).collect();
    let named = |kind: &&str| never.iter().any(|message| message.contains(&format!("({kind})")));
    let named: Vec<&str> = kinds.iter().filter(|kind| named(kind)).copied().collect();
    assert_eq!(named, ["pre-rollout", "rollout", "confirm-promotion", "rollback"]);
}

#[rstest]
#[case::a_load(json!({"cmd": "hey -z 1m -q 10 http://app-canary.shop/"}), None)]
#[case::with_its_type(json!({"type": "cmd", "cmd": "hey -z 1m http://app.shop/", "logCmdOutput": "true"}), None)]
#[case::a_test(json!({"type": "bash", "cmd": "curl -s http://app-canary.shop/ | grep ok"}), None)]
#[case::another_service(json!({"type": "ngrinder", "server": "http://n", "clone": "100", "username": "a", "passwd": "YQ==", "pollInterval": "5s"}), None)]
#[case::arguments(json!({"type": "concord", "server": "s", "org": "o", "project": "p", "repo": "r", "entrypoint": "e",
    "apiKeyPath": "/key", "arguments.env": "test"}), None)]
#[case::a_slip_in_a_key(json!({"type": "bash", "command": "true"}), Some("nothing without cmd"))]
#[case::an_unknown_type(json!({"type": "k6", "cmd": "run"}), Some("knows the type k6"))]
#[case::a_key_of_another_type(json!({"cmd": "hey http://app.shop/", "returnCmdOutput": "true"}), Some("does not read returnCmdOutput"))]
#[case::nothing(json!({}), Some("nothing without cmd"))]
fn metadata_that_a_load_tester_does_not_know_is_warned_of(
    #[case] metadata: Value,
    #[case] told: Option<&str>,
) {
    let hook = |url: &str| json!([{"name": "load", "url": url, "timeout": "5s", "metadata": metadata}]);
    let problems = hooks(&hook("http://flagger-loadtester.test/"));
    let found = problems.first().map(|problem| problem.message.as_str());
    assert_eq!(found.is_some(), told.is_some(), "{found:?}");
    assert!(told.is_none_or(|words| found.is_some_and(|found| found.contains(words))), "{found:?}");
    assert_eq!(ids(&hooks(&hook("http://flagger-loadtester.test/gate/check"))), [""; 0], "a gate reads none");
    assert_eq!(ids(&hooks(&hook("http://tester.test/"))), [""; 0], "somebody else's words");
}

#[test]
fn of_a_secret_only_the_keys_are_looked_at() {
    let mut secret = example::plain("Secret");
    secret["data"] = json!({"address": "aHR0cA=="});
    secret["stringData"] = json!({"token": "t"});
    secret["metadata"]["annotations"] = json!({"note": "aHR0cA=="});
    let kept = keys_only(&secret);
    assert!(!kept.to_string().contains("aHR0cA==") && !kept.to_string().contains("\"t\""), "{kept}");
    assert_eq!((&kept["data"], &kept["stringData"]), (&json!({"address": null}), &json!({"token": null})));

    let mut template = example::plain("MetricTemplate");
    template["spec"]["provider"] = json!({"type": "datadog", "secretRef": {"name": "credentials"}});
    let problems = write(&template);
    assert_eq!(ids(&problems), ["SL531"], "{}", told(&problems));
    assert!(problems[0].message.contains("datadog_api_key and datadog_application_key"), "{}", problems[0]);
}

#[test]
fn a_secret_that_nobody_may_read_is_no_matter_of_a_warning() {
    let mut world = World::new(vec![]);
    world.answers = false;
    assert_eq!(world.write(&example::plain("AlertProvider")), []);
}
