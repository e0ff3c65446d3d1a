//! Fifty releases at once, with real pods: each takes its own steps in its own time.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::install::alone;
use crate::support::history::{History, Seen};
use crate::support::manifests::{canary, canary_for, named, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, controller, facts, wait};

const CANARIES: usize = 50;
const STEPS: [i64; 2] = [20, 50];
/// Longest time until all have ended: a hundred pods start on one node.
const ALL: Duration = Duration::from_secs(900);

/// A small app that hardly loads the machine: no probes.
fn app(name: &str) -> Value {
    let mut app = named(&podinfo("one"), name);
    let container = &mut app["spec"]["template"]["spec"]["containers"][0];
    container.as_object_mut().unwrap().retain(|field, _| !field.ends_with("Probe"));
    app
}

/// Nobody sends requests here, so nothing is measured.
fn unmeasured(host: &str) -> Value {
    with(
        &canary(host, &STEPS.map(|step| u32::try_from(step).unwrap())),
        &json!({"spec": {"analysis": {"metrics": []}}}),
    )
}

#[test]
fn fifty_releases_at_once_take_each_its_steps_in_time() {
    let Some(alone) = alone("fifty releases") else { return };
    let _sluice = alone.installed();
    controller::ready();
    let space = Space::new("crowd");
    let names: Vec<String> = (0..CANARIES).map(|number| format!("app-{number:02}")).collect();
    let apps: Vec<Value> = names.iter().map(|name| app(name)).collect();
    let canaries: Vec<Value> =
        names.iter().map(|name| canary_for(&unmeasured(&format!("{name}.{}", space.host())), name)).collect();
    // A few at a time, for `kubectl` asks for each of them in turn; and the machine starts the pods in peace.
    for (some, named) in apps.chunks(5).zip(names.chunks(5)) {
        space.apply(&some.iter().collect::<Vec<_>>());
        named.iter().for_each(|name| ready(&space, name));
    }
    for some in canaries.chunks(5) {
        space.apply(&some.iter().collect::<Vec<_>>());
    }
    let histories: Vec<History> = names.iter().map(|name| History::of(&space.namespace, name)).collect();
    for (history, name) in histories.iter().zip(&names) {
        history.wait(ALL, &format!("{name} to be initialised"), |seen| seen.phase() == "Initialized");
        space.target_rests(name);
    }
    let marks: Vec<usize> = histories.iter().map(History::mark).collect();
    let begun = Instant::now();
    for name in &names {
        let change = json!({"spec": {"template": {"metadata": {"annotations": {"version": "two"}}}}});
        api::merge("deployments", &space.namespace, name, &change);
    }
    let mut late = Vec::new();
    for ((history, mark), name) in histories.iter().zip(marks).zip(&names) {
        let left = ALL.saturating_sub(begun.elapsed()).max(wait::NOTICED);
        let end = history.first(mark, left, &format!("the release of {name} to end"), |seen| {
            ["Succeeded", "Failed"].contains(&seen.phase())
        });
        assert_eq!(end.phase(), "Succeeded", "{name}: {}", end.line());
        assert_eq!(history.weights(mark), [0, STEPS[0], STEPS[1], 0], "{name}");
        late.extend(history.since(mark).windows(2).filter_map(|pair| lateness(&pair[0], &pair[1])));
    }
    late.sort_unstable();
    let at = |share: usize| late[(late.len() * share / 100).min(late.len() - 1)];
    facts::record(
        "50 releases at once: steps, and how many milliseconds late, median, p99 and most",
        json!([late.len(), at(50), at(99), late[late.len() - 1]]),
    );
}

/// Waits until a workload serves.
#[track_caller]
fn ready(space: &Space, name: &str) {
    wait::until(wait::PODS, &format!("{name} to be ready"), || {
        let status = space.deployment(name)["status"].clone();
        if status["readyReplicas"].as_i64() >= Some(1) { Ok(()) } else { Err(status.to_string()) }
    });
}

/// How late a step was in milliseconds, from its due time to the write of the next.
fn lateness(before: &Seen, after: &Seen) -> Option<i64> {
    let due: Timestamp = before.canary["status"]["nextStepAt"].as_str()?.parse().ok()?;
    let stepped = after.weight() > before.weight() || after.phase() != before.phase();
    // Both moments are on the clock of this machine.
    let at = Timestamp::now() - jiff::SignedDuration::try_from(after.at.elapsed()).ok()?;
    (before.phase() == "Progressing" && stepped).then(|| at.duration_since(due).as_millis() as i64)
}
