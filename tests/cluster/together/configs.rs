//! ConfigMaps and Secrets of a target: a change of content alone is a release, and the primary's pods keep the old one until it
//! is promoted.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::install::shared;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, configured, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, wait};

const RATE: u32 = 20;

/// A ConfigMap or Secret with the version that the app answers.
fn config(kind: &str, version: &str) -> Value {
    // The API server turns the texts of a Secret into `data`.
    let field = if kind == "Secret" { "stringData" } else { "data" };
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "message"}, field: {"text": version}})
}

#[rstest]
#[case::config_map("ConfigMap", "configmaps", "configMapKeyRef")]
#[case::secret("Secret", "secrets", "secretKeyRef")]
fn a_change_of_content_alone_is_analysed_and_the_primary_has_the_old_one_until_the_promotion(
    #[case] kind: &str,
    #[case] plural: &str,
    #[case] reference: &str,
) {
    let Some(_sluice) = shared(&format!("a change of a {kind}")) else { return };
    let space = Space::new(&format!("{plural}-edit"));
    let app = configured(&json!({reference: {"name": "message", "key": "text"}}));
    space.apply(&[&config(kind, "one")]);
    let history = space.initialised(&app, &canary(&space.host(), &[50]));
    let old = api::get(plural, &space.namespace, "message-primary")["data"].clone();
    assert_eq!(old, api::get(plural, &space.namespace, "message")["data"]);

    let host = Load::on_host(&space.host(), RATE);
    let primary = Load::on_url(&space.service_url("podinfo-primary"), RATE);
    host.answered("one");
    primary.answered("one");
    let (mark, begin) = (history.mark(), Instant::now());
    space.apply(&[&config(kind, "two")]);
    history.first(mark, wait::STEP, "the step at 50 %", |seen| seen.weight() == 50 && seen.is_due());
    assert_eq!(api::get(plural, &space.namespace, "message-primary")["data"], old);
    // A pod of the primary that starts now has the old content too.
    let pod = space.deployment("podinfo-primary")["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(pod["env"][0]["valueFrom"][reference]["name"], "message-primary");
    let promoting = history.first(mark, wait::RUN, "the promotion", |seen| seen.phase() == "Promoting").at;
    let before = primary.between(begin, promoting);
    assert!(before.of("one") > 0 && before.of("two") == 0, "the primary has the new content: {before:?}");
    let analysed = host.between(begin, promoting);
    assert!(analysed.of("one") > 0 && analysed.of("two") > 0, "the canary has the old content: {analysed:?}");
    history.ends(mark, "Succeeded");

    assert_ne!(api::get(plural, &space.namespace, "message-primary")["data"], old);
    primary.sees("two");
    space.rests();
    primary.stop().nothing_lost(&format!("a change of a {kind}, at the primary"));
    host.stop().nothing_lost(&format!("a change of a {kind}"));
}

#[test]
fn a_config_that_changes_in_mid_run_is_analysed_again_and_the_primary_never_has_what_was_not() {
    let Some(_sluice) = shared("a config that changes in mid-run") else { return };
    let space = Space::new("configs-again");
    let app = configured(&json!({"configMapKeyRef": {"name": "message", "key": "text"}}));
    space.apply(&[&config("ConfigMap", "one")]);
    // Time enough to change it before the step is over.
    let slowly = json!({"spec": {"analysis": {"interval": "20s"}}});
    let history = space.initialised(&app, &with(&canary(&space.host(), &[50]), &slowly));
    let host = Load::on_host(&space.host(), RATE);
    let primary = Load::on_url(&space.service_url("podinfo-primary"), RATE);
    host.answered("one");
    primary.answered("one");

    let (mark, begin) = (history.mark(), Instant::now());
    space.apply(&[&config("ConfigMap", "two")]);
    history.first(mark, wait::STEP, "the step at 50 %", |seen| seen.weight() == 50 && seen.is_due());
    host.sees("two");
    let (again, changed) = (history.mark(), Instant::now());
    space.apply(&[&config("ConfigMap", "three")]);
    history.first(again, wait::NOTICED, "the run to begin anew", |seen| seen.weight() == 0);
    history.first(again, wait::RUN, "50 % again", |seen| seen.weight() == 50 && seen.is_due());
    let promoting = history.first(again, wait::RUN, "the promotion", |seen| seen.phase() == "Promoting").at;
    let analysed = host.between(changed, promoting);
    assert!(analysed.of("three") > 0, "what is promoted was not analysed: {analysed:?}");
    history.ends(again, "Succeeded");

    primary.sees("three");
    let served = primary.between(begin, Instant::now());
    assert_eq!(served.of("two"), 0, "the primary has what was not promoted: {served:?}");
    space.rests();
    primary.stop().nothing_lost("a config that changes in mid-run, at the primary");
    host.stop().nothing_lost("a config that changes in mid-run");
}

#[test]
fn a_config_that_is_opted_out_is_neither_tracked_nor_copied() {
    let Some(_sluice) = shared("a config that is opted out") else { return };
    let space = Space::new("opted-out");
    let opted_out = |version: &str| {
        let mut config = config("ConfigMap", version);
        config["metadata"]["annotations"] = json!({"flagger.app/config-tracking": "disabled"});
        config
    };
    let app = configured(&json!({"configMapKeyRef": {"name": "message", "key": "text"}}));
    space.apply(&[&opted_out("one")]);
    let history = space.initialised(&app, &canary(&space.host(), &[50]));
    assert!(api::find("configmaps", &space.namespace, "message-primary").is_none());
    let pod = space.deployment("podinfo-primary")["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(pod["env"][0]["valueFrom"]["configMapKeyRef"]["name"], "message");
    let mark = history.mark();
    space.apply(&[&opted_out("two")]);
    wait::stays(Duration::from_secs(5), "a Canary whose config is opted out", || {
        let status = api::get("canaries", &space.namespace, APP)["status"].clone();
        if status["phase"] == "Initialized" { Ok(()) } else { Err(status.to_string()) }
    });
    assert!(history.phases(mark).iter().all(|phase| phase == "Initialized"), "{:?}", history.phases(mark));
}

#[test]
fn an_optional_config_that_is_not_there_hinders_nothing_and_its_birth_is_a_release() {
    let Some(_sluice) = shared("an optional config") else { return };
    let space = Space::new("optional");
    let mut app = podinfo("one");
    let reference = json!({"configMapKeyRef": {"name": "message", "key": "text", "optional": true}});
    let variables = app["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().unwrap();
    variables.push(json!({"name": "EXTRA", "valueFrom": reference}));
    let unjudged = json!({"spec": {"analysis": {"metrics": null}}});
    let history = space.initialised(&app, &with(&canary(&space.host(), &[50]), &unjudged));
    let load = Load::on_host(&space.host(), RATE);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&config("ConfigMap", "two")]);
    history.first(mark, wait::NOTICED, "the birth to be noticed", |seen| seen.phase() == "Progressing");
    history.ends(mark, "Succeeded");
    assert_eq!(api::get("configmaps", &space.namespace, "message-primary")["data"]["text"], "two");
    load.stop().nothing_lost("the birth of an optional config");
}
