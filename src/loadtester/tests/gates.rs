//! Gates.

use rstest::rstest;

use super::*;

#[tokio::test]
async fn a_gate_is_closed_until_somebody_opens_it_and_one_canarys_own() {
    let tester = Tester::new().await;
    for word in ["gate", "rollback"] {
        let path = |verb: &str| format!("/{word}/{verb}");
        assert_eq!(tester.gate(&path("check")).await, 403);
        assert_eq!(tester.gate(&path("open")).await, 202);
        assert_eq!(tester.gate(&path("check")).await, 200);
        let other = json!({"name": "podinfo", "namespace": "prod"}).to_string();
        let (status, text) = tester.post(&path("check"), other, None).await;
        assert_eq!(status, 403);
        assert!(text.contains(&format!("the {word} gate of podinfo.prod is closed")), "{text}");
        assert_eq!(tester.gate(&path("close")).await, 202);
        assert_eq!(tester.gate(&path("check")).await, 403);
    }
}

#[tokio::test]
async fn the_rollback_gate_and_the_other_one_are_two() {
    let tester = Tester::new().await;
    assert_eq!(tester.gate("/rollback/open").await, 202);
    assert_eq!(
        (tester.gate("/gate/check").await, tester.gate("/rollback/check").await),
        (StatusCode::FORBIDDEN, StatusCode::OK)
    );
}

#[tokio::test]
async fn one_path_always_agrees_and_one_never() {
    let tester = Tester::new().await;
    assert_eq!(tester.gate("/gate/approve").await, 200);
    assert_eq!(tester.gate("/gate/halt").await, 403);
    assert_eq!(tester.gate("/healthz").await, 405, "probes ask by GET");
    let probe = tester.client.get(format!("{}/healthz", tester.url)).send().await.unwrap();
    assert_eq!(probe.status(), 200);
}

#[tokio::test]
async fn w_lt_4_open_gates_outlive_the_process_where_there_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { gates_file: Some(folder.path().join("gates.json")), ..options() };
    {
        let tester = Tester::with(&options).await;
        assert_eq!(tester.gate("/gate/open").await, 202);
    }
    let tester = Tester::with(&options).await;
    assert_eq!(
        (tester.gate("/gate/check").await, tester.gate("/rollback/check").await),
        (StatusCode::OK, StatusCode::FORBIDDEN)
    );
}

#[tokio::test]
async fn a_gate_that_cannot_be_kept_is_not_opened_and_a_damaged_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gone/gates.json");
    let tester = Tester::with(&Options { gates_file: Some(file), ..options() }).await;
    assert_eq!(tester.gate("/gate/open").await, 500);
    assert_eq!(tester.gate("/gate/check").await, 403);

    let file = folder.path().join("gates.json");
    std::fs::write(&file, "{").unwrap();
    let damaged = Options { gates_file: Some(file), ..options() };
    let error = service(&damaged, &CancellationToken::new()).await.err().unwrap();
    assert!(error.to_string().contains("is no list of gates"), "{error}");
}

#[tokio::test]
async fn w_lt_1_with_a_token_nobody_else_opens_a_gate() {
    let tester = Tester::with(&Options { gate_token: Some("hush".to_owned()), ..options() }).await;
    let body = json!({"name": "podinfo", "namespace": "test"}).to_string();
    for token in [None, Some(""), Some("hus"), Some("hushh")] {
        let (status, text) = tester.post("/gate/open", body.clone(), token).await;
        assert_eq!(status, 401, "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
    assert_eq!(tester.gate("/gate/check").await, 403, "hooks ask without one");
    assert_eq!(tester.post("/gate/open", body, Some("hush")).await.0, 202);
    assert_eq!(tester.gate("/gate/check").await, 200);
}

#[rstest]
#[case::no_json("name=podinfo")]
#[case::no_namespace(r#"{"name": "podinfo"}"#)]
#[case::no_name(r#"{"name": "", "namespace": "test"}"#)]
#[case::no_name_of_kubernetes(r#"{"name": "a/b", "namespace": "test"}"#)]
#[tokio::test]
async fn a_body_that_names_no_canary_turns_no_gate(#[case] body: &str) {
    let tester = Tester::new().await;
    for path in ["/gate/open", "/gate/check", "/rollback/close"] {
        assert_eq!(tester.post(path, body.to_owned(), None).await.0, 400);
    }
}

#[tokio::test]
async fn gates_are_turned_by_post_alone() {
    let tester = Tester::new().await;
    let answer = tester.client.get(format!("{}/gate/open", tester.url)).send().await.unwrap();
    assert_eq!(answer.status(), 405);
}
