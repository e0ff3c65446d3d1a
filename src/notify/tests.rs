//! Payloads as the rooms take them, and alerts over real sockets.

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::*;
use crate::api::Severity;

fn room(kind: AlertProviderType, address: &str) -> Room {
    Room {
        kind,
        address: address.to_owned(),
        token: None,
        channel: String::new(),
        username: String::new(),
        proxy: None,
    }
}

fn alert(severity: Severity) -> Alert {
    Alert {
        severity,
        canary: "podinfo.shop".to_owned(),
        message: "New revision: <its> pods are started.".to_owned(),
        fields: vec![("Target".to_owned(), "Deployment/podinfo.shop".to_owned())],
    }
}

fn sent(kind: AlertProviderType, severity: Severity) -> (String, Value) {
    let (url, body) = room(kind, "https://chat.example.com/hook").message(&alert(severity)).unwrap();
    (url.to_string(), body)
}

fn like_slack(color: &str) -> Value {
    json!({
        "channel": "general",
        "username": "flagger",
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [{
            "color": color,
            "author_name": "podinfo.shop",
            "text": "New revision: <its> pods are started.",
            "mrkdwn_in": ["text"],
            "fields": [{"title": "Target", "value": "Deployment/podinfo.shop", "short": false}],
        }],
    })
}

#[rstest]
#[case::slack(AlertProviderType::Slack, Severity::Info, "good")]
#[case::slack_warns_calmly(AlertProviderType::Slack, Severity::Warn, "good")]
#[case::slack_alarms(AlertProviderType::Slack, Severity::Error, "danger")]
#[case::discord(AlertProviderType::Discord, Severity::Error, "danger")]
#[case::rocket(AlertProviderType::Rocket, Severity::Info, "#0076D7")]
#[case::rocket_alarms(AlertProviderType::Rocket, Severity::Error, "#FF0000")]
fn what_speaks_like_slack_gets_its_message(
    #[case] kind: AlertProviderType,
    #[case] severity: Severity,
    #[case] color: &str,
) {
    assert_eq!(sent(kind, severity).1, like_slack(color));
}

#[test]
fn channel_and_name_are_the_rooms() {
    let room = Room {
        channel: "releases".to_owned(),
        username: "sluice".to_owned(),
        ..room(AlertProviderType::Slack, "https://chat.example.com/hook")
    };
    let (_, body) = room.message(&alert(Severity::Info)).unwrap();
    assert_eq!((&body["channel"], &body["username"]), (&json!("releases"), &json!("sluice")));
}

#[rstest]
#[case("https://discord.com/api/webhooks/1/x", "https://discord.com/api/webhooks/1/x/slack")]
#[case("https://discord.com/api/webhooks/1/x/", "https://discord.com/api/webhooks/1/x/slack")]
#[case("https://discord.com/api/webhooks/1/x/slack", "https://discord.com/api/webhooks/1/x/slack")]
fn discord_takes_slacks_messages_under_a_path_of_its_own(#[case] address: &str, #[case] expected: &str) {
    let (url, _) = room(AlertProviderType::Discord, address).message(&alert(Severity::Info)).unwrap();
    assert_eq!(url.as_str(), expected);
}

#[rstest]
#[case(Severity::Warn, "0076D7")]
#[case(Severity::Error, "FF0000")]
fn teams_gets_a_card(#[case] severity: Severity, #[case] colour: &str) {
    let expected = json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": colour,
        "summary": "podinfo.shop",
        "sections": [{
            "activityTitle": "New revision: <its> pods are started.",
            "activitySubtitle": "podinfo.shop",
            "facts": [{"name": "Target", "value": "Deployment/podinfo.shop"}],
        }],
    });
    assert_eq!(sent(AlertProviderType::MsTeams, severity).1, expected);
}

#[test]
fn google_chat_gets_a_card_whose_text_is_escaped() {
    let section = |text: &str| json!({"widgets": [{"textParagraph": {"text": text}}]});
    let expected = json!({"cards": [{
        "header": {"title": "Sluice", "subtitle": "podinfo.shop"},
        "sections": [
            section("New revision: &lt;its&gt; pods are started."),
            section("Target<br>Deployment/podinfo.shop"),
        ],
    }]});
    assert_eq!(sent(AlertProviderType::GoogleChat, Severity::Info).1, expected);
}

#[rstest]
#[case("")]
#[case("chat.example.com/hook")]
#[case("ftp://chat.example.com/hush")]
fn an_address_that_is_none_is_told_without_it(#[case] address: &str) {
    let error =
        room(AlertProviderType::Slack, address).message(&alert(Severity::Info)).unwrap_err().to_string();
    assert!(error.contains("no URL with http or https") && !error.contains("hush"), "{error}");
}

async fn server(answer: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::method("POST")).respond_with(answer).up_to_n_times(times).mount(&server).await;
    Mock::given(matchers::method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

#[tokio::test]
async fn an_alert_is_a_post_with_the_token_of_slack_alone() {
    for (kind, expected) in [(AlertProviderType::Slack, true), (AlertProviderType::Rocket, false)] {
        let server = server(ResponseTemplate::new(204), 1).await;
        let room = Room { token: Some("hush".to_owned()), ..room(kind, &server.uri()) };
        Sender::new(true).send(&room, &alert(Severity::Info)).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1);
        let token = requests[0].headers.get("authorization").map(|value| value.to_str().unwrap());
        assert_eq!(token, expected.then_some("Bearer hush"));
        assert_eq!(requests[0].headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn w_hk_8_an_alert_that_does_not_arrive_is_sent_again() {
    let server = server(ResponseTemplate::new(503), 1).await;
    let room = room(AlertProviderType::MsTeams, &server.uri());
    Sender::new(true).send(&room, &alert(Severity::Error)).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[rstest]
#[case::refused(403)]
#[case::moved(302)]
#[tokio::test]
async fn what_will_not_be_taken_is_sent_once_and_the_address_is_told_to_nobody(#[case] status: u16) {
    let server = server(ResponseTemplate::new(status).insert_header("Location", "/elsewhere"), 9).await;
    let room = room(AlertProviderType::Slack, &format!("{}/hush", server.uri()));
    let error = Sender::new(true).send(&room, &alert(Severity::Error)).await.unwrap_err().to_string();
    assert!(error.contains(&status.to_string()) && !error.contains("hush"), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_rooms_of_canaries_are_neither_this_machine_nor_metadata() {
    for address in ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://localhost:1/"] {
        let room = room(AlertProviderType::Slack, address);
        let error = Sender::new(false).send(&room, &alert(Severity::Info)).await.unwrap_err().to_string();
        assert!(error.contains("called"), "{error}");
    }
}

#[tokio::test]
async fn nor_are_their_proxies() {
    for proxy in
        ["http://169.254.169.254:3128", "169.254.169.254:3128", "http://127.0.0.1:1", "http://localhost:1"]
    {
        let room = room(AlertProviderType::Slack, "http://chat.example.com/hook");
        let room = Room { proxy: Some(proxy.to_owned()), ..room };
        let error = Sender::new(false).send(&room, &alert(Severity::Info)).await.unwrap_err().to_string();
        assert!(error.contains("called"), "{proxy}: {error}");
    }
}

#[tokio::test]
async fn an_alert_goes_through_the_rooms_proxy() {
    let proxy = server(ResponseTemplate::new(200), 1).await;
    let room =
        Room { proxy: Some(proxy.uri()), ..room(AlertProviderType::Slack, "http://chat.example.com/hook") };
    Sender::new(true).send(&room, &alert(Severity::Info)).await.unwrap();
    let requests = proxy.received_requests().await.unwrap();
    assert_eq!(requests[0].headers["host"], "chat.example.com");
    let wrong = Room { proxy: Some("::".to_owned()), ..room };
    assert!(Sender::new(true).send(&wrong, &alert(Severity::Info)).await.is_err());
}
