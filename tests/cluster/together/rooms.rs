//! Chat rooms that AlertProviders name: who hears what, and with which secret.

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::manifests::{APP, blue_green, podinfo, with};
use crate::support::receiver::Receiver;
use crate::support::space::Space;
use crate::support::{switch, wait};

fn provider(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": name}, "spec": spec})
}

/// The text of a message as Slack takes it.
fn text(body: &Value) -> &str {
    body["attachments"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn w_hk_8_rooms_hear_of_the_beginning_of_a_promotion_and_of_a_way_back_for_another_reason_than_a_metric() {
    let Some(_sluice) = shared("chat rooms") else { return };
    let space = Space::new("rooms");
    let Some(room) = Receiver::behind(&space, "chat") else {
        return switch::skip("chat rooms", "pods do not reach this machine");
    };
    let url = |path: &str| format!("http://chat.{}{path}", space.namespace);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat"},
        "stringData": {"address": url("/slack"), "token": "hush"},
    });
    let slack =
        json!({"type": "slack", "channel": "releases", "username": "shop", "secretRef": {"name": "chat"}});
    let teams = json!({"type": "msteams", "address": url("/teams")});
    space.apply(&[&secret, &provider("releases", slack), &provider("on-call", teams)]);
    let alerts = json!([
        {"name": "releases", "severity": "info", "providerRef": {"name": "releases"}},
        {"name": "on-call", "severity": "error", "providerRef": {"name": "on-call"}},
    ]);
    let told = json!({"spec": {"analysis": {"metrics": null, "alerts": alerts}}});
    let canary = with(&blue_green(1), &told);

    let history = space.initialised(&podinfo("one"), &canary);
    let heard = |words: &str| {
        let heard = room.hears("/slack", wait::NOTICED, words, |body| text(body).contains(words));
        assert_eq!(heard.authorization, "Bearer hush");
        assert_eq!((&heard.body["channel"], &heard.body["username"]), (&json!("releases"), &json!("shop")));
        let message = heard.body["attachments"][0].clone();
        assert_eq!(message["author_name"], format!("{APP}.{}", space.namespace));
        message
    };
    let begun = heard("serves");
    let target =
        json!({"title": "Target", "value": format!("Deployment/{APP}.{}", space.namespace), "short": false});
    assert!(begun["fields"].as_array().is_some_and(|fields| fields.contains(&target)), "{begun}");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    assert_eq!(heard(" is promoted.")["color"], "good");
    space.rests();
    assert!(room.at("/teams").is_empty(), "good news went to those who hear bad news only");

    space.apply(&[&with(&canary, &json!({"spec": {"progressDeadlineSeconds": 20}}))]);
    let mark = history.mark();
    space.kubectl(&["set", "image", "deployment/podinfo", "podinfo=podinfo:2"]).ok();
    history.first(mark, wait::RUN, "the run to end at the deadline", |seen| seen.phase() == "Failed");
    assert_eq!(heard("The revision is taken back.")["color"], "danger");
    room.hears("/teams", wait::NOTICED, "the bad news", |body| body.to_string().contains("taken back"));
    assert_eq!(room.at("/teams").len(), 1, "{:?}", room.at("/teams"));
    assert_eq!(
        room.at("/slack").len(),
        5,
        "initialised, found, promoted, found, taken back: {:?}",
        room.at("/slack")
    );
}
