//! The settle time: how long pods stay after the route took their traffic away. The app here ends as many do, at once and with
//! whatever it is asked; the time that its last requests need is what the settle time gives them. A version is taken back, for
//! then no pod but those of the canary ends.

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::load::{Counts, Load};
use crate::support::manifests::{canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{bed, controller, facts, helm};

/// Requests a second, each of which the app answers after five seconds: later than a pod that is told to go at once is killed,
/// sooner than one that stays for the default time.
const RATE: u32 = 20;

/// How often it is tried to lose a request without a settle time.
const ATTEMPTS: u32 = 4;

/// The app without a farewell: no sleep before the end, killed a second after it was asked to go.
fn hasty(version: &str) -> Value {
    let mut app = podinfo(version);
    app["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1.into();
    let container = app["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap();
    container.remove("lifecycle");
    app
}

/// One version that is taken back under load, with a settle time: what became of the requests.
#[track_caller]
fn taken_back(settle: &str) -> Counts {
    helm::upgrade(&[&format!("routeSettle={settle}")]).ok();
    controller::ready();
    let space = Space::new("settle");
    // All answers are right, and too late for this metric.
    let metrics = json!([{"name": "request-duration", "interval": "10s", "thresholdRange": {"max": 500}}]);
    let analysis = json!({"spec": {"analysis": {"metrics": metrics, "threshold": 1}}});
    let history = space.initialised(&hasty("one"), &with(&canary(&space.host(), &[50]), &analysis));
    let quick = Load::on_host(&space.host(), RATE);
    quick.answered("one");
    drop(quick);
    // As many connections as requests are under way.
    let options = ["--path", "/delay/5", "--connections", "120"];
    let slow = Load::through(bed::bed().envoy(), &space.host(), RATE, &options);
    let mark = history.mark();
    space.apply(&[&hasty("two")]);
    history.ends(mark, "Failed");
    space.rests();
    slow.stop()
}

#[test]
fn without_a_settle_time_requests_are_lost_and_with_the_default_none_is() {
    let Some(alone) = alone("the settle time") else { return };
    let _sluice = alone.installed().changing();
    // A kubelet that is late on a busy machine gives the pods the time that nobody else does: not every attempt loses any.
    let (mut none, mut attempts) = (taken_back("0s"), 1);
    while none.failed == 0 && attempts < ATTEMPTS {
        (none, attempts) = (taken_back("0s"), attempts + 1);
    }
    let default = taken_back("5s");
    facts::record(
        "requests of 5 s and those lost, by settle time",
        json!({"0s": [none.requests, none.failed], "5s": [default.requests, default.failed]}),
    );
    assert!(none.failed > 0, "nothing was lost without a settle time: {none:?}");
    assert_eq!(default.failed, 0, "requests were lost with the default: {default:?}");
}
