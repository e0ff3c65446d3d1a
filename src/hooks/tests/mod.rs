//! Calls over real sockets.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

use super::*;
use crate::{api::Phase, rollout::Payload};

fn call(url: &str) -> Call {
    Call {
        url: url.to_owned(),
        timeout: Duration::from_millis(300),
        retries: 0,
        insecure: false,
        payload: Payload {
            name: "shop".to_owned(),
            namespace: "store".to_owned(),
            phase: Phase::Progressing,
            checksum: "ab12".to_owned(),
            id: "ab12/1970-01-01T00:00:00Z/rollout/load".to_owned(),
            metadata: BTreeMap::from([("type".to_owned(), "cmd".to_owned())]),
        },
    }
}

/// Hooks that may go to the test's servers.
fn hooks() -> Hooks {
    Hooks::new("127.0.0.1,localhost".parse().unwrap())
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::method("POST")).respond_with(answer).mount(&server).await;
    server
}

fn answered(status: u16, body: &str) -> Reply {
    Reply::Answered { status, body: body.to_owned() }
}

fn silent(reply: Reply) -> String {
    match reply {
        Reply::Silent(why) => why,
        Reply::Answered { .. } => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn a_call_is_a_post_of_the_payload() {
    let server = server(ResponseTemplate::new(200).set_body_string("fine")).await;
    assert_eq!(hooks().call(&call(&format!("{}/gate/check?a=b", server.uri()))).await, answered(200, "fine"));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(
        (requests.len(), requests[0].url.path(), requests[0].url.query()),
        (1, "/gate/check", Some("a=b"))
    );
    assert_eq!(requests[0].headers["content-type"], "application/json");
    let body: Value = requests[0].body_json().unwrap();
    assert_eq!(
        (&body["name"], &body["phase"], &body["metadata"]["type"]),
        (&json!("shop"), &json!("Progressing"), &json!("cmd"))
    );
}

#[tokio::test]
async fn w_hk_2_the_body_of_a_failure_is_kept_after_the_last_attempt() {
    let server = server(
        ResponseTemplate::new(500).set_body_string("2 tests failed").insert_header("Retry-After", "0"),
    )
    .await;
    let call = Call { retries: 2, ..call(&server.uri()) };
    assert_eq!(hooks().call(&call).await, answered(500, "2 tests failed"));
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[rstest]
#[case::busy(429)]
#[case::down_for_a_moment(503)]
#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it(#[case] status: u16) {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(status).insert_header("Retry-After", "2");
    Mock::given(matchers::any()).respond_with(busy).up_to_n_times(1).mount(&server).await;
    Mock::given(matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let began = Instant::now();
    let call = Call { retries: 1, ..call(&server.uri()) };
    assert_eq!(hooks().call(&call).await, answered(200, ""));
    assert!(began.elapsed() >= Duration::from_secs(2), "longer than our own pause: {:?}", began.elapsed());
}

/// An HTTPS server with a certificate that nobody trusts, which answers 200 to every request.
fn untrusted() -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let _ = stream.read(&mut [0; 4096]);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine");
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_refused_with_the_way_out_unless_the_hook_accepts_any() {
    let call = Call { timeout: Duration::from_secs(10), ..call(&untrusted()) };
    let why = silent(hooks().call(&call).await);
    assert!(why.contains("invalid peer certificate: UnknownIssuer") && why.contains("disableTLS"), "{why}");
    assert_eq!(hooks().call(&Call { insecure: true, ..call }).await, answered(200, "fine"));
}

#[tokio::test]
async fn a_namespace_whose_hooks_hang_holds_up_no_other_one_at_the_same_server() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(matchers::path("/slow")).respond_with(slow).mount(&server).await;
    Mock::given(matchers::path("/quick")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let hooks = Arc::new(hooks());
    for _ in 0..turns::AT_ONE * 4 {
        let call = Call { timeout: Duration::from_secs(20), ..call(&format!("{}/slow", server.uri())) };
        let hooks = hooks.clone();
        tokio::spawn(async move { hooks.call(&call).await });
    }
    tokio::task::yield_now().await;
    let mut other = Call { timeout: Duration::from_secs(10), ..call(&format!("{}/quick", server.uri())) };
    other.payload.namespace = "bakery".to_owned();
    let began = Instant::now();
    assert_eq!(hooks.call(&other).await, answered(200, ""));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[rstest]
#[case::closed(403)]
#[case::not_implemented(501)]
#[tokio::test]
async fn what_would_answer_the_same_is_not_called_again(#[case] status: u16) {
    let server = server(ResponseTemplate::new(status)).await;
    let call = Call { retries: 3, ..call(&server.uri()) };
    assert_eq!(hooks().call(&call).await, answered(status, ""));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_slow_hook_is_left_alone_in_time_and_holds_no_other_up() {
    let slow = server(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let quick = server(ResponseTemplate::new(200)).await;
    let hooks = Arc::new(hooks());
    for _ in 0..turns::AT_ONE * 2 {
        let (hooks, call) = (hooks.clone(), Call { timeout: Duration::from_secs(20), ..call(&slow.uri()) });
        tokio::spawn(async move { hooks.call(&call).await });
    }
    tokio::task::yield_now().await;
    let began = Instant::now();
    assert_eq!(hooks.call(&call(&quick.uri())).await, answered(200, ""));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let other = self::hooks();
    let why = silent(other.call(&call(&slow.uri())).await);
    assert!(why.ends_with("did not answer within 0.3 s"), "{why}");
}

#[rstest]
#[case::no_scheme("gate/check", "its URL cannot be used")]
#[case::another_scheme("ftp://gate.shop/", "its URL cannot be used (the scheme is ftp)")]
#[case::outside(
    "http://hooks.example.com/",
    "host hooks.example.com is not among those that hooks may go to"
)]
#[case::w_hk_6_metadata("http://169.254.169.254/latest/", "host 169.254.169.254 is not among")]
#[case::nobody_there("http://127.0.0.1:1/", "127.0.0.1:1 cannot be reached")]
#[tokio::test]
async fn w_hk_3_a_hook_that_cannot_be_called_says_why(#[case] url: &str, #[case] expected: &str) {
    let why = silent(hooks().call(&call(url)).await);
    assert!(why.starts_with(expected), "{why}");
}

#[rstest]
#[case::by_address("http://169.254.169.254/")]
#[case::in_another_way("http://[::ffff:a9fe:a9fe]/")]
#[case::as_one_number("http://2852039166/")]
#[tokio::test]
async fn w_hk_6_metadata_is_never_called_whatever_the_operator_allows(#[case] url: &str) {
    let hooks = Hooks::new("*".parse().unwrap());
    let why = silent(hooks.call(&call(url)).await);
    assert!(why.contains("which is never called"), "{why}");
}

#[tokio::test]
async fn w_hk_6_a_name_that_leads_to_this_machine_is_not_called() {
    let server = server(ResponseTemplate::new(200)).await;
    let url = server.uri().replace("127.0.0.1", "localhost");
    assert_eq!(hooks().call(&call(&url)).await, answered(200, ""), "named by the operator");
    let why = silent(Hooks::new("*".parse().unwrap()).call(&call(&url)).await);
    assert!(why.contains("Sluice's own machine"), "{why}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn w_hk_6_a_redirect_to_another_server_is_not_followed() {
    let other = server(ResponseTemplate::new(200)).await;
    let server = server(ResponseTemplate::new(307).insert_header("Location", other.uri())).await;
    let reply = hooks().call(&call(&server.uri())).await;
    assert!(
        matches!(&reply, Reply::Answered { status: 307, body } if body.contains("not followed")),
        "{reply:?}"
    );
    assert_eq!(other.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_redirect_within_the_server_is_followed() {
    let server = MockServer::start().await;
    let moved = |request: &Request| match request.url.path() {
        "/new" => ResponseTemplate::new(202),
        _ => ResponseTemplate::new(308).insert_header("Location", "/new"),
    };
    Mock::given(matchers::method("POST")).respond_with(moved).mount(&server).await;
    assert_eq!(hooks().call(&call(&server.uri())).await, answered(202, ""));
}

#[tokio::test]
async fn a_long_body_is_read_in_part_and_a_page_for_browsers_is_left_out() {
    let long = server(ResponseTemplate::new(200).set_body_string("x".repeat(5_000_000))).await;
    assert_eq!(hooks().call(&call(&long.uri())).await, answered(200, &"x".repeat(BODY)));
    let page = server(ResponseTemplate::new(404).set_body_raw("<html>", "text/html")).await;
    assert_eq!(hooks().call(&call(&page.uri())).await, answered(404, ""));
}

#[tokio::test]
async fn secrets_in_an_url_are_told_to_nobody() {
    let why = silent(hooks().call(&call("http://user:hush@127.0.0.1:1/?token=hush")).await);
    assert!(!why.contains("hush"), "{why}");
}
