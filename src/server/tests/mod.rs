//! Routes are called directly; real sockets only for what is between two sockets.

mod rotation;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use futures::StreamExt;
use http::{Method, Request, StatusCode, Version};
use http_body_util::BodyExt;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use rstest::rstest;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::admission::{Endpoint, Mode};
use crate::certs::{Action, Facts, Material, Names, Policy, Resolver, Situation, make, server_config};

const NAME: &str = "sluice.sluice-system.svc";

/// Echoes the body; a few words make it misbehave.
#[derive(Default)]
struct Echo {
    entered: Notify,
    proceed: Notify,
}

impl Gate for Echo {
    async fn review(&self, endpoint: Endpoint, mode: Mode, body: Bytes) -> Answer {
        match &body[..] {
            b"panic" => panic!("a rule fell over"),
            b"nonsense" => return Answer { body: Vec::new(), verdict: Verdict::Malformed },
            b"wait" => {
                self.entered.notify_one();
                self.proceed.notified().await;
            }
            _ => {}
        }
        let text = format!("{} {}", endpoint.path_in(mode), body.len());
        Answer { body: text.into_bytes(), verdict: Verdict::Allowed }
    }
}

fn routes() -> (Router, Registry) {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    (router(Arc::new(Echo::default()), metrics), registry)
}

async fn call(router: &Router, method: Method, path: &str, body: impl Into<Body>) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn every_endpoint_hands_its_bytes_to_the_gate() {
    let (router, _) = routes();
    for path in Endpoint::ALL.into_iter().flat_map(|endpoint| Mode::ALL.map(|mode| endpoint.path_in(mode))) {
        let (status, text) = call(&router, Method::POST, &path, "12345").await;
        assert_eq!((status, text), (StatusCode::OK, format!("{path} 5")));
    }
}

#[rstest]
#[case::other_method(Method::GET, "/canary/mutate", "", StatusCode::METHOD_NOT_ALLOWED, "")]
#[case::other_path(Method::POST, "/", "", StatusCode::NOT_FOUND, "no such endpoint")]
#[case::no_review(Method::POST, "/canary/mutate", "nonsense", StatusCode::BAD_REQUEST, "")]
#[case::panic(
    Method::POST,
    "/canary/mutate",
    "panic",
    StatusCode::INTERNAL_SERVER_ERROR,
    "its log tells more"
)]
#[tokio::test]
async fn what_is_not_a_review_gets_a_status_of_its_own(
    #[case] method: Method,
    #[case] path: &str,
    #[case] body: &'static str,
    #[case] status: StatusCode,
    #[case] text: &str,
) {
    let (router, _) = routes();
    let answer = call(&router, method, path, body).await;
    assert_eq!(answer.0, status);
    assert!(answer.1.contains(text), "{}", answer.1);
}

#[tokio::test]
async fn a_body_at_the_limit_passes_and_one_above_gets_413() {
    let (router, registry) = routes();
    let (status, _) = call(&router, Method::POST, "/target/mutate", vec![b' '; BODY_LIMIT]).await;
    assert_eq!(status, StatusCode::OK);
    let (status, text) = call(&router, Method::POST, "/target/mutate", vec![b' '; BODY_LIMIT + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text.contains("larger than 3145728 bytes"), "{text}");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let counted = |verdict| {
        format!(
            "sluice_admission_requests_total{{endpoint=\"/target/mutate\",mode=\"enforce\",verdict=\"{verdict}\"}} 1\n"
        )
    };
    assert!(text.contains(&counted("allowed")) && text.contains(&counted("too_large")), "{text}");
    assert!(
        text.contains("sluice_admission_duration_seconds_count{endpoint=\"/target/mutate\"} 2"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up_after_five_seconds() {
    let (router, _) = routes();
    let drip = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    });
    let begun = tokio::time::Instant::now();
    let (status, text) = call(&router, Method::POST, "/canary/validate", Body::from_stream(drip)).await;
    assert_eq!((status, begun.elapsed()), (StatusCode::REQUEST_TIMEOUT, BODY_TIME));
    assert!(text.contains("within 5 s"));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_do_not_end_hold_no_more_than_their_room_and_only_for_five_seconds() {
    let (router, _) = routes();
    let endless = || {
        let begin =
            futures::stream::once(async { Ok::<_, std::io::Error>(Bytes::from(vec![b' '; BODY_LIMIT])) });
        Body::from_stream(begin.chain(futures::stream::pending()))
    };
    let held: Vec<_> = (0..IN_FLIGHT / BODY_LIMIT)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move { call(&router, Method::POST, "/target/mutate", endless()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let (status, text) = call(&router, Method::POST, "/target/mutate", vec![b' '; BODY_LIMIT]).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(text.contains("ask again in a second"), "{text}");
    let (status, _) = call(&router, Method::POST, "/canary/mutate", "a small one still fits").await;
    assert_eq!(status, StatusCode::OK);
    for held in held {
        assert_eq!(held.await.unwrap().0, StatusCode::REQUEST_TIMEOUT);
    }
    let (status, _) = call(&router, Method::POST, "/target/mutate", vec![b' '; BODY_LIMIT]).await;
    assert_eq!(status, StatusCode::OK, "the room is free again");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let (router, _) = routes();
    let body = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let size = (BODY_LIMIT + 1).to_string();
    let request = Request::post("/target/mutate").header("content-length", size).body(body).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn probes_name_what_is_not_ready_and_readiness_ends_with_the_shutdown() {
    let shutdown = CancellationToken::new();
    let filled = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = filled.clone();
    let mut registry = Registry::default();
    let hour = Timestamp::from_second(3600).unwrap();
    let facts = Facts { not_before: Timestamp::UNIX_EPOCH, not_after: hour, names: [].into() };
    register_certificate(&mut registry, move || Some(facts.clone()));
    let router = Status::new(Arc::new(registry), shutdown.clone())
        .live("watch", || Ok(()))
        .ready("certificates", || Ok(()))
        .ready("catalog", move || match seen.load(std::sync::atomic::Ordering::Relaxed) {
            true => Ok(()),
            false => Err("not synced".to_owned()),
        })
        .router();
    let get = async |path: &'static str| call(&router, Method::GET, path, "").await;
    let not_ready = (StatusCode::SERVICE_UNAVAILABLE, "not ready\ncatalog: not synced\n".to_owned());
    assert_eq!(get("/readyz").await, not_ready);
    filled.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(get("/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
    let (status, text) = get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("# TYPE sluice_certificate_not_after_seconds gauge\n"), "{text}");
    assert!(text.contains("sluice_certificate_not_before_seconds 0\n"), "{text}");
    assert!(
        text.contains("sluice_certificate_not_after_seconds 3600\n") && text.ends_with("# EOF\n"),
        "{text}"
    );
    shutdown.cancel();
    assert_eq!(get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/healthz").await.0, StatusCode::OK);
}

/// A server on a real socket, with its certificate and what to end it by.
struct Running {
    address: SocketAddr,
    gate: Arc<Echo>,
    resolver: Arc<Resolver>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

async fn running(material: &Material, drain: Drain) -> Running {
    let resolver = Arc::new(Resolver::default());
    resolver.load(&material.leaf).unwrap();
    let tls = Arc::new(server_config(resolver.clone()).unwrap());
    let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (gate, shutdown) = (Arc::new(Echo::default()), CancellationToken::new());
    let routes = router(gate.clone(), Metrics::register(&mut Registry::default()));
    let task = tokio::spawn(https(listener, tls, routes, shutdown.clone(), drain));
    Running { address, gate, resolver, shutdown, task }
}

fn issued() -> Material {
    let (names, policy) = (Names::of_service("sluice", "sluice-system"), Policy::default());
    let now = Timestamp::now();
    let situation = Situation { names: &names, now, policy: &policy, request: None, published: true };
    make(Action::IssueAll, None, &situation).unwrap()
}

fn trusting(materials: &[&Material]) -> rustls::ClientConfig {
    trusting_all(materials.iter().flat_map(|material| material.trusted.clone()))
}

fn trusting_all(authorities: impl Iterator<Item = CertificateDer<'static>>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    authorities.for_each(|authority| roots.add(authority).unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn client(at: SocketAddr, materials: &[&Material], h1: bool) -> reqwest::Client {
    client_with(trusting(materials), at, h1)
}

fn client_with(mut tls: rustls::ClientConfig, at: SocketAddr, h1: bool) -> reqwest::Client {
    tls.alpn_protocols = if h1 { vec![b"http/1.1".into()] } else { vec![b"h2".into(), b"http/1.1".into()] };
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    let builder = builder.resolve(NAME, at).tls_info(true);
    if h1 { builder.http1_only().build().unwrap() } else { builder.build().unwrap() }
}

async fn post(
    client: &reqwest::Client,
    at: SocketAddr,
    body: impl Into<reqwest::Body>,
) -> reqwest::Result<reqwest::Response> {
    client.post(format!("https://{NAME}:{}/canary/mutate", at.port())).body(body).send().await
}

fn served(response: &reqwest::Response) -> Vec<u8> {
    response.extensions().get::<reqwest::tls::TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

#[tokio::test]
async fn demand_29_a_new_certificate_shows_on_the_next_connection_while_an_open_one_goes_on() {
    let (old, new) = (issued(), issued());
    let server = running(&old, Drain::default()).await;
    let at = server.address;
    for (h1, version) in [(true, Version::HTTP_11), (false, Version::HTTP_2)] {
        server.resolver.load(&old.leaf).unwrap();
        let open = client(at, &[&old, &new], h1);
        let first = post(&open, at, "a").await.unwrap();
        assert_eq!((first.status(), first.version()), (StatusCode::OK, version));
        let before = served(&first);
        first.bytes().await.unwrap();
        server.resolver.load(&new.leaf).unwrap();
        let again = post(&open, at, "a").await.unwrap();
        assert_eq!(served(&again), before, "the open connection goes on");
        let fresh = post(&client(at, &[&new], h1), at, "a").await.unwrap();
        assert_ne!(served(&fresh), before);
        let stale = post(&client(at, &[&old], h1), at, "a").await;
        assert!(stale.unwrap_err().is_connect(), "a client without the new authority refuses");
    }
}

#[tokio::test]
async fn an_oversized_body_is_told_so_on_the_wire_too() {
    let material = issued();
    let server = running(&material, Drain::default()).await;
    let client = client(server.address, &[&material], false);
    let response = post(&client, server.address, vec![b' '; BODY_LIMIT + 1]).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_shutdown_drops_no_call_and_sends_clients_elsewhere() {
    let material = issued();
    let drain = Drain { delay: Duration::from_millis(400), limit: Duration::from_secs(20) };
    let server = running(&material, drain).await;
    let at = server.address;
    for h1 in [true, false] {
        assert!(post(&client(at, &[&material], h1), at, "a").await.unwrap().status().is_success());
    }
    let slow: Vec<_> = [true, false]
        .map(|h1| {
            let client = client(at, &[&material], h1);
            tokio::spawn(async move { post(&client, at, "wait").await.unwrap().text().await.unwrap() })
        })
        .into();
    server.gate.entered.notified().await;
    server.gate.entered.notified().await;
    server.shutdown.cancel();
    // Still open for those who have not heard yet, but each answer says goodbye.
    let late = post(&client(at, &[&material], true), at, "a").await.unwrap();
    assert_eq!(late.headers().get("connection").unwrap(), "close");
    tokio::time::sleep(drain.delay * 2).await;
    assert!(post(&client(at, &[&material], true), at, "a").await.unwrap_err().is_connect());
    assert!(!server.task.is_finished());
    server.gate.proceed.notify_one();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.gate.proceed.notify_one();
    for call in slow {
        assert_eq!(call.await.unwrap(), "/canary/mutate 4");
    }
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn demand_31_a_drain_ends_when_its_limit_is_over() {
    let material = issued();
    let drain = Drain { delay: Duration::ZERO, limit: Duration::from_millis(200) };
    let server = running(&material, drain).await;
    let (at, client) = (server.address, client(server.address, &[&material], true));
    let stuck = tokio::spawn(async move { post(&client, at, "wait").await.map(|_| ()) });
    server.gate.entered.notified().await;
    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap().unwrap();
    stuck.await.unwrap().unwrap_err();
}

fn raw(at: SocketAddr, material: &Material) -> impl Read + Write + use<> {
    let name = ServerName::try_from(NAME).unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(trusting(&[material])), name).unwrap();
    rustls::StreamOwned::new(connection, std::net::TcpStream::connect(at).unwrap())
}

/// Time until the other side closes.
fn closed(mut stream: impl Read) -> Duration {
    let begun = Instant::now();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    begun.elapsed()
}

#[tokio::test]
async fn a_client_that_is_slow_before_its_first_request_is_cut_and_a_resting_one_is_not() {
    let material = issued();
    let server = running(&material, Drain::default()).await;
    let at = server.address;
    let mut silent = std::net::TcpStream::connect(at).unwrap();
    let silent = tokio::task::spawn_blocking(move || {
        silent.write_all(b"\x16").unwrap();
        closed(silent)
    });
    let mut headers = raw(at, &material);
    let headers = tokio::task::spawn_blocking(move || {
        headers.write_all(b"POST /canary/mutate HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
        closed(headers)
    });
    let mut resting = raw(at, &material);
    let resting = tokio::task::spawn_blocking(move || {
        let mut answer = [0; 4096];
        for pause in [FIRST_REQUEST + Duration::from_secs(2), Duration::ZERO] {
            resting
                .write_all(b"POST /canary/mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
                .unwrap();
            let length = resting.read(&mut answer).unwrap();
            assert!(
                answer[..length].starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(&answer[..length])
            );
            std::thread::sleep(pause);
        }
    });
    let expected = FIRST_REQUEST - Duration::from_secs(1)..FIRST_REQUEST + Duration::from_secs(3);
    for (what, took) in [("handshake", silent.await.unwrap()), ("headers", headers.await.unwrap())] {
        assert!(expected.contains(&took), "{what}: {took:?}");
    }
    resting.await.unwrap();
}
