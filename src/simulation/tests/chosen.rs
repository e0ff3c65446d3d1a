//! A/B runs: the canary has the requests that are chosen, and never another one.

use super::*;

const ALL: i64 = 100;

fn match_insiders() -> Value {
    json!([{"headers": {"x-insider": {"exact": "yes"}}}])
}

fn a_b() -> Value {
    let mut analysis = weights(&[]);
    json_patch::merge(
        &mut analysis,
        &json!({"stepWeights": null, "iterations": 2, "match": match_insiders()}),
    );
    analysis
}

/// The canary's shares in each state of the route: of the requests that are chosen, and of all others.
fn states(simulation: &Simulation) -> Vec<(i64, i64)> {
    let deeds = simulation.world.state().deeds.clone();
    let mut states: Vec<(i64, i64)> = deeds.iter().filter_map(|(_, deed)| both(deed)).collect();
    states.dedup();
    states
}

fn both(deed: &Deed) -> Option<(i64, i64)> {
    let Deed::Effect(Effect::Apply { object, .. }) = deed else { return None };
    let rules = object["spec"]["rules"].as_array().filter(|_| object["kind"] == "HTTPRoute")?;
    let of = |rule: &Value| rule["backendRefs"][1]["weight"].as_i64().unwrap();
    let chosen = rules.iter().find(|rule| rule["matches"].to_string().contains("x-insider"));
    Some((chosen.map_or(0, of), of(rules.last().unwrap())))
}

#[test]
fn those_who_match_get_the_canary_and_nobody_else_does() {
    let mut simulation = initialised(a_b(), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), |_| {});
    let status = simulation.status();
    assert_eq!((status.canary_weight, status.matched, status.iterations), (100, true, 1));
    simulation.pass(seconds(120), |_| {});
    let status = simulation.status();
    assert_eq!((status.phase, status.matched), (Phase::Succeeded, false), "{status:?}");
    assert_eq!(states(&simulation), [(0, 0), (ALL, 0), (0, 0)]);
    assert_eq!(image(&simulation, "shop-primary"), "shop:2");
}

#[test]
fn a_revision_that_fails_for_those_who_match_is_taken_back() {
    let mut simulation = initialised(a_b(), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert_eq!(states(&simulation), [(0, 0), (ALL, 0), (0, 0)]);
}

#[test]
fn steps_of_weight_are_steps_among_those_who_match() {
    let mut analysis = weights(&[20, 50]);
    analysis["match"] = match_insiders();
    let mut simulation = initialised(analysis, good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(states(&simulation), [(0, 0), (20, 0), (50, 0), (0, 0)]);
}

#[rstest]
#[case::for_iterations_alone(json!({"match": null}), &[(0, 0), (ALL, 0), (0, 0), (0, 100), (0, 0)])]
#[case::for_steps(json!({"match": null, "iterations": null, "stepWeights": [10]}), &[(0, 0), (ALL, 0), (0, 0), (0, 10), (0, 0)])]
fn w_rt_1_a_match_that_is_taken_out_in_mid_run_gives_nobody_the_canary(
    #[case] edit: Value,
    #[case] expected: &[(i64, i64)],
) {
    let mut simulation = initialised(a_b(), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), |_| {});
    assert_eq!(states(&simulation).last(), Some(&(ALL, 0)));
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"analysis": edit}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(states(&simulation), expected);
}

#[test]
fn w_rt_1_a_match_that_comes_in_mid_run_only_narrows() {
    let mut simulation = initialised(weights(&[20, 50]), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(states(&simulation), [(0, 0), (0, 20)]);
    let edit = json!({"stepWeights": null, "iterations": 1, "match": match_insiders()});
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"analysis": edit}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert!(states(&simulation).iter().skip(2).all(|(_, others)| *others == 0), "{:?}", states(&simulation));
}

#[test]
fn an_edit_that_opens_the_canary_to_everybody_is_put_right() {
    let mut simulation = initialised(a_b(), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(15), |_| {});
    let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
    let rules = object(&simulation, &route)["spec"]["rules"].clone();
    let mut opened = rules.clone();
    opened[0]["matches"] = json!([{"path": {"type": "PathPrefix", "value": "/"}}]);
    simulation.user(&route, &json!({"spec": {"rules": opened}}));
    simulation.pass(seconds(1), |_| {});
    assert_eq!(object(&simulation, &route)["spec"]["rules"], rules);
}
