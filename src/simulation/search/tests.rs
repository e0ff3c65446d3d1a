//! A small search; `make simulate` runs the large one.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    rollout::{Next, Plan},
    routing::{Capabilities, Weight},
};

fn options(depth: Depth, rollouts: u64) -> Options {
    let groups = Group::ALL.map(|(_, group)| group).to_vec();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    Options { depth, rollouts, seed: number("SEED", 1), groups, threads, keep_going: true }
}

/// A number out of the environment, to look further than usual.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[rstest]
#[case::whole(Depth::Whole, 30)]
#[case::of_the_decision_alone(Depth::Decision, 60)]
fn rollouts_with_every_fault_break_no_rule_and_end_in_both_ways(#[case] depth: Depth, #[case] rollouts: u64) {
    let report = search(&options(depth, number("ROLLOUTS", rollouts)));
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    // Both ends happen often, or the scenarios show nothing.
    assert!(report.ends.values().filter(|count| **count > report.rollouts / 20).count() >= 2, "{report:?}");
}

#[test]
fn the_document_lists_the_invariants_that_are_asked() {
    let document = include_str!("../../../docs/invariants.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let told: Vec<&str> = rows.filter(|(_, rest)| rest.contains(" | ")).map(|(name, _)| name).collect();
    let asked = invariant::all();
    let asked = asked.iter().map(|rule| rule.name());
    let mut asked: Vec<&str> = asked.chain(invariant::OF_THE_PLAYERS).collect();
    let mut told_in_order = told.clone();
    asked.sort_unstable();
    told_in_order.sort_unstable();
    assert_eq!(told_in_order, asked);
}

#[test]
fn the_document_lists_the_faults_that_can_be_chosen() {
    let document = include_str!("../../../docs/invariants.md");
    for (name, _) in Group::ALL {
        assert!(document.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn the_same_seed_is_the_same_rollout() {
    let [once, again] = [(); 2].map(|()| search(&options(Depth::Whole, 3)));
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
}

#[test]
fn a_canary_breaks_rules_of_the_gate_as_long_as_it_is_drawn_to_and_no_longer() {
    let groups = Group::ALL.map(|(_, group)| group);
    let (mut broken, live) = (0, crate::api::Live::default());
    for case in (0..400).map(|seed| Case::draw(seed, &groups)) {
        let mut rules = gate::rules(case.subject.settings());
        let mut canary = case.subject.canary();
        assert_eq!(rules(&canary, &live), [""; 0], "{:?}", case.subject);
        for happening in &case.happenings {
            let happening::What::Misruled { edited, mended } = &happening.what else { continue };
            for (spec, breaks) in [(edited, true), (mended, false)] {
                let generation = canary["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
                let fields = json!({"metadata": {"generation": generation}, "spec": spec});
                json_patch::merge(&mut canary, &fields);
                assert_eq!(!rules(&canary, &live).is_empty(), breaks, "{spec} {:?}", case.subject);
            }
            broken += 1;
        }
    }
    assert!(broken > 5, "{broken}");
}

#[test]
fn a_plan_is_worked_out_as_the_product_does() {
    for analysis in [
        json!({"stepWeight": 20, "maxWeight": 50}),
        json!({"stepWeight": 40}),
        json!({"stepWeights": [10, 10, 50, 20, 80]}),
        json!({"stepWeights": [10, 20], "mirror": true, "mirrorWeight": 30}),
        json!({"iterations": 3, "stepWeight": 10}),
    ] {
        let analysis = serde_json::from_value(analysis).unwrap();
        let able = Capabilities { weights: true, mirror: true, ..Capabilities::default() };
        let theirs = Plan::of(&analysis, able);
        let ours = planned::Planned::of(&analysis, able);
        let (mut index, mut share) = (0, 0);
        while let Some(next) = ours.next(index, share) {
            let weight = Weight::try_from(i64::from(share)).unwrap();
            let Next::Step { weight, .. } = theirs.next(index, weight) else { panic!("{analysis:?}") };
            assert_eq!(i32::from(weight), next, "{analysis:?}");
            (index, share) = (index + 1, next);
        }
    }
}
