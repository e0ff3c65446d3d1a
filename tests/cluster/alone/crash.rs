//! The writing replica is killed in the middle of a run, and the run goes on from where it was.

use std::time::Duration;

use crate::install::alone;
use crate::support::load::Load;
use crate::support::manifests::{APP, canary, podinfo};
use crate::support::space::Space;
use crate::support::{controller, facts, wait};

const STEPS: [u32; 3] = [20, 40, 60];

#[test]
fn w_ops_4_a_killed_controller_repeats_no_step_and_loses_none() {
    let Some(alone) = alone("a killed controller") else { return };
    let _sluice = alone.installed();
    controller::ready();
    let space = Space::new("crash");
    let history = space.initialised(&podinfo("one"), &canary(&space.host(), &STEPS));
    let load = Load::on_host(&space.host(), 40);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    let first = history.first(mark, wait::STEP, "the first step", |seen| seen.weight() == 20);
    // In the middle of the step, whose due time stands in the status.
    std::thread::sleep(Duration::from_secs(5));
    let leader = controller::leader();
    println!("{leader}: {}", controller::kill(&leader));
    let second = history.first(mark, wait::STEP, "the second step", |seen| seen.weight() == 40);
    let took = second.at.duration_since(first.at).as_secs_f64();
    facts::record(
        "seconds of a step of 10 s in which the controller was killed",
        (took * 10.0).round() / 10.0,
    );
    history.ends(mark, "Succeeded");

    let weights = history.weights(mark);
    let raised: Vec<i64> = weights.iter().copied().filter(|weight| ![0, 100].contains(weight)).collect();
    assert_eq!(raised, STEPS.map(i64::from), "{weights:?}");
    for (weight, from, until) in history.stays(mark).into_iter().filter(|(weight, ..)| *weight > 0) {
        let stay = until.duration_since(from);
        assert!(
            stay > Duration::from_secs(9),
            "the step at {weight} % lasted {stay:?}, the interval is 10 s"
        );
    }
    space.rests();
    assert_eq!(space.version("podinfo-primary"), "two");
    load.stop().nothing_lost("promotion with the controller killed");
    let raises = space.reasons(APP).iter().filter(|reason| *reason == "WeightRaised").count();
    assert!(raises >= 1, "{:?}", space.reasons(APP));
    controller::ready();
}
