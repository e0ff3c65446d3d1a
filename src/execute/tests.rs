//! The order of writes, and what ends them.

use std::sync::Mutex;

use futures::FutureExt;
use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{ObjectRef, Phase},
    rollout::{Ask, AskId, Cause, Effect, Event, Question, Reason, global_event_call},
};

/// How a call fails.
#[derive(Clone, Copy, Debug)]
enum End {
    Stale,
    Deposed,
    Failed,
}

/// Writes down what it is asked to do; the call with this number fails, and so does scaling to these numbers.
#[derive(Default)]
struct Recorder {
    said: Mutex<Vec<String>>,
    failing: Option<(usize, End)>,
    impossible: Vec<i32>,
}

impl Recorder {
    fn call(&self, what: &str) -> Result<(), WorldError> {
        let mut said = self.said.lock().unwrap();
        said.push(what.to_owned());
        let what = what.to_owned();
        match &self.failing {
            Some((at, end)) if *at == said.len() => Err(match end {
                End::Stale => WorldError::Stale { what },
                End::Deposed => WorldError::Deposed { what },
                End::Failed => WorldError::Failed(Failure { what, ..failure(0) }),
            }),
            _ => Ok(()),
        }
    }
}

impl World for Recorder {
    async fn write_status(&self, _: &Canary, status: &CanaryStatus) -> Result<(), WorldError> {
        self.call(&format!("status {}", status.phase.as_str()))
    }

    async fn perform(&self, _: &Canary, effect: &Effect) -> Result<(), WorldError> {
        let Effect::Scale { replicas, .. } = effect else { return self.call("another effect") };
        self.call(&format!("scale {replicas}"))?;
        match self.impossible.contains(replicas) {
            true => Err(WorldError::Failed(failure(*replicas))),
            false => Ok(()),
        }
    }

    fn announce(&self, _: &Canary, _: &CanaryStatus, event: &Event) {
        let _ = self.call(event.reason.as_str());
    }

    fn ask(&self, _: &Canary, _: &Ask) {
        let _ = self.call("ask");
    }
}

fn failure(replicas: i32) -> Failure {
    Failure { cause: Cause::WriteFailed, what: format!("scale {replicas}"), why: "not so".to_owned() }
}

fn question() -> Ask {
    let (now, event) = (Timestamp::UNIX_EPOCH, Event::new(Reason::Promoting, "So it is."));
    let call =
        global_event_call("http://hook", &canary(Phase::Promoting), &CanaryStatus::default(), &event, now);
    let id = AskId { revision: "r".to_owned(), due: now, name: "hook".to_owned() };
    Ask { id, question: Question::Hook(Box::new(call)) }
}

fn decision() -> Decision {
    let reference = ObjectRef::new("apps/v1", "Deployment", "store", "shop");
    let scale = |replicas| Effect::Scale { reference: reference.clone(), replicas };
    Decision {
        status: CanaryStatus { phase: Phase::Promoting, ..CanaryStatus::default() },
        effects: vec![scale(1), scale(2)],
        lowering: 0,
        asks: Vec::new(),
        known: Default::default(),
        lacks: Vec::new(),
        wake: None,
        events: vec![Event::new(Reason::Promoting, "So it is.")],
    }
}

fn canary(phase: Phase) -> Canary {
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}, "service": {"port": 80}},
        "status": {"phase": phase.as_str()},
    }))
    .unwrap()
}

fn run(failing: Option<(usize, End)>, status: Phase) -> (Vec<String>, Result<Outcome, WorldError>) {
    let canary = canary(status);
    let world = Recorder { failing, ..Recorder::default() };
    let outcome = execute(&world, &canary, &decision()).now_or_never().unwrap();
    (world.said.into_inner().unwrap(), outcome)
}

const ALL: [&str; 4] = ["status Promoting", "Promoting", "scale 1", "scale 2"];

#[test]
fn the_status_is_written_first_then_people_are_told_then_effects_follow_in_order() {
    let (said, outcome) = run(None, Phase::Progressing);
    assert_eq!(said, ALL);
    assert_eq!(outcome.unwrap(), Outcome::Done);
}

#[test]
fn a_status_that_stands_is_not_written_again() {
    let (said, _) = run(None, Phase::Promoting);
    assert_eq!(said, ALL[1..]);
}

#[rstest]
#[case::at_the_first_effect(3)]
#[case::at_the_last_effect(4)]
fn a_conflict_voids_the_rest(#[case] at: usize) {
    let (said, outcome) = run(Some((at, End::Stale)), Phase::Progressing);
    assert_eq!(said, ALL[..at]);
    assert_eq!(outcome.unwrap(), Outcome::Stale(ALL[at - 1].to_owned()));
}

#[rstest]
#[case::at_the_status(1)]
#[case::at_the_first_effect(3)]
fn who_leads_no_more_does_nothing_more(#[case] at: usize) {
    let (said, outcome) = run(Some((at, End::Deposed)), Phase::Progressing);
    assert_eq!(said, ALL[..at]);
    assert!(matches!(outcome, Err(WorldError::Deposed { .. })));
}

#[rstest]
#[case::it_failed(End::Failed)]
#[case::somebody_else_wrote_it(End::Stale)]
fn without_its_status_nothing_is_done(#[case] end: End) {
    let (said, outcome) = run(Some((1, end)), Phase::Progressing);
    assert_eq!(said, ALL[..1]);
    assert!(outcome.is_err(), "{outcome:?}");
}

#[rstest]
#[case::none_lowers(0, &[1], &["scale 1", "ask"], 1)]
#[case::what_lowers_does_not_wait(2, &[1], &["scale 1", "scale 2", "ask"], 1)]
#[case::nothing_else_follows(1, &[1], &["scale 1", "ask"], 1)]
#[case::the_first_is_told(2, &[1, 2], &["scale 1", "scale 2", "ask"], 1)]
#[case::what_came_before_is_done(0, &[2], &["scale 1", "scale 2", "ask"], 2)]
fn after_a_write_that_does_not_pass_only_what_lowers_the_share_is_written_and_all_is_asked(
    #[case] lowering: usize,
    #[case] impossible: &[i32],
    #[case] done: &[&str],
    #[case] told: i32,
) {
    let world = Recorder { impossible: impossible.to_vec(), ..Recorder::default() };
    let decision = Decision { lowering, events: Vec::new(), asks: vec![question()], ..decision() };
    let outcome = execute(&world, &canary(Phase::Promoting), &decision).now_or_never().unwrap();
    assert_eq!(world.said.into_inner().unwrap(), done);
    assert_eq!(outcome.unwrap(), Outcome::Failed(failure(told)));
}
