//! Waiting: one table of limits, and one way to wait that says what it last saw.

use std::time::{Duration, Instant};

/// A program that answers at once unless something hangs.
pub(crate) const COMMAND: Duration = Duration::from_secs(30);
/// Programs and images from nothing: compilers run.
pub(crate) const BUILD: Duration = Duration::from_secs(3600);
/// A whole cluster.
pub(crate) const BED: Duration = Duration::from_secs(420);
/// Install, upgrade, rollback and uninstall with Helm, each with its hooks.
pub(crate) const HELM: Duration = Duration::from_secs(240);
/// Pods of Sluice or of an app become ready, or go.
pub(crate) const PODS: Duration = Duration::from_secs(120);
/// From a new Canary to its primary serving.
pub(crate) const INITIALISED: Duration = Duration::from_secs(150);
/// From a changed target to the run, or from a wish of ours to the object that shows it: by watch, so this is slack.
pub(crate) const NOTICED: Duration = Duration::from_secs(30);
/// From one step of a run to the next; twice the interval and the start of pods on a busy machine.
pub(crate) const STEP: Duration = Duration::from_secs(90);
/// A whole run of few steps.
pub(crate) const RUN: Duration = Duration::from_secs(240);
/// A replica takes over from one that was killed: the Lease has to run out.
pub(crate) const TAKEN_OVER: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(200);

/// Asks until the answer is `Ok`; after the limit panics with what was waited for and the last `Err`.
#[track_caller]
pub(crate) fn until<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(found) => return found,
            Err(seen) if began.elapsed() > limit => {
                panic!("waited {} s for {what}; last seen: {seen}", limit.as_secs())
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Watches that something stays so for a while.
#[track_caller]
pub(crate) fn stays(time: Duration, what: &str, mut ask: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    while began.elapsed() < time {
        if let Err(seen) = ask() {
            panic!("{what} should have stayed so for {} s, but: {seen}", time.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}
