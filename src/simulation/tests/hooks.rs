//! Hooks and gates in whole rollouts: when each is called, with which phase, and what its answer leads to.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    api::{CanaryStatus, HookOutcome},
    rollout::Reply,
};

/// What the hooks were told: type and name, and the phase; and what they answer now.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    calls: Vec<String>,
    answers: Vec<(&'static str, Reply)>,
}

impl Desk {
    /// From now on the hook of this name answers so.
    fn set(&self, name: &'static str, reply: Reply) {
        let mut state = self.0.lock().unwrap();
        state.answers.retain(|(known, _)| *known != name);
        state.answers.push((name, reply));
    }

    fn open(&self, name: &'static str) {
        self.set(name, said(200, "ok"));
    }

    /// The calls so far, as `type/name phase`.
    fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    fn count(&self, name: &str) -> usize {
        self.calls().iter().filter(|call| call.split(' ').next().is_some_and(|id| id.ends_with(name))).count()
    }

    fn listen(&self, simulation: &mut Simulation) {
        let desk = self.clone();
        simulation.hooks = Box::new(move |_, id, call| {
            let mut state = desk.0.lock().unwrap();
            assert_eq!(call.payload.id, id.to_string());
            assert_eq!(call.payload.checksum, id.revision);
            state.calls.push(format!("{} {}", id.name, call.payload.phase));
            let known = state.answers.iter().find(|(name, _)| id.name.ends_with(name));
            known.map_or_else(|| said(200, ""), |(_, reply)| reply.clone())
        });
    }
}

fn said(status: u16, body: &str) -> Reply {
    Reply::Answered { status, body: body.to_owned() }
}

fn closed() -> Reply {
    said(403, "not today")
}

fn dead() -> Reply {
    Reply::Silent("gate.shop:80 cannot be reached (connection refused)".to_owned())
}

fn hook(type_: &str, name: &str) -> Value {
    json!({"type": type_, "name": name, "url": "http://gate.shop/"})
}

fn with(mut analysis: Value, hooks: &[Value]) -> Value {
    analysis["webhooks"] = json!(hooks);
    analysis
}

/// A Canary that was initialised, and its desk; a new revision is there.
fn released(analysis: Value, oracle: Oracle, set: &[(&'static str, Reply)]) -> (Simulation, Desk) {
    let mut simulation = initialised(analysis, oracle);
    let desk = Desk::default();
    set.iter().for_each(|(name, reply)| desk.set(name, reply.clone()));
    desk.listen(&mut simulation);
    release(&simulation, "shop:2");
    (simulation, desk)
}

fn told(simulation: &Simulation, reason: Reason) -> Vec<String> {
    let state = simulation.world.state();
    let of = state.events.iter().filter(|event| event.reason == reason);
    of.map(|event| crate::rollout::parts(&event.message).0.to_owned()).collect()
}

fn entry(simulation: &Simulation, name: &str) -> crate::api::HookAnswer {
    simulation.status().hooks.into_iter().find(|entry| entry.name == name).unwrap()
}

#[test]
fn a_manual_gate_holds_a_new_revision_and_lets_it_go_when_opened() {
    let hooks = [hook("confirm-rollout", "gate")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(45), |_| {});
    assert_eq!(simulation.status().phase, Phase::Waiting);
    assert_eq!(replicas(&simulation, "shop"), 0, "no pod starts before");
    assert_eq!(
        desk.calls()[..3],
        ["confirm-rollout/gate Initialized", "confirm-rollout/gate Waiting", "confirm-rollout/gate Waiting"]
    );
    assert_eq!(desk.count("gate"), 5, "at once and then each interval");
    let events = told(&simulation, Reason::GateClosed);
    let sentence =
        "Closed: confirm-rollout gate gate: it answered 403: not today. The revision does not start.";
    assert_eq!(events, [sentence], "told once");
    assert_eq!(entry(&simulation, "gate").outcome, Some(HookOutcome::Refused));
    desk.open("gate");
    simulation.pass(seconds(11), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(told(&simulation, Reason::HookPassed).len(), 1);
}

#[test]
fn w_hk_4_a_closed_gate_is_told_apart_from_a_dead_one() {
    let hooks = [hook("confirm-rollout", "gate")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("gate", dead())]);
    simulation.pass(seconds(45), |_| {});
    assert_eq!(simulation.status().phase, Phase::Waiting);
    assert_eq!(entry(&simulation, "gate").outcome, Some(HookOutcome::Unanswered));
    let events = told(&simulation, Reason::HookUnanswered);
    let sentence = "No usable answer: confirm-rollout gate gate: gate.shop:80 cannot be reached (connection refused). \
                    The revision does not start.";
    assert_eq!(events, [sentence], "w_hk_3: with the reason");
    desk.set("gate", closed());
    simulation.pass(seconds(45), |_| {});
    assert_eq!(told(&simulation, Reason::GateClosed).len(), 1, "another state is news");
    assert_eq!(told(&simulation, Reason::HookUnanswered).len(), 1);
}

#[test]
fn a_revision_that_goes_back_while_it_waits_is_not_started() {
    let hooks = [hook("confirm-rollout", "gate")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(25), |_| {});
    release(&simulation, "shop:1");
    simulation.pass(seconds(1), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    desk.open("gate");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(shares(&simulation), [0]);
    assert_eq!(desk.count("gate"), 3, "nobody is asked about nothing");
}

#[test]
fn an_approval_counts_for_one_run_of_one_revision() {
    let hooks = [hook("confirm-rollout", "gate")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), bad(), &[]);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    desk.set("gate", closed());
    release(&simulation, "shop:1");
    simulation.pass(seconds(60), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Waiting, "{:?}", simulation.status());
}

#[test]
fn a_newer_revision_in_mid_run_waits_for_an_approval_of_its_own() {
    let (mut simulation, desk) =
        released(with(weights(&[20, 50]), &[hook("confirm-rollout", "gate")]), good(), &[]);
    simulation.pass(seconds(8), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().canary_weight), (Phase::Progressing, 20));
    desk.set("gate", closed());
    release(&simulation, "shop:3");
    simulation.pass(seconds(30), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().canary_weight), (Phase::Waiting, 0));
    assert_eq!(shares(&simulation), [0, 20, 0]);
    assert_eq!(replicas(&simulation, "shop"), 0);
    release(&simulation, "shop:2");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Waiting, "its approval was for the run that is over");
    release(&simulation, "shop:3");
    simulation.pass(seconds(30), |_| {});
    desk.open("gate");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(image(&simulation, "shop-primary"), "shop:3");
}

#[test]
fn checks_are_written_once_while_a_gate_takes_its_time_to_answer() {
    let hooks = [hook("confirm-promotion", "sign")];
    let (mut simulation, _) = released(with(weights(&[20]), &hooks), good(), &[]);
    simulation.latency = SignedDuration::from_millis(2_500);
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(simulation.world.state().vain, []);
}

#[test]
fn a_step_that_is_added_while_the_promotion_waits_needs_the_traffic_gate_too() {
    let hooks = [hook("confirm-promotion", "sign"), hook("confirm-traffic-increase", "gate")];
    let (mut simulation, desk) = released(with(weights(&[20]), &hooks), good(), &[("sign", closed())]);
    simulation.pass(seconds(40), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().canary_weight), (Phase::WaitingPromotion, 20));
    desk.set("gate", closed());
    let reference = simulation.canary_reference();
    simulation.user(&reference, &json!({"spec": {"analysis": {"stepWeights": [20, 60]}}}));
    simulation.pass(seconds(40), |_| {});
    assert_eq!(shares(&simulation), [0, 20]);
    desk.open("gate");
    simulation.pass(seconds(40), |_| {});
    assert_eq!(shares(&simulation), [0, 20, 60]);
}

#[test]
fn a_promotion_gate_holds_at_the_last_weight_and_checks_go_on() {
    let hooks = [hook("confirm-promotion", "gate"), hook("rollout", "load")];
    let (mut simulation, desk) = released(with(weights(&[20, 50]), &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::WaitingPromotion);
    // W-CTL-8: the status tells the share that the route has.
    assert_eq!(simulation.status().canary_weight, 50);
    assert_eq!(shares(&simulation), [0, 20, 50]);
    let (asked, loads) = (desk.count("gate"), desk.count("load"));
    simulation.pass(seconds(30), |_| {});
    assert_eq!((desk.count("gate"), desk.count("load")), (asked + 3, loads + 3));
    assert_eq!(told(&simulation, Reason::GateClosed).len(), 1);
    desk.open("gate");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
}

#[test]
fn a_run_that_waits_for_its_promotion_can_still_fail() {
    let hooks = [hook("confirm-promotion", "gate"), hook("rollout", "load")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::WaitingPromotion);
    desk.set("load", said(500, "too slow"));
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(shares(&simulation), [0, 50, 0]);
}

#[test]
fn w_ctl_8_a_blue_green_promotion_gate_is_asked_each_interval_and_once_for_all() {
    let analysis = json!({"interval": "10s", "threshold": 2, "iterations": 2, "metrics": [rate()]});
    let hooks = [hook("confirm-promotion", "gate")];
    let (mut simulation, desk) = released(with(analysis, &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(60), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().iterations), (Phase::WaitingPromotion, 2));
    let asked = desk.count("gate");
    desk.open("gate");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(desk.count("gate"), asked + 1);
}

#[test]
fn a_traffic_gate_holds_the_share_and_nothing_is_counted() {
    let hooks = [hook("confirm-traffic-increase", "gate"), hook("pre-rollout", "smoke")];
    let (mut simulation, desk) = released(with(weights(&[20, 50]), &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(60), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().failed_checks), (Phase::Progressing, 0));
    assert_eq!(shares(&simulation), [0]);
    assert_eq!(desk.count("smoke"), 1, "w_ctl_10: a gate that is closed repeats no pre-rollout hook");
    assert_eq!(told(&simulation, Reason::GateClosed).len(), 1, "not each tick");
    desk.open("gate");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(shares(&simulation), [0, 20]);
    desk.set("gate", closed());
    simulation.pass(seconds(60), |_| {});
    assert_eq!(shares(&simulation), [0, 20]);
    desk.open("gate");
    simulation.pass(seconds(90), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(shares(&simulation), [0, 20, 50, 0]);
}

#[test]
fn a_rollback_hook_that_agrees_takes_the_revision_back_and_the_end_is_told() {
    let hooks = [hook("rollback", "abort"), hook("post-rollout", "clean")];
    let (mut simulation, desk) = released(with(weights(&[20, 50]), &hooks), good(), &[("abort", closed())]);
    simulation.pass(seconds(15), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    assert_eq!(
        simulation.world.state().events.len(),
        4,
        "w_hk_5: nobody hears of a rollback that is not asked for"
    );
    desk.open("abort");
    simulation.pass(seconds(11), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    let events = told(&simulation, Reason::RolledBack);
    assert_eq!(
        events,
        ["The revision is taken back. A rollback is asked for by rollback hook abort: it answered 200: ok. \
          The canary's share goes from 50 % to 0 %."]
    );
    assert_eq!(desk.calls().last().unwrap(), "post-rollout/clean Failed");
}

#[test]
fn w_ctl_9_a_rollback_hook_is_asked_while_a_run_waits_for_approval() {
    let hooks = [hook("rollback", "abort"), hook("confirm-rollout", "gate")];
    let set = [("abort", closed()), ("gate", closed())];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &set);
    simulation.pass(seconds(25), |_| {});
    assert_eq!(simulation.status().phase, Phase::Waiting);
    desk.open("abort");
    simulation.pass(seconds(11), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "the revision is turned down");
    desk.open("gate");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "and stays so");
}

#[test]
fn w_ctl_9_a_rollback_hook_is_asked_while_pods_start() {
    let analysis = with(weights(&[50]), &[hook("rollback", "abort")]);
    let (mut simulation, desk) = released(analysis, good(), &[("abort", closed())]);
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "yes"}}}}});
    let target = deployment(&simulation, "shop");
    simulation.user(&target, &broken);
    simulation.pass(seconds(25), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing, "the run has begun");
    assert_eq!(simulation.kubernetes.ready(&target, simulation.now()), 0, "and no pod is ready");
    assert!(desk.calls().iter().all(|call| call == "rollback/abort Progressing"), "{:?}", desk.calls());
    assert!(desk.count("abort") >= 2, "it is asked each interval: {:?}", desk.calls());
    desk.open("abort");
    simulation.pass(seconds(11), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "long before the deadline of a minute");
    let [told] = told(&simulation, Reason::RolledBack).try_into().unwrap();
    assert!(told.contains("A rollback is asked for by rollback hook abort"), "{told}");
}

#[test]
fn a_rollback_while_the_primary_is_replaced_gives_it_its_old_revision_back() {
    let hooks = [hook("rollback", "abort")];
    let analysis = json!({"interval": "10s", "threshold": 2, "stepWeight": 100, "stepWeightPromotion": 20});
    let (mut simulation, desk) = released(with(analysis, &hooks), good(), &[("abort", closed())]);
    while simulation.status().phase != Phase::Promoting {
        simulation.pass(seconds(1), |_| {});
    }
    desk.open("abort");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(simulation.status().canary_weight, 0);
}

#[test]
fn w_hk_4_a_dead_rollback_hook_is_told_once_and_holds_nothing_up() {
    let hooks = [hook("rollback", "abort")];
    let (mut simulation, _) = released(with(weights(&[20, 50]), &hooks), good(), &[("abort", dead())]);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(told(&simulation, Reason::HookUnanswered).len(), 1);
}

#[test]
fn a_failing_pre_rollout_hook_counts_once_an_interval_and_no_traffic_moves() {
    let hooks = [hook("pre-rollout", "smoke")];
    let (mut simulation, desk) =
        released(with(weights(&[50]), &hooks), good(), &[("smoke", said(500, "2 tests failed"))]);
    simulation.pass(seconds(12), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().failed_checks), (Phase::Progressing, 1));
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!((desk.count("smoke"), shares(&simulation)), (2, vec![0]));
    let events = told(&simulation, Reason::HookUnanswered);
    assert_eq!(
        events[0],
        "Failed check 1 of 2: pre-rollout hook smoke: it answered 500: 2 tests failed. The canary's share stays at 0 %.",
        "w_hk_2"
    );
}

#[test]
fn a_run_without_analysis_asks_its_gate_and_tells_its_end() {
    let hooks = [
        hook("confirm-rollout", "gate"),
        hook("pre-rollout", "smoke"),
        hook("rollout", "load"),
        hook("confirm-promotion", "sign"),
        hook("rollback", "abort"),
        hook("post-rollout", "clean"),
    ];
    let mut canary = canary(with(weights(&[50]), &hooks));
    canary["spec"]["skipAnalysis"] = json!(true);
    let mut simulation = Simulation::new(canary, target("shop:1"), Settings::default(), good(), no_faults());
    let desk = Desk::default();
    desk.listen(&mut simulation);
    simulation.pass(seconds(30), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(desk.calls(), ["confirm-rollout/gate Initialized", "post-rollout/clean Succeeded"]);
}

#[test]
fn a_whole_run_calls_its_hooks_in_the_peers_order() {
    let types = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
    ];
    let hooks = types.map(|type_| hook(type_, "x"));
    let analysis = json!({"interval": "10s", "threshold": 2, "stepWeight": 100, "stepWeightPromotion": 50});
    let (mut simulation, desk) = released(with(analysis, &hooks), good(), &[]);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    let expected = [
        "confirm-rollout/x Initialized",
        "pre-rollout/x Progressing",
        "confirm-traffic-increase/x Progressing",
        "rollout/x Progressing",
        "confirm-traffic-increase/x Progressing",
        "confirm-promotion/x Progressing",
        "post-rollout/x Succeeded",
    ];
    assert_eq!(desk.calls(), expected);
    assert_eq!(simulation.status().hooks.len(), types.len(), "the last answer of each stands in the status");
}

#[test]
fn hooks_of_a_type_are_called_in_their_order_and_the_first_failure_ends_the_row() {
    let hooks = [
        hook("post-rollout", "one"),
        hook("post-rollout", "two"),
        hook("post-rollout", "two"),
        hook("rollout", "load"),
    ];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("two", closed())]);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    let last: Vec<String> = desk.calls().into_iter().filter(|call| call.starts_with("post")).collect();
    assert_eq!(last, ["post-rollout/one Succeeded", "post-rollout/two Succeeded"]);
    assert_eq!(
        told(&simulation, Reason::HookFailed),
        ["Answered: post-rollout hook two: it answered 403: not today."]
    );
}

#[test]
fn a_hook_that_comes_after_the_end_of_a_run_is_not_called_for_it() {
    let (mut simulation, desk) = released(weights(&[50]), good(), &[]);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    let analysis = with(weights(&[50]), &[hook("post-rollout", "late")]);
    let reference = simulation.canary_reference();
    simulation.user(&reference, &json!({"spec": {"analysis": analysis}}));
    simulation.pass(seconds(60), |_| {});
    assert_eq!(desk.calls(), [""; 0]);
}

#[test]
fn a_crash_asks_no_answered_hook_again() {
    let hooks = [hook("pre-rollout", "one"), hook("pre-rollout", "two")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("two", closed())]);
    simulation.pass(seconds(8), |_| {});
    assert_eq!(simulation.status().failed_checks, 1);
    simulation.crash();
    simulation.pass(seconds(1), |_| {});
    assert_eq!((desk.count("one"), desk.count("two")), (1, 1));
    desk.open("two");
    simulation.pass(seconds(60), |_| {});
    assert_eq!((desk.count("one"), desk.count("two")), (1, 2));
    assert_eq!(simulation.status().phase, Phase::Succeeded);
}

#[test]
fn a_gate_that_waits_costs_one_status_an_interval_and_nothing_else() {
    let hooks = [hook("confirm-rollout", "gate")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[("gate", closed())]);
    simulation.pass(seconds(30), |_| {});
    let (deeds, asked) = (simulation.world.state().deeds.len(), desk.count("gate"));
    simulation.pass(seconds(600), |_| {});
    // The question, and the status with its answer.
    assert_eq!(simulation.world.state().deeds.len() - deeds, 2 * (desk.count("gate") - asked));
    assert_eq!(desk.count("gate") - asked, 60);
}

#[test]
fn w_ctl_12_the_step_from_copies_to_real_traffic_is_gated_too() {
    let mut analysis = with(weights(&[50]), &[hook("confirm-traffic-increase", "gate")]);
    analysis["mirror"] = json!(true);
    let (mut simulation, desk) = released(analysis, good(), &[]);
    while simulation.status().step_index < 1 {
        simulation.pass(seconds(1), |_| {});
    }
    desk.set("gate", closed());
    simulation.pass(seconds(60), |_| {});
    assert_eq!((simulation.status().phase, simulation.status().canary_weight), (Phase::Progressing, 0));
    desk.open("gate");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
}

/// The primary has lost its pods, so that a fix has the share of the revision that it follows on.
#[test]
fn a_revision_that_inherits_a_share_is_tried_by_its_own_pre_rollout_hooks_before_it_gets_more() {
    let hooks = [hook("pre-rollout", "smoke")];
    let (mut simulation, desk) = released(with(weights(&[20, 50]), &hooks), good(), &[]);
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().canary_weight, 20);
    let (primary, healed) = (deployment(&simulation, "shop-primary"), simulation.now() + seconds(90));
    simulation.kubernetes.lose(&primary, healed);
    simulation.pass(seconds(1), |_| {});
    let asked = desk.count("smoke");
    desk.set("smoke", said(500, "broken"));
    release(&simulation, "shop:3");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert!(desk.count("smoke") > asked, "it is asked of this revision too");
    assert_eq!(shares(&simulation), [0, 20], "and before the share is raised");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(image(&simulation, "shop-primary"), "shop:1");
    assert_eq!(shares(&simulation), [0, 20, 0]);
}

/// Writes of the status that tell of answers and of nothing else.
fn writes_of_answers(simulation: &Simulation) -> usize {
    let state = simulation.world.state();
    let written = state.deeds.iter().filter_map(|(_, deed)| match deed {
        Deed::Status(status) => Some(status.as_ref()),
        _ => None,
    });
    let written: Vec<&CanaryStatus> = written.collect();
    let rest = |status: &CanaryStatus| CanaryStatus { hooks: Vec::new(), ..status.clone() };
    written.windows(2).filter(|pair| rest(pair[0]) == rest(pair[1])).count()
}

#[test]
fn what_an_event_hook_said_last_stands_in_the_status_and_what_it_says_again_is_not_written() {
    let hooks = [hook("event", "log")];
    let (mut simulation, desk) = released(with(weights(&[50]), &hooks), good(), &[]);
    simulation.pass(seconds(200), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert!(desk.count("log") > 2, "{:?}", desk.calls());
    assert_eq!(entry(&simulation, "log").outcome, Some(HookOutcome::Passed));
    assert!(writes_of_answers(&simulation) <= 1);
    desk.set("log", dead());
    release(&simulation, "shop:3");
    simulation.pass(seconds(200), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "nothing follows from it");
    assert_eq!(entry(&simulation, "log").outcome, Some(HookOutcome::Unanswered));
    assert!(writes_of_answers(&simulation) <= 2);
    let deeds = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    assert_eq!(simulation.world.state().deeds.len(), deeds, "an answer leads to no event");
}
