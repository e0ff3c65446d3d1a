//! What each kind of server is sent, and what its answers mean. Exchanges over a real connection stand in `providers`.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::analysis::{Settings, plan};
use crate::api::{Canary, MetricTemplate, Provider};

/// Seconds since 1970 at which everything here is asked.
const NOW: i64 = 1_800_000_000;

fn check(provider: Value, query: &str) -> Check {
    let canary: Canary = serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": { "name": "shop", "namespace": "prod" },
        "spec": {
            "targetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "service": { "port": 80 },
            "analysis": { "metrics": [{ "name": "errors", "interval": "2m", "threshold": 1, "templateRef": { "name": "t" } }] },
        },
    }))
    .unwrap();
    let template: MetricTemplate = serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": { "name": "t" },
        "spec": { "provider": provider, "query": query },
    }))
    .unwrap();
    let settings = Settings {
        provider: Provider::Kubernetes,
        metrics_server: String::new(),
        no_cross_namespace_refs: false,
    };
    plan(&canary, &settings, |_, _| Some(&template)).remove(0).unwrap()
}

fn secret(values: &[(&str, &str)]) -> Credentials {
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    Credentials::new("Secret prod/login", values)
}

fn asked<T>(
    check: &Check,
    credentials: &Credentials,
    with: impl FnOnce(&dyn Server, &Question<'_>) -> T,
) -> T {
    let question = Question { check, credentials, now: Timestamp::from_second(NOW).unwrap() };
    with(server(check.provider).unwrap(), &question)
}

fn request(check: &Check, values: &[(&str, &str)]) -> Result<Request, ServerError> {
    let credentials = if values.is_empty() { Credentials::default() } else { secret(values) };
    asked(check, &credentials, |server, question| server.request(question))
}

fn sample(check: &Check, body: Value) -> Result<Sample, ServerError> {
    sample_of(check, 200, body.to_string())
}

fn sample_of(check: &Check, status: u16, body: String) -> Result<Sample, ServerError> {
    let answer = Answer {
        host: "host:80".to_owned(),
        holder: "Secret prod/login".to_owned(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from(body),
    };
    asked(check, &Credentials::default(), |server, question| server.sample(&answer, question))
}

fn sent(request: &Request, header: &str) -> String {
    request.headers.get(header).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn prometheus() -> Check {
    check(json!({"type": "prometheus", "address": "https://prom/x/", "secretRef": {"name": "login"}}), "up")
}

fn datadog() -> Check {
    check(json!({"type": "datadog", "secretRef": {"name": "login"}}), "sum:errors{app:{{ target }}}")
}

fn cloudwatch() -> Check {
    let query = r#"[{"id": "e1", "Expression": "m1 / 2"},
        {"Id": "m1", "metricStat": {"Metric": {"Namespace": "{{ namespace }}"}, "Period": 60, "Stat": "Sum"}, "ReturnData": false}]"#;
    check(json!({"type": "cloudwatch", "region": "eu-west-1", "secretRef": {"name": "login"}}), query)
}

fn newrelic() -> Check {
    check(json!({"type": "newrelic", "secretRef": {"name": "login"}}), "SELECT count(*) FROM Errors")
}

fn graphite() -> Check {
    check(
        json!({"type": "graphite", "address": "http://graphite/"}),
        "target=sumSeries(app.*.{a,b}, '5 min')",
    )
}

const DATADOG: &[(&str, &str)] = &[("datadog_api_key", "a"), ("datadog_application_key", "b\n")];
const AWS: &[(&str, &str)] = &[
    ("aws_access_key_id", "AKIDEXAMPLE"),
    ("aws_secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
];
const NEWRELIC: &[(&str, &str)] = &[("newrelic_account_id", "12/3"), ("newrelic_query_key", "key")];

#[rstest]
#[case::nothing(&[], "")]
#[case::token(&[("token", "abc\n"), ("username", "me"), ("password", "pw")], "Bearer abc")]
#[case::basic(&[("username", "me"), ("password", "pw")], "Basic bWU6cHc=")]
#[case::only_a_ca(&[("ca.crt", "PEM")], "")]
fn prometheus_gets_a_token_or_else_name_and_password(
    #[case] values: &[(&str, &str)],
    #[case] authorization: &str,
) {
    let request = request(&prometheus(), values).unwrap();
    assert_eq!(request.url.as_str(), "https://prom/x/api/v1/query?query=up");
    assert_eq!(sent(&request, "authorization"), authorization);
    assert!(!format!("{request:?}").contains("abc") && !format!("{request:?}").contains("bWU6"));
}

#[test]
fn w_met_4_a_secret_takes_the_place_of_the_templates_own_authorization() {
    let provider = json!({"type": "prometheus", "address": "https://prom", "headers": {"Authorization": ["Bearer old"]}});
    let request = request(&check(provider, "up"), &[("token", "new")]).unwrap();
    let all: Vec<_> = request.headers.get_all("authorization").iter().collect();
    assert_eq!(all, ["Bearer new"]);
}

#[test]
fn datadog_is_asked_for_ten_windows_with_both_keys() {
    let request = request(&datadog(), DATADOG).unwrap();
    assert_eq!(
        request.url.as_str(),
        "https://api.datadoghq.com/api/v1/query?query=sum%3Aerrors%7Bapp%3Aweb%7D&from=1799998800&to=1800000000"
    );
    assert_eq!(
        (sent(&request, "dd-api-key"), sent(&request, "dd-application-key")),
        ("a".into(), "b".into())
    );
}

#[test]
fn newrelic_is_asked_since_the_window_unless_the_query_says_since_itself() {
    let request = request(&newrelic(), NEWRELIC).unwrap();
    assert_eq!(
        request.url.as_str(),
        "https://insights-api.newrelic.com/v1/accounts/12%2F3/query?nrql=SELECT+count%28*%29+FROM+Errors+SINCE+120+seconds+ago"
    );
    assert_eq!(sent(&request, "x-query-key"), "key");
    let own = check(
        json!({"type": "newrelic", "secretRef": {"name": "l"}}),
        "SELECT count(*) FROM Errors since 5 minutes ago",
    );
    let request = super::tests::request(&own, NEWRELIC).unwrap();
    assert!(request.url.as_str().ends_with("since+5+minutes+ago"), "{}", request.url);
}

#[test]
fn graphite_is_asked_for_json_of_ten_windows_unless_the_query_says_from_itself() {
    let request = request(&graphite(), &[]).unwrap();
    let pairs: Vec<_> = request.url.query_pairs().into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.url.path(), "/render");
    assert_eq!(
        pairs,
        [pair("target", "sumSeries(app.*.{a,b}, '5 min')"), pair("from", "-1200s"), pair("format", "json")]
    );
    let own = check(
        json!({"type": "graphite", "address": "http://g"}),
        "target=a%26b&from=-1h&format=csv&until=-1min",
    );
    let request = super::tests::request(&own, &[("username", "me"), ("password", "pw")]).unwrap();
    assert_eq!(request.url.query(), Some("target=a%26b&from=-1h&until=-1min&format=json"));
    assert_eq!(sent(&request, "authorization"), "Basic bWU6cHc=");
}

#[test]
fn a_graphite_query_without_a_target_is_told() {
    let own = check(json!({"type": "graphite", "address": "http://g"}), "app.requests");
    assert_eq!(
        request(&own, &[]).unwrap_err().to_string(),
        "the query is no parameters of the render API (target=…); correct the query of the MetricTemplate"
    );
}

#[test]
fn cloudwatch_is_asked_in_its_region_newest_first_with_names_as_the_api_has_them() {
    let request = request(&cloudwatch(), AWS).unwrap();
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("POST", "https://monitoring.eu-west-1.amazonaws.com/")
    );
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "MetricDataQueries": [
                {"Id": "e1", "Expression": "m1 / 2"},
                {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "prod"}, "Period": 60, "Stat": "Sum"}, "ReturnData": false},
            ],
            "StartTime": NOW - 1200, "EndTime": NOW, "ScanBy": "TimestampDescending", "MaxDatapoints": 20,
        })
    );
    let authorization = sent(&request, "authorization");
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/eu-west-1/monitoring/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
    assert!(authorization.starts_with(scope), "{authorization}");
    assert!(!format!("{request:?}").contains("Signature="));
}

#[rstest]
#[case("eu-west-1", "https://monitoring.eu-west-1.amazonaws.com")]
#[case("cn-north-1", "https://monitoring.cn-north-1.amazonaws.com.cn")]
fn cloudwatch_stands_at_its_regions_address(#[case] region: &str, #[case] address: &str) {
    assert_eq!(server(MetricProviderType::CloudWatch).unwrap().address(region).as_deref(), Some(address));
}

#[rstest]
#[case("m1 / 2", "line 1, column 1")]
#[case("{}", "objects with an Id")]
#[case("[]", "objects with an Id")]
#[case("[1]", "objects with an Id")]
fn a_cloudwatch_query_that_is_no_list_is_told(#[case] query: &str, #[case] part: &str) {
    let own = check(json!({"type": "cloudwatch", "region": "eu-west-1"}), query);
    let told = request(&own, AWS).unwrap_err().to_string();
    assert!(told.contains("JSON list of metric data queries") && told.contains(part), "{told}");
}

/// The expected value is that of Amazon's own Python library for the same request, keys and time.
#[test]
fn the_signature_is_the_one_that_amazon_computes() {
    let mut request = super::tests::request(&cloudwatch(), AWS).unwrap().post(r#"{"a":1}"#.to_owned());
    let keys = signature::Keys {
        id: "AKIDEXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session: Some("SESSION"),
    };
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    signature::sign(&mut request, &keys, "eu-west-1", "monitoring", now).unwrap();
    let authorization = sent(&request, "authorization");
    assert!(
        authorization.ends_with("Signature=bfb741875bd2de41685679f5c1ef1137e9e27f01f138abc7a1f681a10a07fe88"),
        "{authorization}"
    );
}

#[rstest]
#[case::datadog(datadog(), &[("datadog_api_key", "a")], "Secret prod/login has no 'datadog_api_key' and 'datadog_application_key'; add what is missing")]
#[case::datadog_empty(datadog(), &[("datadog_api_key", "a"), ("datadog_application_key", " \n")], "Secret prod/login has no")]
#[case::newrelic(newrelic(), &[("key", "a")], "Secret prod/login has no 'newrelic_account_id' and 'newrelic_query_key'")]
#[case::cloudwatch(cloudwatch(), &[("key", "a")], "Secret prod/login has no 'aws_access_key_id' and 'aws_secret_access_key'")]
#[case::graphite(graphite(), &[("username", "a")], "Secret prod/login has no 'username' and 'password'")]
#[case::prometheus(prometheus(), &[("username", "a")], "Secret prod/login has no 'token', or 'username' and 'password'")]
#[case::two_lines(prometheus(), &[("token", "hush\nX-Evil: 1")], "the value of 'token' in Secret prod/login cannot be sent")]
#[case::two_lines_beside_a_ca(prometheus(), &[("token", "hush\nX-Evil: 1"), ("ca.crt", "PEM")], "the value of 'token' in Secret prod/login cannot be sent")]
fn a_key_that_is_missing_or_cannot_be_sent_is_told_by_name(
    #[case] check: Check,
    #[case] values: &[(&str, &str)],
    #[case] expected: &str,
) {
    let told = request(&check, values).unwrap_err().to_string();
    assert!(told.starts_with(expected) && !told.contains("hush"), "{told}");
}

/// Points as `(seconds before now, value)`, in the form of each server.
fn answers(points: &[(i64, Option<f64>)]) -> [(Check, Value); 3] {
    let at = |ago: &i64| NOW - ago;
    let pointlist: Vec<_> = points.iter().map(|(ago, value)| json!([at(ago) * 1000, value])).collect();
    let datapoints: Vec<_> = points.iter().map(|(ago, value)| json!([value, at(ago)])).collect();
    let timestamps: Vec<_> = points.iter().map(|(ago, _)| at(ago)).collect();
    let values: Vec<_> = points.iter().map(|(_, value)| value).collect();
    [
        (datadog(), json!({"status": "ok", "series": [{"interval": 60, "pointlist": pointlist}]})),
        (graphite(), json!([{"target": "a", "datapoints": datapoints}])),
        (
            cloudwatch(),
            json!({"MetricDataResults": [{"Id": "e1", "Timestamps": timestamps, "Values": values, "StatusCode": "Complete"}]}),
        ),
    ]
}

#[rstest]
#[case::oldest_is_not_taken(&[(180, Some(9.0)), (120, Some(5.0)), (60, Some(1.0))], Sample::Value(1.0))]
#[case::order_does_not_matter(&[(60, Some(1.0)), (120, Some(5.0)), (180, Some(9.0))], Sample::Value(1.0))]
#[case::one_that_goes_on_is_left_out(&[(150, Some(5.0)), (90, Some(1.0)), (30, Some(0.1))], Sample::Value(1.0))]
#[case::null_is_not_zero(&[(180, Some(9.0)), (120, Some(5.0)), (60, None)], Sample::Value(5.0))]
#[case::only_null(&[(180, None), (120, None), (60, None)], Sample::NoData)]
#[case::zero_is_zero(&[(120, Some(7.0)), (60, Some(0.0))], Sample::Value(0.0))]
#[case::no_points(&[], Sample::NoData)]
fn w_met_6_the_newest_complete_point_counts_and_null_is_not_zero(
    #[case] points: &[(i64, Option<f64>)],
    #[case] expected: Sample,
) {
    for (check, body) in answers(points) {
        assert_eq!(sample(&check, body.clone()).unwrap(), expected, "{}: {body}", check.provider);
    }
}

#[test]
fn graphites_infinite_is_infinite() {
    let body = format!(r#"[{{"target": "a", "datapoints": [[1e9999, {}]]}}]"#, NOW - 60);
    assert_eq!(sample_of(&graphite(), 200, body).unwrap(), Sample::Value(f64::INFINITY));
}

#[rstest]
#[case::datadog(datadog(), json!({"status": "ok", "series": []}))]
#[case::graphite(graphite(), json!([]))]
#[case::cloudwatch(cloudwatch(), json!({"MetricDataResults": []}))]
#[case::newrelic(newrelic(), json!({"results": []}))]
#[case::newrelic_null(newrelic(), json!({"results": [{"average": null}]}))]
fn an_empty_answer_is_no_data(#[case] check: Check, #[case] body: Value) {
    assert_eq!(sample(&check, body).unwrap(), Sample::NoData);
}

#[rstest]
#[case::result(json!({"results": [{"result": 1.5, "other": 3}]}), 1.5)]
#[case::average(json!({"results": [{"average": 2.5}]}), 2.5)]
#[case::count(json!({"results": [{"count": 7}]}), 7.0)]
#[case::percentile(json!({"results": [{"percentiles": {"95": 0.25}}]}), 0.25)]
fn newrelics_number_is_found_whatever_it_is_called(#[case] body: Value, #[case] expected: f64) {
    assert_eq!(sample(&newrelic(), body).unwrap(), Sample::Value(expected));
}

#[rstest]
#[case::datadog(datadog(), json!({"series": [{"pointlist": []}, {"pointlist": []}]}), 2, "remove `by {…}`")]
#[case::graphite(graphite(), json!([{"datapoints": []}, {"datapoints": []}]), 2, "sumSeries()")]
#[case::cloudwatch(cloudwatch(), json!({"MetricDataResults": [{}, {}, {}]}), 3, "set ReturnData to false")]
#[case::newrelic(newrelic(), json!({"results": [{"average": 1}, {"count": 2}]}), 2, "select one value")]
#[case::newrelic_two_in_one(newrelic(), json!({"results": [{"percentiles": {"95": 1, "99": 2}}]}), 2, "select one value")]
#[case::newrelic_facet(newrelic(), json!({"facets": [{}, {}], "totalResult": {}}), 2, "remove FACET")]
fn several_series_are_refused_with_the_way_out(
    #[case] check: Check,
    #[case] body: Value,
    #[case] count: usize,
    #[case] way_out: &str,
) {
    let told = sample(&check, body).unwrap_err().to_string();
    assert!(told.starts_with(&format!("the query gives {count} series, and one must be judged; ")), "{told}");
    assert!(told.contains(way_out), "{told}");
}

#[rstest]
#[case::datadog_in_success(datadog(), 200, json!({"status": "error", "error": "bad\nquery", "series": []}), "bad query")]
#[case::datadog(datadog(), 400, json!({"errors": ["Rule 'x' did not match"]}), "Rule 'x' did not match")]
#[case::cloudwatch(cloudwatch(), 400, json!({"__type": "com.amazonaws#ValidationError", "message": "no Id"}), "ValidationError: no Id")]
#[case::cloudwatch_in_success(cloudwatch(), 200, json!({"MetricDataResults": [{"StatusCode": "Forbidden", "Messages": [{"Value": "no right"}]}]}), "Forbidden no right")]
#[case::newrelic(newrelic(), 400, json!({"error": "NRQL Syntax Error"}), "NRQL Syntax Error")]
#[case::graphite(graphite(), 400, json!({"errors": {"target": "This parameter is required."}}), "target: \"This parameter is required.\"")]
fn a_refusal_is_told_in_the_servers_own_words(
    #[case] check: Check,
    #[case] status: u16,
    #[case] body: Value,
    #[case] words: &str,
) {
    let told = sample_of(&check, status, body.to_string()).unwrap_err().to_string();
    assert_eq!(told, format!("host:80 refused the query: {words}"));
}

#[rstest]
#[case::no_region(json!({"type": "cloudwatch"}), "spec.provider.region", "cloudwatch is asked in a region and there is none; set provider.region")]
#[case::region_with_a_host_in_it(json!({"type": "cloudwatch", "region": "evil.example/"}), "spec.provider.region", "the region 'evil.example/' is no name")]
#[case::no_address(json!({"type": "graphite"}), "spec.provider.address", "graphite has no address of its own")]
#[case::no_url(json!({"type": "datadog", "address": "me:hush@host", "secretRef": {"name": "l"}}), "spec.provider.address", "the address 'host' is no URL")]
#[case::no_secret(json!({"type": "newrelic"}), "spec.provider.secretRef", "newrelic answers nobody without credentials; set provider.secretRef to a Secret with 'newrelic_account_id' and 'newrelic_query_key'")]
#[case::not_yet(json!({"type": "keptn"}), "spec.provider.type", "metric provider keptn is not supported yet; use prometheus, datadog")]
#[case::w_met_2_own_identity_elsewhere(json!({"type": "cloudwatch", "region": "eu-west-1", "address": "http://evil.example"}), "spec.provider.secretRef", "an address of one's own with Sluice's identity would show it to that server")]
fn settings_that_can_never_work_are_told_before_anything_is_asked(
    #[case] provider: Value,
    #[case] path: &str,
    #[case] expected: &str,
) {
    let provider = serde_json::from_value(provider).unwrap();
    let problems = problems(&provider);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].path(), path);
    assert!(problems[0].to_string().starts_with(expected), "{}", problems[0]);
    assert_eq!(endpoint(&provider, "prod").unwrap_err(), problems[0]);
}

#[test]
fn every_kind_stands_once_in_the_list() {
    let kinds: std::collections::BTreeSet<_> = SERVERS.iter().map(|server| server.kind().as_str()).collect();
    assert_eq!(kinds.len(), SERVERS.len());
}

proptest! {
    #[test]
    fn no_answer_makes_a_server_panic(status in 100u16..600, body in "[\\[\\]{}\":,a-zA-Z0-9. -]{0,80}") {
        for check in [prometheus(), datadog(), cloudwatch(), newrelic(), graphite()] {
            let _ = sample_of(&check, status, body.clone());
        }
    }
}
