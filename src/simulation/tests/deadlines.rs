//! Waits: each has a deadline of its own, none hangs, none is cut short.

use super::*;

fn stalled(simulation: &Simulation) -> Option<String> {
    let stalled = simulation.status().conditions.into_iter().find(|c| c.type_ == "Stalled")?;
    (stalled.status == crate::api::ConditionStatus::True).then_some(stalled.reason)
}

fn broken(image: &str) -> Value {
    let mut template = template(image);
    template["metadata"]["annotations"] = json!({BROKEN: "true"});
    json!({"spec": {"template": template}})
}

#[test]
fn the_wait_for_pods_takes_nothing_from_the_deadline_of_the_wait_for_the_route() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    // Pods take four seconds to start, the route one to be accepted.
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"progressDeadlineSeconds": 4}}));
    release(&simulation, "shop:2");
    simulation.pass(seconds(3), |_| {});
    assert!(simulation.status().deadline_at.is_some());
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"progressDeadlineSeconds": 5}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status().last_decision);
}

#[test]
fn nothing_that_has_ended_keeps_a_deadline() {
    let mut simulation = initialised(weights(&[50]), good());
    assert_eq!(simulation.status().deadline_at, None);
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(simulation.status().deadline_at, None);
    assert_eq!(simulation.status().next_step_at, None);
}

/// Each step is written twice, when it is wished and when its time begins to run; what is awaited for a moment only is not.
#[test]
fn waits_that_are_over_soon_are_not_written() {
    let mut simulation = initialised(weights(&[10, 20, 50]), good());
    let writes = |simulation: &Simulation| {
        simulation.world.state().deeds.iter().filter(|(_, deed)| matches!(deed, Deed::Status(_))).count()
    };
    let before = writes(&simulation);
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    let written = writes(&simulation) - before;
    assert!(written <= 15, "{written} writes of the status for three steps");
}

#[test]
fn a_mended_first_version_gets_a_deadline_of_its_own() {
    let mut simulation = simulation(weights(&[50]), good());
    simulation.user(&deployment(&simulation, "shop"), &broken("shop:1"));
    simulation.pass(seconds(90), |_| {});
    assert_eq!(stalled(&simulation).as_deref(), Some("PrimaryNotReady"));
    let mended = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: null}}}}});
    simulation.user(&deployment(&simulation, "shop"), &mended);
    simulation.pass(seconds(2), |_| {});
    assert_eq!(stalled(&simulation), None, "the new pods start");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[test]
fn a_suspension_does_not_use_up_the_deadline() {
    let mut simulation = initialised(weights(&[50]), good());
    simulation.user(&deployment(&simulation, "shop"), &broken("shop:2"));
    simulation.pass(seconds(5), |_| {});
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"suspend": true}}));
    simulation.pass(seconds(600), |_| {});
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"suspend": false}}));
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
}

#[test]
fn a_gateway_that_is_away_does_not_hold_up_a_promoted_revision_nor_take_its_pods() {
    let mut simulation = initialised(weights(&[50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |simulation| {
        let away = simulation.status().phase == Phase::Finalising;
        simulation.world.state().gateway_away |= away;
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(stalled(&simulation).as_deref(), Some("RouteNotAccepted"));
    assert_eq!(replicas(&simulation, "shop"), 2, "the old route may still lead to them");
    simulation.world.state().gateway_away = false;
    simulation.pass(seconds(20), |_| {});
    assert_eq!(replicas(&simulation, "shop"), 0);
    assert_eq!(stalled(&simulation), None);
    assert!(!reasons(&simulation).contains(&Reason::ReplicasHeld), "nobody scaled it");
}

#[test]
fn a_target_that_goes_before_its_snapshot_is_stored_ends_the_run() {
    let mut simulation = initialised(weights(&[50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(2), |_| {});
    let revision = simulation.status().last_applied_spec.unwrap_or_default();
    let snapshot = simulation.reference("apps/v1", "ControllerRevision", &format!("shop-{revision}"));
    simulation.world.state().memory.delete(&deployment(&simulation, "shop"));
    simulation.world.state().memory.delete(&snapshot);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
}

#[test]
fn due_times_are_never_early_although_the_api_server_keeps_whole_seconds() {
    let mut simulation = initialised(weights(&[10, 20]), good());
    simulation.pass(SignedDuration::from_millis(900), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(60), |_| {});
    let state = simulation.world.state();
    let at = |wanted: i64| {
        let found = state.deeds.iter().filter(|(_, deed)| share(deed) == Some(wanted));
        found.map(|(at, _)| *at).collect::<Vec<_>>()
    };
    // One second for the gateway, then the interval.
    assert!(at(20)[0].duration_since(at(10)[0]) >= seconds(11));
    let (zero, idle) = (*at(0).last().unwrap(), |deed: &Deed| {
        matches!(deed, Deed::Effect(Effect::Scale { replicas: 0, .. }))
    });
    let scaled = state.deeds.iter().rfind(|(_, deed)| idle(deed)).map(|(at, _)| *at).unwrap();
    assert!(scaled.duration_since(zero) >= seconds(6), "one for the gateway, five to settle");
}
