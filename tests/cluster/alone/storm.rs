//! One ConfigMap that all apps share is changed: they are released in turn, and the operator's own ears hear of each.

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::history::History;
use crate::support::manifests::{canary, canary_for, configured, named, with};
use crate::support::receiver::Receiver;
use crate::support::space::Space;
use crate::support::{api, helm, switch, wait};

const APPS: usize = 5;
const BOUND: usize = 2;
/// Phases of a rollout that goes on.
const RUNNING: [&str; 3] = ["Progressing", "Promoting", "Finalising"];

fn shared_config(version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "message"}, "data": {"text": version}})
}

#[test]
fn a_shared_config_starts_no_storm_and_every_app_has_its_turn() {
    let Some(alone) = alone("a storm of rollouts") else { return };
    let _sluice = alone.installed().changing();
    let space = Space::new("storm");
    let ears = Receiver::behind(&space, "ears");
    let mut arguments = vec![format!("--max-rollouts-per-namespace={BOUND}")];
    if ears.is_some() {
        let url = format!("http://ears.{}", space.namespace);
        arguments.push("--cluster-name=harbour".to_owned());
        arguments.push(format!("--event-webhook={url}/events"));
        arguments.push(format!("--slack-url={url}/room"));
    }
    helm::upgrade(&[&format!("extraArgs={{{}}}", arguments.join(","))]).ok();
    space.apply(&[&shared_config("one")]);
    let source = json!({"configMapKeyRef": {"name": "message", "key": "text"}});
    let names: Vec<String> = (0..APPS).map(|number| format!("app-{number}")).collect();
    // What is shown is the queue: one step without a check.
    let quick = json!({"spec": {"analysis": {"metrics": null}}});
    for name in &names {
        let host = format!("{name}.{}", space.host());
        space.apply(&[
            &named(&configured(&source), name),
            &with(&canary_for(&canary(&host, &[50]), name), &quick),
        ]);
    }
    let histories: Vec<History> = names.iter().map(|name| History::of(&space.namespace, name)).collect();
    for (history, name) in histories.iter().zip(&names) {
        history.wait(wait::RUN, &format!("{name} to be initialised"), |seen| seen.phase() == "Initialized");
    }
    space.apply(&[&shared_config("two")]);
    wait::until(wait::RUN, "every app to be released", || {
        // One list is one moment.
        let canaries = api::list("canaries", &space.namespace);
        let phases: Vec<&str> =
            canaries.iter().filter_map(|canary| canary["status"]["phase"].as_str()).collect();
        let running = phases.iter().filter(|phase| RUNNING.contains(phase)).count();
        assert!(running <= BOUND, "{running} rollouts at once: {phases:?}");
        if phases == ["Succeeded"; APPS] { Ok(()) } else { Err(phases.join(" ")) }
    });
    let queued =
        names.iter().filter(|name| space.reasons(name).iter().any(|reason| reason == "Queued")).count();
    assert_eq!(queued, APPS - BOUND, "who waits is told so");
    let Some(ears) = ears else {
        return switch::skip("the operator's ears", "pods do not reach this machine");
    };
    for name in &names {
        let promoted = |text: &Value| text.as_str().is_some_and(|text| text.contains("promoted"));
        let of_app =
            |body: &Value| body["name"] == name.as_str() && promoted(&body["metadata"]["eventMessage"]);
        ears.hears("/events", wait::NOTICED, &format!("of the promotion of {name}"), of_app);
        let author = format!("{name}.{}", space.namespace);
        let of_author =
            |message: &Value| message["author_name"] == author.as_str() && promoted(&message["text"]);
        let told = ears.hears("/room", wait::NOTICED, &format!("of the promotion of {name}"), |body| {
            of_author(&body["attachments"][0])
        });
        let cluster = &told.body["attachments"][0]["fields"][0];
        assert_eq!((&cluster["title"], &cluster["value"]), (&json!("Cluster"), &json!("harbour")));
    }
}
