//! Clocks that jump by an hour: what was stored before is no reason to wait, or to hurry, for longer than a moment.

use super::*;

/// A run at its first step, half an interval in.
fn at_first_step() -> Simulation {
    let mut simulation = initialised(weights(&[20, 50]), good());
    release(&simulation, "shop:2");
    while simulation.status().canary_weight != 20 {
        simulation.pass(seconds(1), |_| {});
    }
    simulation.pass(seconds(6), |_| {});
    assert_eq!(simulation.status().canary_weight, 20, "{:?}", simulation.status());
    simulation
}

#[test]
fn a_clock_that_jumps_back_by_an_hour_holds_no_run_up() {
    let mut simulation = at_first_step();
    simulation.jump(seconds(-3600));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(simulation.wake(), None, "nothing is waited for any more");
}

#[test]
fn a_clock_that_jumps_forward_by_an_hour_shortens_one_interval_alone() {
    let mut simulation = at_first_step();
    simulation.jump(seconds(3600));
    simulation.pass(seconds(9), |_| {});
    assert_eq!(simulation.status().canary_weight, 50, "the step that was under way ended early");
    let second = simulation.now();
    while simulation.status().phase == Phase::Progressing {
        simulation.pass(seconds(1), |_| {});
    }
    assert!(simulation.now() >= second + seconds(2), "the next one has its interval");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
}
