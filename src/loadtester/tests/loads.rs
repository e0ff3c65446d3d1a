//! Loads that are sent.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn a_load_is_what_its_line_says_and_the_answer_tells_what_came_of_it() {
    let (tester, site) = (Tester::new().await, Site::new().await);
    let line = format!(
        "hey -n 30 -c 3 -m POST -H 'X-Canary: insider' -host app.example.com -d '{{\"a\":1}}' {}/token",
        site.url
    );
    let (status, text) = tester.load(&line).await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.starts_with("the load has ended: 30 requests in ") && text.contains("30 times 200; p50 "),
        "{text}"
    );
    assert_eq!(site.count(), 30);
    let asked = site.asked.lock().unwrap();
    let last = asked.last().unwrap();
    assert_eq!(
        (&last.method, last.path.as_str(), &last.body[..]),
        (&Method::POST, "/token", &b"{\"a\":1}"[..])
    );
    assert_eq!(
        (&last.headers["x-canary"], &last.headers["host"]),
        (&"insider".parse().unwrap(), &"app.example.com".parse().unwrap())
    );
    assert!(last.headers["user-agent"].to_str().unwrap().starts_with("sluice-loadtester/"));
}

#[tokio::test]
async fn a_hook_is_answered_at_once_and_the_load_goes_on_at_its_rate() {
    let (tester, site) = (Tester::new().await, Site::new().await);
    let began = Instant::now();
    let (status, text) = tester.hook("ab12", json!({"type": "cmd", "logCmdOutput": "true", "cmd": format!("hey -z 2s -q 10 -c 2 {}/", site.url)})).await;
    assert_eq!((status, text.as_str()), (StatusCode::ACCEPTED, "the load has begun\n"));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let (_, text) = tester.load(&format!("hey -z 2s -q 10 -c 2 {}/", site.url)).await;
    assert!(text.contains("times 200"), "{text}");
    let (asked, took) = (site.count(), began.elapsed());
    assert!((20..=44).contains(&asked), "{asked} requests in {took:?} at 20 a second");
    let host = site.asked.lock().unwrap()[0].headers["host"].clone();
    assert_eq!(format!("http://{}", host.to_str().unwrap()), site.url);
}

#[tokio::test]
async fn w_lt_6_the_same_load_asked_for_twice_at_once_runs_once() {
    let (tester, site) = (Tester::new().await, Site::slow(Duration::from_millis(200)).await);
    let cmd = json!({"cmd": format!("hey -n 4 -c 2 {}", site.url), "wait": "true"});
    let calls = (0..10).map(|_| tester.hook("ab12", cmd.clone()));
    for (status, text) in futures::future::join_all(calls).await {
        assert_eq!(status, 200);
        assert!(text.contains(": 4 requests in "), "{text}");
    }
    assert_eq!(site.count(), 4);
}

#[tokio::test]
async fn a_load_that_runs_is_told_with_what_came_of_it_so_far() {
    let (tester, site) = (Tester::new().await, Site::new().await);
    let cmd = json!({"cmd": format!("hey -z 30s -q 50 -c 2 {}", site.url)});
    tester.hook("ab12", cmd.clone()).await;
    while site.count() < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (status, text) = tester.hook("ab12", cmd).await;
    assert_eq!(status, 202);
    assert!(text.starts_with("the load runs: ") && text.contains(" times 200"), "{text}");
}

#[tokio::test]
async fn w_lt_6_a_load_that_reached_nobody_fails_the_next_call_of_the_same_revision() {
    let tester = Tester::new().await;
    let cmd = format!("hey -n 3 -c 1 {NOBODY}");
    let (status, text) = tester.load(&cmd).await;
    assert_eq!(status, 424);
    assert!(text.contains("3 without an answer, the first because 127.0.0.1:1 cannot be reached"), "{text}");
    let (status, text) = tester.hook("ab12", json!({"cmd": cmd.clone()})).await;
    assert_eq!(status, 424);
    assert!(text.starts_with("the load has begun; the one before: 3 requests"), "{text}");
    tester.load(&cmd).await;
    let (status, text) = tester.hook("cd34", json!({"cmd": cmd})).await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::ACCEPTED, "the load has begun\n"),
        "another revision begins anew"
    );
}

#[tokio::test]
async fn answers_of_any_status_are_answers_and_late_ones_are_none() {
    let tester = Tester::new().await;
    let site = Site::new().await;
    let (status, text) = tester.load(&format!("hey -n 5 -c 1 {}/broken", site.url)).await;
    assert_eq!(status, 200, "what the metrics of the Canary judge");
    assert!(text.contains("5 times 503"), "{text}");
    let slow = Site::slow(Duration::from_secs(30)).await;
    let (status, text) = tester.load(&format!("hey -n 1 -c 1 -t 1 {}", slow.url)).await;
    assert_eq!(status, 424);
    assert!(text.contains("did not answer within 1 s"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_server_unless_the_line_says_no() {
    let (tester, site, other) = (Tester::new().await, Site::new().await, Site::new().await);
    let (_, text) = tester.load(&format!("hey -n 1 {}/old", site.url)).await;
    assert!(text.contains("1 times 200"), "{text}");
    let (_, text) = tester.load(&format!("hey -n 1 -disable-redirects {}/old", site.url)).await;
    assert!(text.contains("1 times 308"), "{text}");
    let place = other.url.clone();
    let away = Router::new().fallback(move || async move { (StatusCode::FOUND, [("location", place)]) });
    let (url, _stop) = serve(away).await;
    let (_, text) = tester.load(&format!("hey -n 1 {url}")).await;
    assert!(text.contains("1 times 302"), "{text}");
    assert_eq!(other.count(), 0, "another server was not asked for");
}

#[tokio::test]
async fn a_thousand_requests_a_second_and_the_metrics_count_them() {
    let (tester, site) = (Tester::new().await, Site::new().await);
    let (_, text) = tester.load(&format!("hey -n 1000 -c 20 {}", site.url)).await;
    assert!(text.contains("1000 times 200"), "{text}");
    tester.load(&format!("hey -n 2 {NOBODY}")).await;
    tester.hook("ab12", json!({"type": "bash", "cmd": "id"})).await;
    tester.gate("/gate/open").await;
    let metrics =
        tester.client.get(format!("{}/metrics", tester.url)).send().await.unwrap().text().await.unwrap();
    for line in [
        "sluice_load_requests_total{code=\"200\"} 1000",
        "sluice_load_requests_total{code=\"none\"} 2",
        "sluice_load_seconds_count 1000",
        "sluice_loads_total{end=\"answered\"} 1",
        "sluice_loads_total{end=\"unanswered\"} 1",
        "sluice_loads_running 0",
        "sluice_gates_open 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn the_end_of_the_process_breaks_loads_off() {
    let site = Site::new().await;
    let stop = CancellationToken::new();
    let service = service(&options(), &stop).await.unwrap();
    let (url, _guard) = serve(api::router(service, CancellationToken::new())).await;
    let payload = json!({"name": "a", "namespace": "b", "metadata": {"cmd": format!("hey -z 1h -q 10 -c 1 {}", site.url), "wait": "true"}});
    let client = Client::builder().no_proxy().build().unwrap();
    let waiting = tokio::spawn(client.post(url).body(payload.to_string()).send());
    while site.count() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}
