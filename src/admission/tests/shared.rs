//! Changes and ends of what Canaries share, and the objects that a Canary's target names.

use rstest::rstest;
use serde_json::{Value, json};

use super::{World, told};
use crate::admission::rules::example;
use crate::admission::{Lookup, Problem, Severity};
use crate::api::ObjectRef;

/// A Canary of that name and target, which uses the MetricTemplate and the AlertProvider of the examples.
fn user(name: &str) -> Value {
    let mut canary = example::plain("Canary");
    canary["metadata"]["name"] = json!(name);
    canary["spec"]["targetRef"]["name"] = json!(name);
    canary["spec"]["analysis"]["metrics"] = json!([
        {"name": "errors", "thresholdRange": {"max": 1}, "templateRef": {"name": "errors"}},
    ]);
    canary["spec"]["analysis"]["alerts"] =
        json!([{"name": "on-call", "severity": "error", "providerRef": {"name": "on-call"}}]);
    canary
}

fn users(count: usize) -> Vec<Value> {
    (0..count).map(|n| user(&format!("app-{n}"))).collect()
}

#[rstest]
#[case::one(1, "is used by Canary shop/app-0, ")]
#[case::few(2, "is used by Canaries shop/app-0, shop/app-1, ")]
#[case::many(7, "shop/app-4 and 2 more, ")]
fn a_deletion_of_what_is_in_use_warns_with_the_names_of_the_canaries(
    #[case] count: usize,
    #[case] words: &str,
) {
    for kind in ["MetricTemplate", "AlertProvider"] {
        let shared = example::plain(kind);
        let verdict = World::new(users(count)).delete(&shared);
        assert!(verdict.is_allowed(), "{kind}");
        assert_eq!(verdict.problems.len(), 1, "{kind}: {}", told(&verdict.problems));
        assert!(verdict.problems[0].message.contains(words), "{}", verdict.problems[0]);
        assert_eq!(
            World::new(vec![example::plain("Canary")]).delete(&shared).problems,
            [],
            "{kind}: nobody uses it"
        );
    }
}

/// The problems when the template in use is changed so.
fn change(world: &World, change: impl FnOnce(&mut Value)) -> Vec<Problem> {
    let mut template = example::plain("MetricTemplate");
    change(&mut template["spec"]);
    world.write(&template)
}

fn in_use(count: usize) -> World {
    let mut objects = users(count);
    objects.extend([example::plain("MetricTemplate"), example::plain("Secret")]);
    World::new(objects)
}

fn by_path(spec: &mut Value) {
    spec["query"] = json!("sum(errors{path=\"{{ variables.path }}\"})");
}

#[test]
fn a_change_of_a_template_that_a_canary_cannot_follow_is_refused_and_names_it() {
    let problems = change(&in_use(7), by_path);
    assert_eq!(
        problems.iter().map(|p| (p.rule, p.severity)).collect::<Vec<_>>(),
        [("SL505", Severity::Error)]
    );
    assert!(
        problems[0].message.contains("shop/app-4 and 2 more could not ask it any more"),
        "{}",
        problems[0]
    );

    let kind = change(&in_use(1), |spec| spec["provider"] = json!({"type": "dynatrace"}));
    assert!(
        kind.iter().any(|problem| (problem.rule, problem.path.as_str()) == ("SL505", "spec.provider")),
        "{}",
        told(&kind)
    );
}

#[test]
fn a_change_of_a_template_that_every_canary_can_follow_passes() {
    assert_eq!(
        change(&in_use(3), |spec| spec["query"] = json!("sum(rate(warnings_total[{{ interval }}]))")),
        []
    );
    assert_eq!(change(&in_use(0), by_path), [], "nobody uses it");
}

#[test]
fn a_template_is_not_held_by_a_canary_that_went_or_could_not_be_asked_before_or_is_not_to_be_read() {
    let mut gone = in_use(1);
    gone.objects.retain(|object| object["kind"] != "Canary");
    assert_eq!(change(&gone, by_path), [], "the index is behind");

    let mut before = in_use(1);
    let template = before.objects.iter_mut().find(|object| object["kind"] == "MetricTemplate").unwrap();
    template["spec"]["query"] = json!("sum(errors{path=\"{{ variables.route }}\"})");
    assert_eq!(change(&before, by_path), [], "it could not ask it before");

    let mut silent = in_use(1);
    silent.answers = false;
    let old = example::plain("MetricTemplate");
    let mut new = old.clone();
    by_path(&mut new["spec"]);
    let request = super::review("ann", new, Some(old));
    let verdict = silent.judge(&super::call(crate::admission::Endpoint::CanaryMutate, &request));
    assert!(
        verdict.is_allowed(),
        "what cannot be confirmed is not refused here: {}",
        told(&verdict.problems)
    );
}

#[test]
fn configs_that_the_target_needs_are_looked_up_in_a_second_round_and_only_their_absence_is_told() {
    let mut target = example::plain("Deployment");
    target["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([
        {"configMapRef": {"name": "there"}}, {"configMapRef": {"name": "gone"}}, {"secretRef": {"name": "token"}},
        {"secretRef": {"name": "extra", "optional": true}},
    ]);
    let there = json!({"kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "there"}});
    let mut world = World::new(vec![target, there]);
    let missing = |world: &World| -> Vec<String> {
        world
            .write(&example::plain("Canary"))
            .into_iter()
            .map(|problem| format!("{} {}", problem.rule, problem.message))
            .collect()
    };
    assert_eq!(
        missing(&world),
        [
            "SL217 Deployment app needs ConfigMap shop/gone, which does not exist",
            "SL217 Deployment app needs Secret shop/token, which does not exist",
        ],
    );
    world.answers = false;
    assert!(missing(&world).iter().all(|told| !told.starts_with("SL217")));
}

#[test]
fn configs_are_not_looked_up_again_for_a_write_that_leaves_the_target_as_it_is() {
    let mut target = example::plain("Deployment");
    target["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "settings"}}]);
    let old = example::plain("Canary");
    let with = |change: Value| {
        let mut new = old.clone();
        json_patch::merge(&mut new, &change);
        new
    };
    let gate = crate::admission::Gate::new(crate::rollout::Settings::default(), super::OWN);
    let looks = |new: Value, dry: bool| {
        let mut review = super::review("ann", new, Some(old.clone()));
        review["request"]["dryRun"] = dry.into();
        let call = super::call(crate::admission::Endpoint::CanaryValidate, &review);
        let reference = ObjectRef::new("apps/v1", "Deployment", "shop", "app");
        gate.further(&call, &reference, &Lookup::Found(target.clone())).len()
    };
    let other_steps = with(json!({"spec": {"analysis": {"threshold": 7}}}));
    assert_eq!(looks(other_steps.clone(), false), 0);
    assert_eq!(looks(other_steps, true), 1, "a dry run tells of everything");
    assert_eq!(looks(with(json!({"spec": {"targetRef": {"name": "other"}}})), false), 1);
}

#[test]
fn a_target_with_a_thousand_configs_costs_a_bounded_number_of_looks() {
    let mut target = example::plain("Deployment");
    let names = (0..1000).map(|n| json!({"configMapRef": {"name": format!("c{n}")}}));
    target["spec"]["template"]["spec"]["containers"][0]["envFrom"] = names.collect();
    let gate = crate::admission::Gate::new(crate::rollout::Settings::default(), super::OWN);
    let request = super::review("ann", example::plain("Canary"), None);
    let call = super::call(crate::admission::Endpoint::CanaryValidate, &request);
    let reference = ObjectRef::new("apps/v1", "Deployment", "shop", "app");
    assert!(gate.needs(&call, &crate::admission::Catalog::default()).contains(&reference));
    assert_eq!(gate.further(&call, &reference, &Lookup::Found(target)).len(), 16);
}
