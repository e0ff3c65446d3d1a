//! Edits in mid-run that change nothing about the steps: they take effect at once, and the run goes on from its step. Where the
//! route changes, the step's time counts from the moment at which the gateway has taken the change over.

use super::*;

/// A run that stands at its first step of 20 %, and when the next one is due.
fn at_first_step() -> (Simulation, Option<Timestamp>) {
    let mut simulation = initialised(weights(&[20, 50]), good());
    release(&simulation, "shop:2");
    for _ in 0..30 {
        simulation.pass(seconds(1), |_| {});
        if simulation.status().canary_weight == 20 && simulation.status().next_step_at.is_some() {
            break;
        }
    }
    assert_eq!(simulation.status().canary_weight, 20);
    simulation.pass(seconds(3), |_| {});
    let due = due(&simulation);
    (simulation, due)
}

fn due(simulation: &Simulation) -> Option<Timestamp> {
    simulation.status().next_step_at.as_ref().map(|due| due.0)
}

/// Goes on to the end, and checks that each step was taken once and in its turn.
fn ends(mut simulation: Simulation) -> Simulation {
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
    assert_eq!(shares(&simulation), [0, 20, 50, 0]);
    simulation
}

#[rstest]
#[case::hosts(json!({"hosts": ["new.example"]}), "/spec/hostnames", json!(["new.example"]))]
#[case::a_timeout(json!({"timeout": "15s"}), "/spec/rules/0/timeouts/request", json!("15s"))]
#[case::a_condition(json!({"match": [{"uri": {"prefix": "/v2"}}]}), "/spec/rules/0/matches/0/path/value", json!("/v2"))]
fn an_edit_of_the_route_takes_effect_at_once_and_moves_no_step(
    #[case] service: Value,
    #[case] place: &str,
    #[case] expected: Value,
) {
    let (mut simulation, _) = at_first_step();
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"service": service}}));
    let step = simulation.status().step_index;
    simulation.pass(seconds(1), |_| {});
    let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
    assert_eq!(object(&simulation, &route).pointer(place), Some(&expected));
    assert_eq!((simulation.status().canary_weight, simulation.status().step_index), (20, step));
    ends(simulation);
}

#[rstest]
#[case::another_bound(json!([{"name": "request-success-rate", "thresholdRange": {"min": 90}, "interval": "1m"}]), 1)]
#[case::one_more(json!([rate(), {"name": "request-duration", "thresholdRange": {"max": 200_000}, "interval": "1m"}]), 2)]
#[case::none(json!([]), 0)]
fn metrics_that_are_edited_are_asked_from_the_next_check_on_and_move_no_step(
    #[case] metrics: Value,
    #[case] checks: usize,
) {
    let (mut simulation, before) = at_first_step();
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"analysis": {"metrics": metrics}}}));
    simulation.pass(seconds(1), |_| {});
    assert_eq!((simulation.status().canary_weight, due(&simulation)), (20, before));
    assert_eq!(ends(simulation).status().checks.len(), checks);
}
