//! A Canary that breaks a rule in mid-run: nothing goes on, and users are kept from pods that fail.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::*;
use crate::rollout::{Cause, Decision, Failure, Lost, Observation, Unread, decide};

const PROBLEM: &str = "SL302: spec.analysis.stepWeights is wrong.";

/// What was seen last, of a Canary that breaks a rule.
fn refused(simulation: &Simulation) -> Observation {
    let seen = simulation.last_look().expect("it was looked at").seen.clone();
    let canary = crate::api::Canary { status: Some(simulation.status()), ..(*seen.canary).clone() };
    Observation { canary: canary.into(), problems: vec![PROBLEM.to_owned()], ..seen }
}

fn decided(simulation: &Simulation, seen: &Observation) -> Decision {
    decide(seen, simulation.settings(), simulation.now())
}

fn at_half(provider: &str) -> Simulation {
    let mut canary = canary(weights(&[50, 60]));
    canary["spec"]["provider"] = json!(provider);
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(10), |_| {});
    assert_eq!(simulation.status().canary_weight, 50, "{:?}", simulation.status());
    simulation
}

/// The same without the canary's ready endpoints.
fn crashed(seen: Observation) -> Observation {
    let (_, live) =
        seen.live.partition(|of| of.name.starts_with("shop-canary") && of.kind == "EndpointSlice");
    Observation { live, ..seen }
}

#[test]
fn a_refused_run_with_pods_that_are_ready_stays_as_it_is() {
    let simulation = at_half("gatewayapi:v1");
    let decision = decided(&simulation, &refused(&simulation));
    assert_eq!((decision.status.canary_weight, decision.effects), (50, Vec::new()));
    assert!(decision.events.iter().all(|event| event.reason == Reason::Blocked), "{:?}", decision.events);
}

#[rstest]
#[case::gateway_api("gatewayapi:v1")]
#[case::istio("istio")]
#[case::contour("contour")]
fn a_refused_run_whose_pods_crash_gives_its_traffic_back_and_changes_nothing_else(#[case] provider: &str) {
    let simulation = at_half(provider);
    let mut seen = crashed(refused(&simulation));
    let decision = decided(&simulation, &seen);
    assert_eq!((decision.status.phase, decision.status.canary_weight), (Phase::Progressing, 0));
    assert!(decision.events.iter().any(|event| event.reason == Reason::TrafficReturned));
    let stalled = decision.status.conditions.iter().find(|one| one.type_ == "Stalled").unwrap();
    assert_eq!((stalled.reason.as_str(), stalled.message.as_str()), ("Refused", PROBLEM));
    let [Effect::Patch { reference, patch, .. }] = decision.effects.as_slice() else {
        panic!("weights and nothing else: {:?}", decision.effects)
    };
    let before = object(&simulation, reference);
    let mut after = before.clone();
    json_patch::patch(&mut after, patch).unwrap();
    assert_ne!(after, before);
    seen.live.insert(reference.clone(), after.into());
    // A crash between status and route is made good, and then nothing is left to do.
    let canary = crate::api::Canary { status: Some(decision.status), ..(*seen.canary).clone() };
    seen.canary = canary.into();
    let again = decided(&simulation, &seen);
    assert_eq!((again.effects, again.events), (Vec::new(), Vec::new()));
}

#[test]
fn a_refused_run_whose_pods_crash_keeps_nobody_by_a_cookie() {
    let mut analysis = weights(&[50, 60]);
    analysis["sessionAffinity"] = json!({"cookieName": "met"});
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(10), |_| {});
    let pair = simulation.status().session_affinity_cookie.expect("a cookie of the run");
    let status = decided(&simulation, &crashed(refused(&simulation))).status;
    assert_eq!((status.canary_weight, status.session_affinity_cookie), (0, None));
    assert_eq!(status.previous_session_affinity_cookie, Some(pair));
}

#[rstest]
#[case::in_a_run(Phase::Progressing)]
#[case::at_rest(Phase::Failed)]
fn a_share_that_somebody_gave_a_refused_canary_is_taken_back_and_waits_begin_anew(#[case] phase: Phase) {
    let simulation = at_half("gatewayapi:v1");
    let mut seen = refused(&simulation);
    let past = Some(MicroTime(simulation.now() - seconds(1)));
    let status = crate::api::CanaryStatus {
        phase,
        canary_weight: 0,
        next_step_at: past.clone(),
        settle_until: past,
        ..simulation.status()
    };
    seen.canary = crate::api::Canary { status: Some(status), ..(*seen.canary).clone() }.into();
    let decision = decided(&simulation, &seen);
    assert_eq!(decision.effects.len(), 1, "the share that stands in the route: {:?}", decision.effects);
    assert_eq!((decision.status.next_step_at, decision.status.settle_until), (None, None));
}

#[test]
fn a_refused_run_that_waits_gives_its_traffic_back_at_its_deadline() {
    let mut simulation = at_half("gatewayapi:v1");
    // A pod more is asked for: the run waits.
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 3}}));
    simulation.pass(seconds(1), |_| {});
    let deadline = simulation.status().deadline_at.expect("a third pod is awaited").0;
    let seen = refused(&simulation);
    assert_eq!(decided(&simulation, &seen).wake, Some(deadline));
    let decision = decide(&seen, simulation.settings(), deadline);
    assert_eq!((decision.status.phase, decision.status.canary_weight), (Phase::Progressing, 0));
    assert_eq!(decision.effects.len(), 1, "{:?}", decision.effects);
}

#[test]
fn where_nothing_may_be_read_nothing_is_taken_away() {
    let simulation = at_half("gatewayapi:v1");
    let seen = Observation { live: crate::api::Live::default(), ..refused(&simulation) };
    let decision = decided(&simulation, &seen);
    assert_eq!((decision.status.canary_weight, decision.effects), (50, Vec::new()));
}

#[test]
fn a_run_that_is_mended_begins_again_with_its_first_step() {
    let simulation = at_half("gatewayapi:v1");
    let decision = decided(&simulation, &crashed(refused(&simulation)));
    let mut simulation = simulation;
    simulation.user(&simulation.canary_reference(), &json!({"status": decision.status}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(shares(&simulation), [0, 50, 0, 50, 60, 0]);
}

/// What was seen last, but for a read that has failed for `since` seconds.
fn unread(simulation: &Simulation, lost: Lost, since: i64) -> Observation {
    let failure = Failure {
        cause: Cause::ReadFailed,
        what: "reading Secret store/keys".to_owned(),
        why: "not now".to_owned(),
    };
    let since = simulation.now() - seconds(since);
    Observation { problems: Vec::new(), unread: Some(Unread { lost, failure, since }), ..refused(simulation) }
}

#[test]
fn while_a_config_of_the_target_cannot_be_read_pods_that_are_ready_keep_their_share_until_the_deadline() {
    let simulation = at_half("gatewayapi:v1");
    let decision = decided(&simulation, &unread(&simulation, Lost::Revision, 58));
    assert_eq!((decision.status.canary_weight, decision.effects), (50, Vec::new()));
    let decision = decided(&simulation, &unread(&simulation, Lost::Revision, 61));
    assert_eq!((decision.status.canary_weight, decision.effects.len()), (0, 1));
}

#[test]
fn while_a_config_of_the_target_cannot_be_read_pods_that_crash_lose_their_share_at_once() {
    let simulation = at_half("gatewayapi:v1");
    let decision = decided(&simulation, &crashed(unread(&simulation, Lost::Revision, 0)));
    assert_eq!((decision.status.canary_weight, decision.effects.len()), (0, 1));
}

#[test]
fn a_target_that_became_what_cannot_be_read_loses_its_share_at_once() {
    let simulation = at_half("gatewayapi:v1");
    let mut seen = unread(&simulation, Lost::Revision, 0);
    let mut canary = (*seen.canary).clone();
    canary.status.as_mut().unwrap().target.as_mut().unwrap().generation -= 1;
    seen.canary = canary.into();
    assert_eq!(decided(&simulation, &seen).status.canary_weight, 0);
}

#[test]
fn a_config_that_counts_as_it_was_last_seen_holds_nothing_up_and_is_told() {
    let simulation = at_half("gatewayapi:v1");
    let all = Observation { unread: None, ..unread(&simulation, Lost::Little, 0) };
    let most = unread(&simulation, Lost::Little, 60);
    for (all, most) in [(all.clone(), most.clone()), (crashed(all), crashed(most))] {
        let (all, most) = (decided(&simulation, &all), decided(&simulation, &most));
        assert_eq!(
            (all.effects, all.asks.len(), all.status.canary_weight, all.status.phase),
            (most.effects, most.asks.len(), most.status.canary_weight, most.status.phase)
        );
        let stalled = most.status.conditions.iter().find(|one| one.type_ == "Stalled").unwrap();
        assert_eq!(
            (stalled.reason.as_str(), stalled.message.as_str()),
            ("ReadFailed", "Reading Secret store/keys: not now.")
        );
    }
}
