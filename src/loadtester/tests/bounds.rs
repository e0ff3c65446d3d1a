//! What is not done, and how it is said.

use rstest::rstest;

use super::*;

#[rstest]
#[case::w_lt_1_a_shell(json!({"type": "bash", "cmd": "curl -sd x http://a/ | grep y"}), "a task of type bash starts a program")]
#[case::w_lt_2_an_unknown_type(json!({"type": "nonsense", "cmd": "hey http://a/"}), "a task of type nonsense")]
#[case::w_lt_5_kubectl(json!({"type": "kubectl", "cmd": "get pods"}), "a task of type kubectl")]
#[case::no_line(json!({"type": "cmd"}), "metadata has no cmd")]
#[case::too_long(json!({"cmd": format!("hey http://127.0.0.1/{}", "x".repeat(4096))}), "longer than 4096 bytes")]
#[case::another_program(json!({"cmd": "ghz --insecure app.shop:9898"}), "`ghz` is no program")]
#[case::no_scheme(json!({"cmd": "hey app.shop:80"}), "the scheme is app.shop")]
#[tokio::test]
async fn what_it_does_not_do_is_refused_at_once_and_named(#[case] metadata: Value, #[case] expected: &str) {
    let (status, text) = Tester::new().await.hook("ab12", metadata).await;
    assert!(status == 400 || status == 403, "{status} {text}");
    assert!(text.contains(expected), "{text}");
    assert!(text.len() < 300, "hooks tell 300 characters: {text}");
}

#[rstest]
#[case::outside(
    "http://example.com.evil.org/",
    "host example.com.evil.org is not among those that loads may go to"
)]
#[case::by_address("http://10.0.0.7/", "--allow-load-hosts")]
#[case::metadata("http://169.254.169.254/latest/", "is not among")]
#[case::this_machine("http://localhost:8080/", "host localhost is not among")]
#[tokio::test]
async fn loads_go_only_where_the_operator_allows(#[case] url: &str, #[case] expected: &str) {
    let (status, text) = Tester::new().await.load(&format!("hey {url}")).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn metadata_addresses_are_never_loaded_whatever_the_operator_allows() {
    let tester = Tester::with(&Options { hosts: "*".parse().unwrap(), ..options() }).await;
    let (status, text) = tester.load("hey http://169.254.169.254/latest/").await;
    assert_eq!(status, 403);
    assert!(text.contains("which is never called"), "{text}");
    let site = Site::new().await;
    let (_, text) = tester.load(&format!("hey -n 1 {}", site.url.replace("127.0.0.1", "localhost"))).await;
    assert!(text.contains("Sluice's own machine"), "{text}");
    assert_eq!(site.count(), 0);
}

#[tokio::test]
async fn who_asks_for_more_than_the_bounds_gets_as_much_as_they_allow() {
    let bounds = Bounds { connections: 2, rate: 20, time: Duration::from_secs(1), ..Bounds::default() };
    let tester = Tester::with(&Options { bounds, ..options() }).await;
    let site = Site::new().await;
    let (status, text) = tester.load(&format!("hey -z 1h -q 100 -c 50 {}", site.url)).await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.contains(
            "2 connections instead of 50, 20 requests a second instead of 200, 1 s instead of 3600"
        ),
        "{text}"
    );
    let asked = site.count();
    assert!((10..=24).contains(&asked), "{asked} requests in a second at 20 a second");
}

#[tokio::test]
async fn one_load_too_many_is_asked_to_come_again() {
    let bounds = Bounds { loads: 1, ..Bounds::default() };
    let tester = Tester::with(&Options { bounds, ..options() }).await;
    let site = Site::new().await;
    let (first, _) = tester.hook("ab12", json!({"cmd": format!("hey -z 30s -q 1 -c 1 {}", site.url)})).await;
    let (second, text) =
        tester.hook("ab12", json!({"cmd": format!("hey -z 30s -q 1 -c 1 {}/b", site.url)})).await;
    assert_eq!((first, second), (StatusCode::ACCEPTED, StatusCode::TOO_MANY_REQUESTS), "{text}");
    assert!(text.contains("ask again later, or let the operator raise --max-loads"), "{text}");
    assert_eq!(Bounds::default().loads, 100, "each rollout may have a load");
}

#[tokio::test]
async fn a_body_without_bounds_is_not_taken() {
    let tester = Tester::new().await;
    assert_eq!(tester.post("/", "x".repeat(100_000), None).await.0, 413);
    let answer = tester.client.get(format!("{}/", tester.url)).send().await.unwrap();
    assert_eq!(answer.status(), 405, "a browser asks for no load");
}
