//! Session affinity: cookies that keep users on a version, and their end.

use super::*;

fn kept(more: Value) -> Value {
    let mut analysis = weights(&[20, 50]);
    analysis["sessionAffinity"] = json!({"cookieName": "met"});
    json_patch::merge(&mut analysis, &more);
    analysis
}

fn rules(simulation: &Simulation) -> Vec<Value> {
    let route = simulation.reference("gateway.networking.k8s.io/v1", "HTTPRoute", "shop");
    object(simulation, &route)["spec"]["rules"].as_array().cloned().unwrap_or_default()
}

/// The weights of a rule, and what it asks of the cookies.
fn rule(rule: &Value) -> (i64, i64, String) {
    let weight = |place: usize| rule["backendRefs"][place]["weight"].as_i64().unwrap();
    let cookie = rule["matches"][0]["headers"][0]["value"].as_str().unwrap_or_default();
    (weight(0), weight(1), cookie.to_owned())
}

/// The cookie that answers by a backend set.
fn sets(backend: &Value) -> String {
    let added = &backend["filters"][0]["responseHeaderModifier"]["add"][0];
    assert!(added.is_null() || added["name"] == "Set-Cookie", "{backend}");
    added["value"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn whoever_met_the_canary_stays_on_it_until_its_end() {
    let mut simulation = initialised(kept(json!({})), good());
    assert_eq!(rules(&simulation).len(), 1, "nobody has a cookie yet");
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    let pair = simulation.status().session_affinity_cookie.expect("a cookie of the run");
    let during = rules(&simulation);
    let (primary, share, cookie) = rule(&during[0]);
    assert_eq!((primary, share), (0, 100));
    assert!(cookie.contains(&pair), "{cookie}");
    assert_eq!(rule(&during[1]), (80, 20, String::new()));
    assert_eq!(sets(&during[1]["backendRefs"][0]), "", "there is no cookie of the primary");
    assert_eq!(sets(&during[1]["backendRefs"][1]), format!("{pair}; Max-Age=86400; Path=/"));

    simulation.pass(seconds(10), |_| {});
    assert_eq!(rule(&rules(&simulation)[1]).1, 50);
    assert_eq!(simulation.status().session_affinity_cookie.as_ref(), Some(&pair), "the same in each step");

    simulation.pass(seconds(120), |_| {});
    let status = simulation.status();
    assert_eq!(status.phase, Phase::Succeeded, "{status:?}");
    assert_eq!(status.session_affinity_cookie, None);
    assert_eq!(status.previous_session_affinity_cookie.as_ref(), Some(&pair));
    let after = rules(&simulation);
    let (primary, share, cookie) = rule(&after[0]);
    assert_eq!((primary, share), (100, 0));
    assert!(cookie.contains(&pair), "{cookie}");
    let taken = &after[0]["filters"][0]["responseHeaderModifier"]["add"][0]["value"];
    assert_eq!(*taken, format!("{pair}; Max-Age=-1; Path=/"));
    assert_eq!(rule(&after[1]), (100, 0, String::new()));
    assert!(after[1].get("filters").is_none_or(Value::is_null), "others keep their cookies: {}", after[1]);
}

#[test]
fn w_rt_15_the_primarys_cookie_is_a_new_one_in_each_step_and_each_run() {
    let affinity = json!({"sessionAffinity": {"cookieName": "met", "primaryCookieName": "stays"}});
    let mut simulation = initialised(kept(affinity), good());
    let mut seen = Vec::new();
    for image in ["shop:2", "shop:3"] {
        release(&simulation, image);
        simulation.pass(seconds(8), |_| {});
        for weight in [20, 50] {
            let status = simulation.status();
            assert_eq!(status.canary_weight, weight, "{status:?}");
            let pair = status.primary_session_affinity_cookie.expect("a cookie of the primary");
            let during = rules(&simulation);
            assert!(rule(&during[1]).2.contains(&pair));
            assert_eq!(rule(&during[1]).1, 0);
            assert_eq!(sets(&during[2]["backendRefs"][0]), format!("{pair}; Max-Age=10; Path=/"));
            seen.push(pair);
            simulation.pass(seconds(11), |_| {});
        }
        simulation.pass(seconds(120), |_| {});
        assert_eq!(simulation.status().phase, Phase::Succeeded);
        assert_eq!(simulation.status().primary_session_affinity_cookie, None);
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), count), (4, 4), "{seen:?}");
}

#[test]
fn the_cookie_of_a_revision_that_is_taken_back_goes_with_it() {
    let mut simulation = initialised(kept(json!({})), bad());
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    let pair = simulation.status().session_affinity_cookie.unwrap();
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    assert_eq!(simulation.status().previous_session_affinity_cookie, Some(pair));
    assert_eq!(rule(&rules(&simulation)[0]).1, 0);
}

#[test]
fn a_cookie_carries_its_attributes_and_is_taken_away_with_path_and_domain() {
    let affinity = json!({"sessionAffinity": {
        "maxAge": 60, "domain": "example.com", "path": "/shop", "httpOnly": true, "secure": true,
        "sameSite": "Strict", "partitioned": true,
    }});
    let mut simulation = initialised(kept(affinity), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    let pair = simulation.status().session_affinity_cookie.unwrap();
    let rest = |age: i64| {
        format!(
            "{pair}; Domain=example.com; HttpOnly; Max-Age={age}; Partitioned; Path=/shop; SameSite=Strict; Secure"
        )
    };
    assert_eq!(sets(&rules(&simulation)[1]["backendRefs"][1]), rest(60));
    simulation.pass(seconds(120), |_| {});
    let taken = &rules(&simulation)[0]["filters"][0]["responseHeaderModifier"]["add"][0]["value"];
    assert_eq!(*taken, rest(-1));
}

#[test]
fn nobody_is_sent_to_a_canary_without_pods_whatever_the_cookie_says() {
    let mut simulation = initialised(kept(json!({})), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    let pair = simulation.status().session_affinity_cookie.unwrap();
    simulation.user(&deployment(&simulation, "shop"), &json!({"spec": {"replicas": 0}}));
    simulation.pass(seconds(1), |_| {});
    assert!(rules(&simulation).iter().all(|one| rule(one).1 == 0), "{:?}", rules(&simulation));
    simulation.pass(seconds(10), |_| {});
    let back = rules(&simulation);
    assert!(rule(&back[0]).2.contains(&pair), "and they come back to it: {back:?}");
}

#[test]
fn affinity_that_is_taken_out_in_mid_run_leaves_the_weights() {
    let mut simulation = initialised(kept(json!({})), good());
    release(&simulation, "shop:2");
    simulation.pass(seconds(8), |_| {});
    simulation
        .user(&simulation.canary_reference(), &json!({"spec": {"analysis": {"sessionAffinity": null}}}));
    simulation.pass(seconds(2), |_| {});
    let during = rules(&simulation);
    assert_eq!((during.len(), rule(&during[0])), (1, (80, 20, String::new())));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
}
