//! The writing replica is killed again and again over real releases, at moments that nobody chose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::alone::crash::as_planned;
use crate::install::alone;
use crate::support::load::Load;
use crate::support::manifests::{canary, podinfo};
use crate::support::space::Space;
use crate::support::{controller, facts, helm, kubectl};

const STEPS: [u32; 3] = [20, 40, 60];
/// Longest time of one release in which the controller is killed every half a minute.
const RUN: Duration = Duration::from_secs(900);

/// How many kills: a hundred, or as many as `KILLS` says.
fn kills() -> usize {
    std::env::var("KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(100)
}

#[test]
fn w_ops_4_a_hundred_kills_repeat_no_step_lose_none_and_fail_no_request() {
    let Some(alone) = alone("a hundred kills") else { return };
    let _sluice = alone.installed().changing();
    controller::ready();
    let space = Space::new("kills");
    let history = space.initialised(&podinfo("0"), &canary(&space.host(), &STEPS));
    let load = Load::on_host(&space.host(), 40);
    load.answered("0");
    let done = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&done);
    let killer = std::thread::spawn(move || {
        while counter.load(Ordering::Relaxed) < kills() {
            // From the hand-over on, so that the next leader gets at something in most cases and at nothing in some.
            let leader = controller::leader();
            std::thread::sleep(Duration::from_millis(fastrand::u64(500..20_000)));
            controller::kill(&leader);
            // A new pod takes its place: the kubelet would start the old one's container later and later.
            let words = ["delete", "pod", &leader, "--grace-period=0", "--force", "--wait=false"];
            kubectl::within(helm::NAMESPACE, &words).ok();
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut releases = 0;
    while !killer.is_finished() {
        releases += 1;
        let mark = history.mark();
        let version = releases.to_string();
        space.apply(&[&podinfo(&version)]);
        history.first(mark, RUN, "the release to begin", |seen| seen.phase() == "Progressing");
        let ended = history.first(mark, RUN, "the release to end", |seen| {
            ["Succeeded", "Failed"].contains(&seen.phase()) && seen.weight() == 0
        });
        assert_eq!(ended.phase(), "Succeeded", "{}", ended.line());
        as_planned(&history, mark, &STEPS);
        space.rests();
        assert_eq!(space.version("podinfo-primary"), version);
    }
    killer.join().unwrap();
    let counts = load.stop();
    facts::record(
        "kills of the controller, releases meanwhile, requests, lost",
        json!([done.load(Ordering::Relaxed), releases, counts.requests, counts.lost()]),
    );
    counts.nothing_lost("a hundred kills");
}
