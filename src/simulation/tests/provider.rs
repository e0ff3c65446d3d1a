//! A provider that is changed: the new route is in force before the old one goes.

use super::*;

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const ISTIO: &str = "networking.istio.io/v1beta1";

fn http_route(simulation: &Simulation) -> ObjectRef {
    simulation.reference(GATEWAY_API, "HTTPRoute", "shop")
}

fn of_istio(simulation: &Simulation) -> [ObjectRef; 3] {
    let of = |kind: &str, name: &str| simulation.reference(ISTIO, kind, name);
    [
        of("VirtualService", "shop"),
        of("DestinationRule", "shop-primary"),
        of("DestinationRule", "shop-canary"),
    ]
}

fn exists(simulation: &Simulation, reference: &ObjectRef) -> bool {
    simulation.world.state().memory.get(reference).is_some()
}

fn provider(simulation: &Simulation, provider: &str) {
    simulation.user(&simulation.canary_reference(), &json!({"spec": {"provider": provider}}));
}

/// Whether a route gives everything to the primary, and its gateway has taken it over.
fn serves(simulation: &Simulation) -> bool {
    let shares =
        |list: &Value| (list[0]["weight"].as_i64(), list[1]["weight"].as_i64()) == (Some(100), Some(0));
    let http = object(simulation, &http_route(simulation));
    let condition = &http["status"]["parents"][0]["conditions"][0];
    let accepted =
        condition["status"] == "True" && condition["observedGeneration"] == http["metadata"]["generation"];
    let mesh = object(simulation, &of_istio(simulation)[0]);
    accepted && shares(&http["spec"]["rules"][0]["backendRefs"]) || shares(&mesh["spec"]["http"][0]["route"])
}

/// The kinds of what was deleted, in order.
fn deleted(simulation: &Simulation) -> Vec<String> {
    let kind = |(_, deed): &(Timestamp, Deed)| match deed {
        Deed::Effect(Effect::Delete { reference, .. }) => Some(reference.kind.clone()),
        _ => None,
    };
    simulation.world.state().deeds.iter().filter_map(kind).collect()
}

/// When the last route was last written, and when the first object of the former one was deleted.
fn handed_over(simulation: &Simulation) -> (Timestamp, Timestamp) {
    let state = simulation.world.state();
    let last = |is: fn(&Deed) -> bool| {
        state.deeds.iter().rev().find(|(_, deed)| is(deed)).map(|(at, _)| *at).unwrap()
    };
    let route = |deed: &Deed| matches!(deed, Deed::Effect(Effect::Apply { object, .. }) if ["HTTPRoute", "VirtualService"].iter().any(|kind| object["kind"] == *kind));
    (
        last(route),
        last(
            |deed| matches!(deed, Deed::Effect(Effect::Delete { reference, .. }) if reference.kind != "ControllerRevision"),
        ),
    )
}

#[test]
fn w_rt_19_a_provider_is_changed_and_changed_back_without_a_moment_without_a_route_and_nothing_is_left() {
    let mut simulation = initialised(weights(&[50]), good());
    let http = http_route(&simulation);
    assert!(exists(&simulation, &http));
    for (name, there) in [("istio", false), ("gatewayapi:v1", true), ("istio", false)] {
        provider(&simulation, name);
        let mut both = false;
        simulation.pass(seconds(30), |simulation| {
            assert!(serves(simulation), "{:?}", simulation.status());
            both |= exists(simulation, &http) && exists(simulation, &of_istio(simulation)[0]);
        });
        assert!(both, "the old one waits for the new one");
        let (made, gone) = handed_over(&simulation);
        assert!(gone >= made + seconds(5), "the proxies have the settle time to hear of it");
        assert_eq!(exists(&simulation, &http), there);
        assert!(of_istio(&simulation).iter().all(|of| exists(&simulation, of) != there));
        let before = simulation.world.state().deeds.len();
        simulation.pass(seconds(3600), |_| {});
        assert_eq!(simulation.world.state().deeds.len(), before, "nothing more is done");
    }
    let order = ["HTTPRoute", "VirtualService", "DestinationRule", "DestinationRule", "HTTPRoute"];
    assert_eq!(deleted(&simulation), order, "what leads to others goes before them");
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
}

#[test]
fn w_rt_19_the_old_route_stays_while_nobody_accepts_the_new_one() {
    let mut simulation = initialised(weights(&[50]), good());
    provider(&simulation, "istio");
    simulation.pass(seconds(30), |_| {});
    simulation.world.state().gateway_away = true;
    provider(&simulation, "gatewayapi:v1");
    simulation.pass(seconds(600), |simulation| assert!(serves(simulation)));
    assert!(of_istio(&simulation).iter().all(|of| exists(&simulation, of)));
    simulation.world.state().gateway_away = false;
    simulation.pass(seconds(30), |simulation| assert!(serves(simulation)));
    assert!(of_istio(&simulation).iter().all(|of| !exists(&simulation, of)));
}

#[test]
fn w_rt_19_a_provider_that_is_changed_in_a_run_leads_both_routes_until_the_run_is_over() {
    let mut simulation = initialised(weights(&[20, 50]), good());
    let http = http_route(&simulation);
    release(&simulation, "shop:2");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    provider(&simulation, "istio");
    let mut seen = Vec::new();
    simulation.pass(seconds(120), |simulation| {
        let share = object(simulation, &http)["spec"]["rules"][0]["backendRefs"][1]["weight"].as_i64();
        if seen.last() != Some(&share) {
            seen.push(share);
        }
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(seen, [Some(20), Some(50), Some(0), None]);
}

/// A route as its user writes it, with these backends.
fn users(backends: &Value) -> Object {
    json!({
        "metadata": {"annotations": {"someone.else/note": "keep"}},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "edge"}],
            "rules": [
                {"matches": [{"path": {"value": "/help"}}], "backendRefs": [{"name": "help", "port": 80, "weight": 1}]},
                {"backendRefs": backends},
            ],
        },
    })
}

fn backend(name: &str, weight: i64) -> Value {
    json!({"name": name, "port": 80, "weight": weight})
}

/// By steps that every proxy hears of: led to a backend that it does not know yet, or not any more, it answers with errors.
#[rstest]
#[case::taken_over(json!([backend("shop", 100)]), &["shop-primary 100, shop-canary 0, shop 0", "shop-primary 0, shop-canary 0, shop 100", "shop 100"])]
#[case::split_by_its_user(
    json!([backend("shop-primary", 100), backend("shop-canary", 0)]),
    &["shop-primary 100, shop-canary 0", "shop-primary 100, shop-canary 0, shop 0", "shop-primary 0, shop-canary 0, shop 100", "shop 100"]
)]
fn w_rt_19_a_route_that_a_user_made_is_given_back_and_leads_to_the_apex(
    #[case] backends: Value,
    #[case] expected: &[&str],
) {
    let mut simulation = simulation(weights(&[50]), good());
    let http = http_route(&simulation);
    let users = users(&backends);
    simulation.user(&http, &users);
    simulation.pass(seconds(60), |_| {});
    release(&simulation, "shop:2");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    provider(&simulation, "istio");
    let mut seen: Vec<(String, Timestamp)> = Vec::new();
    simulation.pass(seconds(60), |simulation| {
        let rule = &object(simulation, &http)["spec"]["rules"][1]["backendRefs"];
        let told = |of: &Value| format!("{} {}", of["name"].as_str().unwrap_or_default(), of["weight"]);
        let now: Vec<String> = rule.as_array().into_iter().flatten().map(told).collect();
        if seen.last().is_none_or(|(last, _)| *last != now.join(", ")) {
            seen.push((now.join(", "), simulation.now()));
        }
    });
    let steps: Vec<&str> = seen.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps, expected);
    assert!(seen.windows(2).all(|pair| pair[1].1 >= pair[0].1 + seconds(5)), "{seen:?}");
    let after = object(&simulation, &http);
    assert_eq!(after["spec"]["rules"][0], users["spec"]["rules"][0]);
    assert_eq!(after["metadata"]["annotations"], users["metadata"]["annotations"]);
    assert_eq!(after["metadata"]["labels"], json!({}));
    assert!(exists(&simulation, &of_istio(&simulation)[0]));
    let before = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    assert_eq!(simulation.world.state().deeds.len(), before, "nothing more is done");
}
