//! Real exchanges with servers on loopback: what a metric server may answer, and what it may do to us.

mod ambient;
mod failures;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::analysis::{Settings, plan};
use crate::api::{Canary, Provider};

fn check(address: &str) -> Check {
    let canary: Canary = serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": { "name": "shop", "namespace": "prod" },
        "spec": {
            "targetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "metricsServer": address,
            "analysis": { "metrics": [{ "name": "errors", "threshold": 1, "query": "sum(errors) by (code) + 1 & \"ü\"" }] },
        },
    }))
    .unwrap();
    let settings = Settings {
        provider: Provider::Kubernetes,
        metrics_server: String::new(),
        no_cross_namespace_refs: false,
    };
    plan(&canary, &settings, |_, _| None).remove(0).unwrap()
}

fn none() -> Credentials {
    Credentials::default()
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(10), body: 4096, per_host: 2 }
}

/// Limits for servers that never answer; too short for others on a busy machine.
fn quick() -> Limits {
    Limits { timeout: Duration::from_millis(400), ..limits() }
}

/// Servers of tests are on this machine.
fn asking(limits: Limits) -> Providers {
    Providers::new(limits, |_| true).unwrap()
}

async fn serve(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/api/v1/query")).respond_with(answer).mount(&server).await;
    server
}

async fn ask(server: &MockServer) -> Result<Sample, ProviderError> {
    asking(limits()).query(&check(&server.uri()), &none()).await
}

async fn told(server: &MockServer) -> String {
    worded(&ask(server).await.unwrap_err(), server)
}

fn worded(error: &ProviderError, server: &MockServer) -> String {
    error.to_string().replace(&server.address().to_string(), "HOST")
}

fn success(kind: &str, result: Value) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({ "status": "success", "data": { "resultType": kind, "result": result } }))
}

fn series(value: &str) -> Value {
    json!({ "metric": { "code": "200" }, "value": [1700000000.123, value] })
}

#[rstest]
#[case::number("vector", json!([series("99.5")]), Sample::Value(99.5))]
#[case::whole("vector", json!([series("1")]), Sample::Value(1.0))]
#[case::exponent("vector", json!([series("1.5e-07")]), Sample::Value(1.5e-7))]
#[case::infinite("vector", json!([series("+Inf")]), Sample::Value(f64::INFINITY))]
#[case::negative_infinite("vector", json!([series("-Inf")]), Sample::Value(f64::NEG_INFINITY))]
#[case::not_a_number("vector", json!([series("NaN")]), Sample::NoData)]
#[case::empty("vector", json!([]), Sample::NoData)]
#[case::scalar("scalar", json!([1700000000, "3"]), Sample::Value(3.0))]
#[case::scalar_not_a_number("scalar", json!([1700000000, "NaN"]), Sample::NoData)]
#[tokio::test]
async fn an_answer_becomes_one_sample(#[case] kind: &str, #[case] result: Value, #[case] expected: Sample) {
    let server = serve(success(kind, result)).await;
    assert_eq!(ask(&server).await.unwrap(), expected);
}

#[tokio::test]
async fn warnings_and_further_fields_do_not_disturb() {
    let body = json!({ "status": "success", "warnings": ["partial"], "data": { "resultType": "vector", "result": [series("1")], "analysis": {} } });
    let server = serve(ResponseTemplate::new(200).set_body_json(body)).await;
    assert_eq!(ask(&server).await.unwrap(), Sample::Value(1.0));
}

#[tokio::test]
async fn w_met_6_several_series_are_refused_where_the_peer_takes_the_last() {
    let server = serve(success("vector", json!([series("99"), series("NaN"), series("1")]))).await;
    assert_eq!(
        told(&server).await,
        "the query gives 3 series, and one must be judged; aggregate them, for example with sum() or max()"
    );
}

#[tokio::test]
async fn a_range_is_refused_with_the_way_out() {
    let range = json!([{ "metric": {}, "values": [[1700000000, "1"], [1700000001, "2"]] }]);
    let server = serve(success("matrix", range)).await;
    assert!(told(&server).await.starts_with("the query gives a range of values; remove the range selector"));
}

#[rstest]
#[case(400)]
#[case(422)]
#[case(503)]
#[case(200)]
#[tokio::test]
async fn prometheus_own_words_are_shown_when_it_refuses(#[case] status: u16) {
    let body =
        json!({ "status": "error", "errorType": "bad_data", "error": "parse error:\n unexpected <&>" });
    let server = serve(ResponseTemplate::new(status).set_body_json(body)).await;
    assert_eq!(told(&server).await, "HOST refused the query: bad_data: parse error:  unexpected <&>");
}

#[tokio::test]
async fn a_long_refusal_is_cut() {
    let body = json!({ "status": "error", "errorType": "execution", "error": "é".repeat(1000) });
    let server = serve(ResponseTemplate::new(422).set_body_json(body)).await;
    let told = told(&server).await;
    assert!(told.ends_with('…') && told.chars().count() < 350, "{told}");
}

#[rstest]
#[case::plain_error(ResponseTemplate::new(502).set_body_string("top secret page"), "HOST answered with status 502; look at the server, or at what stands before it")]
#[case::page(ResponseTemplate::new(200).set_body_string("<html>top secret</html>"), "HOST gave no answer of the prometheus API (line 1, column 1); check that the address is that of a prometheus server")]
#[case::other_json(ResponseTemplate::new(200).set_body_json(json!({ "secret": "top secret" })), "HOST gave no answer of the prometheus API")]
#[case::string_result(success("string", json!([1, "top secret"])), "HOST gave no answer of the prometheus API")]
#[case::not_a_number(success("vector", json!([series("top secret")])), "HOST gave no answer of the prometheus API")]
#[case::empty(ResponseTemplate::new(204), "HOST gave no answer of the prometheus API")]
#[tokio::test]
async fn a_foreign_answer_is_told_without_repeating_it(
    #[case] answer: ResponseTemplate,
    #[case] expected: &str,
) {
    let server = serve(answer).await;
    let told = told(&server).await;
    assert!(told.starts_with(expected) && !told.contains("secret"), "{told}");
}

#[rstest]
#[case("")]
#[case("/")]
#[tokio::test]
async fn w_met_16_the_addresss_path_is_kept_with_or_without_a_slash_at_its_end(#[case] end: &str) {
    let server = MockServer::start().await;
    Mock::given(path("/select/0/prometheus/api/v1/query"))
        .and(query_param("tenant", "a"))
        .and(query_param("query", "sum(errors) by (code) + 1 & \"ü\""))
        .respond_with(success("vector", json!([series("1")])))
        .mount(&server)
        .await;
    let check = check(&format!("{}/select/0/prometheus{end}?tenant=a", server.uri()));
    assert_eq!(asking(limits()).query(&check, &none()).await.unwrap(), Sample::Value(1.0));
}

#[tokio::test]
async fn w_met_4_headers_are_sent_as_written_and_do_not_grow() {
    let server = MockServer::start().await;
    Mock::given(header("X-Scope-OrgID", "team"))
        .respond_with(success("vector", json!([series("1")])))
        .mount(&server)
        .await;
    let providers = asking(limits());
    let mut check = check(&server.uri());
    check.endpoint.headers =
        [("X-Scope-OrgID".into(), vec!["team".into()]), ("Authorization".into(), vec!["Bearer t".into()])]
            .into();
    for _ in 0..3 {
        providers.query(&check, &none()).await.unwrap();
    }
    for request in server.received_requests().await.unwrap() {
        assert_eq!(request.headers.get_all("authorization").iter().count(), 1);
    }
}

#[rstest]
#[case("Transfer-Encoding", "chunked", "it belongs to the connection")]
#[case("Content-Length", "5", "it belongs to the connection")]
#[case("X Y", "a", "it is no header name")]
#[case("X-Token", "hush\r\nX-Evil: 1", "its value has signs that no header may have")]
#[tokio::test]
async fn headers_that_would_break_the_request_are_refused_without_their_value(
    #[case] name: &str,
    #[case] value: &str,
    #[case] reason: &str,
) {
    let mut check = check("http://127.0.0.1:9");
    check.endpoint.headers = [(name.to_owned(), vec![value.to_owned()])].into();
    let error = asking(limits()).query(&check, &none()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the header '{name}' cannot be sent: {reason}; correct provider.headers")
    );
}

#[tokio::test]
async fn credentials_in_the_address_are_used_and_never_told() {
    let server = MockServer::start().await;
    Mock::given(header("Authorization", "Basic dXNlcjpodXNo"))
        .respond_with(ResponseTemplate::new(500))
        .mount(&server)
        .await;
    let check = check(&format!("http://user:hush@{}", server.address()));
    let error = asking(limits()).query(&check, &none()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Server(ServerError::Trouble { status: 500, .. })));
    assert!(!format!("{error} {error:?} {check:?}").contains("hush"));
}

#[tokio::test]
async fn a_slow_server_ends_in_time() {
    let server = serve(success("vector", json!([])).set_delay(Duration::from_secs(30))).await;
    let start = Instant::now();
    let error = asking(quick()).query(&check(&server.uri()), &none()).await.unwrap_err();
    assert_eq!(
        worded(&error, &server),
        "HOST did not answer within 0.4 s; simplify the query or check the server"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// A server that answers each connection with `head`, then with `piece` again and again, `pause` apart, until the
/// client goes.
fn endless(head: &'static str, piece: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(piece).is_ok() {
                std::thread::sleep(pause);
            }
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_drips_ends_in_time() {
    let address = endless(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
        Duration::from_millis(50),
    );
    let error = asking(quick()).query(&check(&address), &none()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_huge_answer_is_cut_off_while_it_is_read() {
    let address = endless(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10\r\n                \r\n",
        Duration::ZERO,
    );
    let error = asking(limits()).query(&check(&address), &none()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("is longer than 4096 bytes; aggregate the query, for example with sum()"),
        "{error}"
    );
}

#[tokio::test]
async fn a_huge_answer_is_refused_by_its_stated_length() {
    // Nothing follows the head: only the stated length can be what is refused.
    let address = endless("HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n", b"", Duration::from_secs(60));
    let error = asking(limits()).query(&check(&address), &none()).await.unwrap_err();
    assert!(matches!(error, ProviderError::TooLarge { limit: 4096, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_of_exactly_the_limit_is_read() {
    let body = json!({ "status": "success", "data": { "resultType": "vector", "result": [] } }).to_string();
    let server = serve(ResponseTemplate::new(200).set_body_string(format!("{body:<4096}"))).await;
    assert_eq!(ask(&server).await.unwrap(), Sample::NoData);
}

#[tokio::test]
async fn a_redirect_within_the_server_is_followed() {
    let server = serve(ResponseTemplate::new(307).insert_header("Location", "/moved")).await;
    Mock::given(path("/moved")).respond_with(success("vector", json!([series("1")]))).mount(&server).await;
    assert_eq!(ask(&server).await.unwrap(), Sample::Value(1.0));
}

#[tokio::test]
async fn a_redirect_to_another_server_is_not_followed() {
    let other = serve(success("vector", json!([series("1")]))).await;
    let server =
        serve(ResponseTemplate::new(302).insert_header("Location", format!("{}/api/v1/query", other.uri())))
            .await;
    assert_eq!(
        told(&server).await,
        "HOST redirects too often or to another server, which is not followed; use the final address"
    );
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let server = serve(ResponseTemplate::new(302).insert_header("Location", "/api/v1/query")).await;
    assert!(matches!(ask(&server).await.unwrap_err(), ProviderError::Redirect { .. }));
    assert!(server.received_requests().await.unwrap().len() <= 4);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_the_cause() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = asking(limits()).query(&check(&format!("http://{address}")), &none()).await.unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with(&format!("{address} cannot be reached (")), "{told}");
    assert!(
        told.contains("refused") && told.ends_with("check the address and that the server runs"),
        "{told}"
    );
}

/// An HTTPS server with a certificate that nobody trusts, which answers `vector(1)` to every connection; and the
/// certificate in PEM.
fn untrusted() -> (String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key.into())
        .unwrap();
    let config = std::sync::Arc::new(config);
    let pem = issued.cert.pem();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let body =
                json!({ "status": "success", "data": { "resultType": "vector", "result": [series("1")] } })
                    .to_string();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, pem)
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_unless_the_template_says_otherwise() {
    let mut check = check(&untrusted().0);
    let providers = asking(limits());
    let error = providers.query(&check, &none()).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::Connect { .. }) && error.to_string().contains("certificate"),
        "{error}"
    );
    check.endpoint.insecure = true;
    assert_eq!(providers.query(&check, &none()).await.unwrap(), Sample::Value(1.0));
}

#[tokio::test]
async fn w_met_16_a_certificate_of_the_secret_is_trusted_and_one_that_is_none_is_told() {
    let (address, pem) = untrusted();
    let providers = asking(limits());
    let secret = |text: &str| Credentials::new("Secret prod/login", [("ca.crt".to_owned(), text.into())]);
    for _ in 0..2 {
        assert_eq!(providers.query(&check(&address), &secret(&pem)).await.unwrap(), Sample::Value(1.0));
    }
    assert_eq!(
        providers.query(&check(&address), &secret("hush")).await.unwrap_err().to_string(),
        "'ca.crt' in Secret prod/login holds no certificates in PEM; correct it or remove it"
    );
}

#[tokio::test]
async fn a_secret_that_changed_counts_with_the_next_question() {
    let server = MockServer::start().await;
    Mock::given(header("Authorization", "Bearer new"))
        .respond_with(success("vector", json!([series("1")])))
        .mount(&server)
        .await;
    let providers = asking(limits());
    let secret = |text: &str| Credentials::new("Secret prod/login", [("token".to_owned(), text.into())]);
    assert!(providers.query(&check(&server.uri()), &secret("old")).await.is_err());
    assert!(providers.query(&check(&server.uri()), &secret("new")).await.is_ok());
}

/// Some servers repeat in an error what they were sent.
#[tokio::test]
async fn a_server_that_repeats_the_token_is_quoted_without_it() {
    let body = json!({ "status": "error", "errorType": "bad_data", "error": "token hush-hush is unknown" });
    let server = serve(ResponseTemplate::new(400).set_body_json(body)).await;
    let secret = Credentials::new("Secret prod/login", [("token".to_owned(), "hush-hush".into())]);
    let error = asking(limits()).query(&check(&server.uri()), &secret).await.unwrap_err();
    assert!(error.to_string().ends_with("bad_data: token … is unknown"), "{error}");
    assert!(!format!("{error:?}").contains("hush"));
}

#[tokio::test]
async fn one_server_is_asked_only_so_much_at_once() {
    let delay = Duration::from_millis(100);
    let server = serve(success("vector", json!([])).set_delay(delay)).await;
    let providers = asking(limits());
    let check = check(&server.uri());
    let nothing = none();
    let start = Instant::now();
    let answers = futures::future::join_all((0..6).map(|_| providers.query(&check, &nothing))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(start.elapsed() >= delay * 3, "6 queries, 2 at once, need 3 rounds: {:?}", start.elapsed());
}

#[tokio::test]
async fn a_queue_of_ours_is_no_failure_of_a_check_and_holds_no_other_server_up() {
    let [full, free] = [serve(success("vector", json!([]))).await, serve(success("vector", json!([]))).await];
    let providers = asking(quick());
    let (checked, nothing) = (check(&full.uri()), none());
    let host = full.address().to_string();
    let held = (providers.sender.places.at(&host).await, providers.sender.places.at(&host).await);
    let mut waits = Box::pin(providers.query(&checked, &nothing));
    let longer = quick().timeout * 2;
    assert!(tokio::time::timeout(longer, &mut waits).await.is_err(), "both places are taken");
    assert!(providers.query(&check(&free.uri()), &nothing).await.is_ok());
    drop(held);
    assert_eq!(waits.await.unwrap(), Sample::NoData);
}

#[rstest]
#[case::w_ops_7_metadata("http://169.254.169.254", "its host is 169.254.169.254, which is never called")]
#[case::metadata_mapped("http://[::ffff:169.254.169.254]", "which is never called")]
#[case::this_machine("http://127.0.0.1:9", "Sluice's own machine")]
#[tokio::test]
async fn an_address_that_is_never_called_is_not_called_for_metrics_either(
    #[case] address: &str,
    #[case] why: &str,
) {
    let providers = Providers::new(limits(), |_| false).unwrap();
    let error = providers.query(&check(address), &none()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Forbidden(_)) && error.to_string().contains(why), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_called_only_where_it_is_the_operators_server() {
    let server = serve(success("vector", json!([]))).await;
    let named = format!("localhost:{}", server.address().port());
    let (address, operators) = (format!("http://{named}"), named.clone());
    let own = Providers::new(limits(), move |host| host == operators).unwrap();
    assert_eq!(own.query(&check(&address), &none()).await.unwrap(), Sample::NoData);
    let error =
        Providers::new(limits(), |_| false).unwrap().query(&check(&address), &none()).await.unwrap_err();
    assert!(error.to_string().contains("Sluice's own machine"), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn w_met_9_checks_share_their_connections_to_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = connections.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            std::thread::spawn(move || {
                let body = json!({ "status": "success", "data": { "resultType": "vector", "result": [] } })
                    .to_string();
                while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                }
            });
        }
    });
    let providers = asking(limits());
    for _ in 0..10 {
        assert_eq!(providers.query(&check(&address), &none()).await.unwrap(), Sample::NoData);
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::Relaxed), 1);
}
