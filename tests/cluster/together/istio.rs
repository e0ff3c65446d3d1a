//! What only Istio has: its validating webhook, delegation, and the merging of routes of one host at a gateway.

use serde_json::{Value, json};

use super::routers::{RATE, all_follow, space_on};
use crate::install::shared;
use crate::support::api;
use crate::support::data_plane::{DataPlane, ISTIO_INGRESS};
use crate::support::manifests::{APP, canary_for, named, podinfo, with};

/// Steps of the runs below.
const STEPS: &[u32] = &[20, 50];

/// A VirtualService that hands all requests for a host to another one.
fn root(host: &str, to: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "root"},
        "spec": {
            "hosts": [host],
            "gateways": ["istio-proxies/public"],
            "http": [{"delegate": {"name": to}}],
        },
    })
}

#[test]
fn istio_itself_refuses_a_virtual_service_that_it_cannot_serve() {
    // Every route of the other tests passed this webhook, which fails closed.
    let Some(_sluice) = shared("Istio's webhook") else { return };
    let Some((space, _turn)) = space_on(&ISTIO_INGRESS) else { return };
    let mut wrong = root("example.com", APP);
    let backend = |weight: u32| json!({"destination": {"host": APP}, "weight": weight});
    wrong["spec"]["http"] = json!([{"route": [backend(0), backend(0)]}]);
    let said = api::dry_run("virtualservices", &space.namespace, &wrong).unwrap_err();
    assert!(said.contains("validation.istio.io") && said.contains("weight"), "{said}");
}

#[test]
fn a_route_of_the_user_delegates_to_the_one_of_a_canary_without_hosts_and_gateways() {
    let plane: &DataPlane = &ISTIO_INGRESS;
    let Some(_sluice) = shared("delegation") else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    space.apply(&[&root(&space.host(), APP)]);
    // The traffic policy is the one for clients outside the mesh.
    let service = json!({"delegation": true, "hosts": null, "gateways": null, "trafficPolicy": {"tls": {"mode": "DISABLE"}}});
    let canary = with(&plane.canary(&space, STEPS), &json!({"spec": {"service": service}}));
    let history = space.initialised(&podinfo("one"), &canary);
    let route = plane.route(&space, APP).unwrap();
    assert!(route["spec"]["hosts"].is_null() && route["spec"]["gateways"].is_null(), "{}", route["spec"]);
    for name in ["podinfo-primary", "podinfo-canary"] {
        let rule = api::get("destinationrules", &space.namespace, name);
        assert_eq!(rule["spec"]["trafficPolicy"]["tls"]["mode"], "DISABLE", "{name}");
    }
    let load = plane.load(&space, RATE, &[]);
    load.answered("one");
    let mark = history.mark();
    space.apply(&[&podinfo("two")]);
    history.ends(mark, "Succeeded");
    all_follow(&history, mark, &load, STEPS);
    space.rests();
    load.sees("two");
    load.stop().nothing_lost("istio: delegation");
}

#[test]
fn two_canaries_share_an_external_host_through_a_gateway() {
    let plane: &DataPlane = &ISTIO_INGRESS;
    let Some(_sluice) = shared("two Canaries on one host") else { return };
    let Some((space, _turn)) = space_on(plane) else { return };
    let canary = |name: &str| {
        let path = format!("/{name}/");
        let service = json!({"match": [{"uri": {"prefix": path}}], "rewrite": {"uri": "/"}});
        canary_for(&with(&plane.canary(&space, STEPS), &json!({"spec": {"service": service}})), name)
    };
    let history = space.initialised(&named(&podinfo("one"), "website"), &canary("website"));
    space.initialised(&named(&podinfo("one"), "webapi"), &canary("webapi"));
    let website = plane.load(&space, RATE, &["--path", "/website/"]);
    let webapi = plane.load(&space, RATE, &["--path", "/webapi/"]);
    website.answered("one");
    webapi.answered("one");
    let mark = history.mark();
    space.apply(&[&named(&podinfo("two"), "website")]);
    history.ends(mark, "Succeeded");
    all_follow(&history, mark, &website, STEPS);
    space.target_rests("website");
    website.sees("two");
    website.stop().nothing_lost("istio: one of two Canaries on a host, released");
    let counts = webapi.stop();
    assert_eq!(counts.of("two"), 0, "the other Canary's version was served: {counts:?}");
    counts.nothing_lost("istio: the other one of two Canaries on a host");
}
