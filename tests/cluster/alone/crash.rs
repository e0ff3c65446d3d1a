//! Something vital goes away in the middle of a run, and the run goes on from where it was: no step twice, none left out, none
//! before its time, no request lost.

use std::time::Duration;

use crate::install::alone;
use crate::support::history::History;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo};
use crate::support::space::Space;
use crate::support::{controller, facts, helm, kubectl, wait};

const STEPS: [u32; 3] = [20, 40, 60];

#[test]
fn w_ops_4_a_killed_controller_repeats_no_step_and_loses_none() {
    let Some(alone) = alone("a killed controller") else { return };
    let _sluice = alone.installed();
    survives("crash", "the controller was killed", || {
        let leader = controller::leader();
        println!("{leader}: {}", controller::kill(&leader));
    });
}

#[test]
fn a_leader_that_hands_over_in_mid_run_leaves_the_run_to_the_next() {
    let Some(alone) = alone("a hand-over") else { return };
    let _sluice = alone.installed();
    survives("handover", "the leader handed over", || {
        let leader = controller::leader();
        kubectl::within(helm::NAMESPACE, &["delete", "pod", &leader, "--wait=false"]).ok();
        wait::until(wait::TAKEN_OVER, "the other replica to lead", || {
            let now = controller::leader();
            if now == leader { Err(now) } else { Ok(()) }
        });
    });
}

/// A run in the middle of whose first step something happens.
#[track_caller]
pub(crate) fn survives(word: &str, what: &str, disturb: impl FnOnce()) {
    controller::ready();
    let space = Space::new(word);
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &STEPS));
    let load = Load::on_host(&space.host(), 40);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let first = history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20);
    // In the middle of the step, whose due time stands in the status.
    std::thread::sleep(Duration::from_secs(5));
    disturb();
    let second = history.first(mark, wait::STEP, "the second step", |seen| seen.weight() == 40);
    let took = second.at.duration_since(first.at).as_secs_f64();
    facts::record(&format!("seconds of a step of 10 s in which {what}"), (took * 10.0).round() / 10.0);
    history.ends(mark, "Succeeded");
    as_planned(&history, mark, &STEPS);
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    load.stop().nothing_lost(&format!("promotion in which {what}"));
    let raises = space.reasons(APP).iter().filter(|reason| *reason == "WeightRaised").count();
    assert!(raises >= 1, "{:?}", space.reasons(APP));
    controller::ready();
}

/// Checks that a run took each step once, in its turn, and for the whole interval of 10 s.
#[track_caller]
pub(crate) fn as_planned(history: &History, mark: usize, steps: &[u32]) {
    let weights = history.weights(mark);
    let raised: Vec<i64> = weights.iter().copied().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, steps.iter().map(|step| i64::from(*step)).collect::<Vec<_>>(), "{weights:?}");
    for (weight, from, until) in history.stays(mark).into_iter().filter(|(weight, ..)| *weight > 0) {
        let stay = until.duration_since(from);
        assert!(
            stay > Duration::from_secs(9),
            "the step at {weight} % lasted {stay:?}, the interval is 10 s"
        );
    }
}
