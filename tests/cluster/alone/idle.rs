//! What Sluice costs when nothing happens, and how soon it sees that something does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::history::History;
use crate::support::manifests::{canary, canary_for, named, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, audit, facts, helm, switch, wait};

const CANARIES: usize = 20;
/// Nothing of a start, an election or an event is left after this time.
const QUIET: Duration = Duration::from_secs(15);
const WINDOW: Duration = Duration::from_secs(60);

/// A small app that hardly loads the machine: no probes.
fn app(name: &str) -> Value {
    let mut app = named(&podinfo("one"), name);
    let container = &mut app["spec"]["template"]["spec"]["containers"][0];
    container.as_object_mut().unwrap().retain(|field, _| !field.ends_with("Probe"));
    app
}

#[test]
fn idle_canaries_cost_no_call_and_a_change_is_noticed_at_once() {
    let Some(alone) = alone("idle Canaries") else { return };
    let _sluice = alone.installed();
    let space = Space::new("idle");
    let names: Vec<String> = (0..CANARIES).map(|number| format!("app-{number:02}")).collect();
    let apps: Vec<Value> = names.iter().map(|name| app(name)).collect();
    let canaries: Vec<Value> = names
        .iter()
        .map(|name| canary_for(&canary(&format!("{name}.{}", space.host()), &[20, 50]), name))
        .collect();
    space.apply(&apps.iter().collect::<Vec<_>>());
    space.apply(&canaries.iter().collect::<Vec<_>>());
    let histories: Vec<History> = names.iter().map(|name| History::of(&space.namespace, name)).collect();
    for (history, name) in histories.iter().zip(&names) {
        history.wait(wait::RUN, &format!("{name} to be initialised"), |seen| seen.phase() == "Initialized");
    }
    assert_eq!(api::list("httproutes", &space.namespace).len(), CANARIES);
    costs_nothing();
    is_noticed(&space, &names, &histories);
}

/// No call in a minute, but for the renewal of the Lease.
fn costs_nothing() {
    std::thread::sleep(QUIET);
    let Some(window) = audit::open() else {
        return switch::skip("calls of idle Canaries", "this cluster has no audit log that can be read");
    };
    std::thread::sleep(WINDOW);
    let calls: Vec<audit::Call> = window.calls().into_iter().filter(|call| call.user == helm::USER).collect();
    let (leases, others): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.resource == "leases");
    // A watch ends by itself every few minutes and is begun anew from where it was.
    let (watches, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|call| call.verb == "watch");
    facts::record(
        "API calls of Sluice in 60 s with 20 idle Canaries",
        json!({"calls": others.len(), "renewals of the Lease": leases.len(), "watches begun anew": watches.len()}),
    );
    assert!(others.is_empty(), "{:?}", audit::summary(&others));
    // Lists would be calls; a watch for each Canary would show here.
    assert!(watches.len() < CANARIES, "{:?}", audit::summary(&watches));
}

/// From the answer to the write of the Deployment to the run, once for each Canary.
fn is_noticed(space: &Space, names: &[String], histories: &[History]) {
    let mut samples: Vec<u128> = Vec::new();
    for (name, history) in names.iter().zip(histories) {
        let mark = history.mark();
        let environment = json!([{"name": "PODINFO_UI_MESSAGE", "value": "two"}]);
        let mut changed = space.deployment(name);
        changed["spec"]["template"]["spec"]["containers"][0]["env"] = environment;
        let container = changed["spec"]["template"]["spec"]["containers"].clone();
        let change = with(&json!({}), &json!({"spec": {"template": {"spec": {"containers": container}}}}));
        api::merge("deployments", &space.namespace, name, &change);
        let written = Instant::now();
        let seen = history
            .first(mark, wait::NOTICED, &format!("the run of {name}"), |seen| seen.phase() == "Progressing");
        // The watch may tell of the run before the writer has read its own answer.
        samples.push(seen.at.saturating_duration_since(written).as_millis());
    }
    samples.sort_unstable();
    let (least, middle, most) = (samples[0], samples[samples.len() / 2], samples[samples.len() - 1]);
    facts::record(
        "milliseconds from a changed Deployment to Progressing, 20 samples",
        json!({"min": least as u64, "median": middle as u64, "max": most as u64}),
    );
    assert!(middle < 5000, "{samples:?}");
}
