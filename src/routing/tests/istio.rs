//! VirtualService and DestinationRules.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::{traffic, weights};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider},
    routing::{
        Acceptance, Change, Cookie, Cookies, Route, Router, RoutingError, Settings, Traffic, Weight, Weights,
        changes, router,
    },
    workload::contains,
};

fn istio() -> &'static dyn Router {
    router(Provider::Istio).unwrap()
}

/// A Canary `cider` of namespace `orchard` with the given `spec.service` beside its port.
fn canary(service: Value) -> Canary {
    let mut whole = json!({"name": "cider", "port": 9080});
    for (key, value) in service.as_object().unwrap() {
        whole[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cider", "namespace": "orchard", "uid": "c1de"},
        "spec": {
            "provider": "istio",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "press"},
            "service": whole,
            "analysis": {"interval": "30s", "threshold": 3, "stepWeight": 20},
        },
    }))
    .unwrap()
}

fn live(objects: &[Object]) -> Live {
    objects.iter().map(|object| (ObjectRef::of(object), object.clone().into())).collect()
}

fn render(canary: &Canary, live: &Live, share: i64) -> Vec<Object> {
    istio().render(canary, live, &Settings::default(), &traffic(share)).unwrap()
}

fn virtual_service(service: Value) -> Value {
    render(&canary(service), &Live::default(), 0).remove(2)
}

fn read(canary: &Canary, spec: Value) -> Route {
    let route = json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {"name": "cider", "namespace": "orchard"}, "spec": spec,
    });
    istio().read(canary, &live(&[route])).unwrap().unwrap()
}

/// Inside and outside of the mesh, with everything that a rule can have.
fn outside() -> Canary {
    canary(json!({
        "portName": "http-cider",
        "gateways": ["gateways/public", "mesh"],
        "hosts": ["cider.orchard.example"],
        "trafficPolicy": {"tls": {"mode": "DISABLE"}},
        "match": [{"uri": {"prefix": "/"}}],
        "rewrite": {"uri": "/"},
        "timeout": "15s",
        "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error, connect-failure,503"},
        "headers": {
            "request": {"add": {"x-press": "cold"}, "set": {"x-orchard": "%HOSTNAME%"}, "remove": ["x-gone"]},
            "response": {"set": {"x-from": "100%%"}},
        },
        "corsPolicy": {"allowOrigin": ["shop.example"], "allowMethods": ["GET"], "allowCredentials": false,
            "allowHeaders": ["x-press"], "maxAge": "24h"},
        "apex": {"labels": {"team": "fruit"}, "annotations": {"orchard/contact": "ada"}},
    }))
}

#[test]
fn an_app_inside_and_outside_of_the_mesh() {
    insta::assert_yaml_snapshot!(render(&outside(), &Live::default(), 0));
}

#[test]
fn an_app_inside_of_the_mesh_needs_a_port_alone() {
    insta::assert_yaml_snapshot!(render(&canary(json!({})), &Live::default(), 20));
}

#[test]
fn with_delegation_there_are_neither_hosts_nor_gateways() {
    let spec = &virtual_service(json!({"delegation": true}))["spec"];
    assert_eq!(spec.as_object().unwrap().keys().collect::<Vec<_>>(), ["http"]);
}

#[test]
fn connections_are_routed_by_tcp_when_the_port_speaks_it() {
    let spec = &virtual_service(
        json!({"appProtocol": "TCP", "match": [{"port": 9080}, {"name": "b", "gateways": ["mesh"]}]}),
    )["spec"];
    insta::assert_yaml_snapshot!(spec);
}

#[test]
fn both_destination_rules_come_before_the_virtual_service_and_carry_the_whole_traffic_policy() {
    let policy = json!({
        "connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE", "http1MaxPendingRequests": 5, "http2MaxRequests": 6,
            "idleTimeout": "30s", "maxRequestsPerConnection": 7, "maxRetries": 8}},
        "loadBalancer": {"consistentHash": {"httpCookie": {"name": "c", "path": "/", "ttl": "0s"}, "minimumRingSize": 9},
            "localityLbSetting": {"enabled": true, "distribute": [{"from": "a/*", "to": {"a/*": 80, "b/*": 20}}]},
            "warmupDurationSecs": "10s"},
        "outlierDetection": {"baseEjectionTime": "1m", "consecutive5xxErrors": 3, "consecutiveGatewayErrors": 2,
            "consecutiveLocalOriginFailures": 1, "splitExternalLocalOriginErrors": true, "interval": "1s",
            "maxEjectionPercent": 50, "minHealthPercent": 10},
        "tls": {"mode": "MUTUAL", "clientCertificate": "/c", "privateKey": "/k", "caCertificates": "/ca",
            "subjectAltNames": ["s"], "sni": "n"},
    });
    let rendered = render(&canary(json!({"trafficPolicy": policy})), &Live::default(), 0);
    let kinds: Vec<_> = rendered.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["DestinationRule", "DestinationRule", "VirtualService"]);
    for (rule, host) in rendered.iter().zip(["cider-primary", "cider-canary"]) {
        assert_eq!(rule["metadata"]["name"], host);
        assert_eq!(rule["spec"], json!({"host": host, "trafficPolicy": policy}));
    }
}

#[rstest]
#[case::disable("DISABLE")]
#[case::simple("SIMPLE")]
#[case::of_the_mesh("ISTIO_MUTUAL")]
fn every_tls_mode_reaches_both_destination_rules(#[case] mode: &str) {
    let rendered = render(&canary(json!({"trafficPolicy": {"tls": {"mode": mode}}})), &Live::default(), 0);
    for rule in &rendered[..2] {
        assert_eq!(rule["spec"]["trafficPolicy"], json!({"tls": {"mode": mode}}));
    }
}

#[rstest]
#[case::none(json!({}))]
#[case::empty(json!({"trafficPolicy": {}}))]
#[case::empty_pool(json!({"trafficPolicy": {"connectionPool": {}}}))]
fn a_policy_without_a_word_is_left_out_because_istio_refuses_it(#[case] service: Value) {
    let rule = &render(&canary(service), &Live::default(), 0)[0];
    assert_eq!(rule["spec"], json!({"host": "cider-primary"}));
}

#[rstest]
#[case::the_apex_alone(json!({}), json!(["cider"]))]
#[case::the_apex_last(json!({"hosts": ["cider.example"]}), json!(["cider.example", "cider"]))]
#[case::the_apex_once(json!({"hosts": ["cider", "cider.example"]}), json!(["cider", "cider.example"]))]
#[case::every_host(json!({"hosts": ["*"], "gateways": ["public"]}), json!(["*"]))]
fn the_apex_is_a_host_unless_it_or_every_host_is_named(#[case] service: Value, #[case] hosts: Value) {
    assert_eq!(virtual_service(service)["spec"]["hosts"], hosts);
}

#[rstest]
#[case::through_a_gateway(json!({"portDiscovery": true, "gateways": ["public", "mesh"]}), true)]
#[case::delegated(json!({"portDiscovery": true, "delegation": true}), true)]
#[case::inside_of_the_mesh(json!({"portDiscovery": true}), false)]
#[case::first_of_all_inside(json!({"portDiscovery": true, "gateways": ["mesh", "public"]}), false)]
#[case::one_port(json!({"gateways": ["public"]}), false)]
fn a_destination_names_its_port_when_a_gateway_leads_to_services_with_several(
    #[case] service: Value,
    #[case] named: bool,
) {
    let route = virtual_service(service)["spec"]["http"][0]["route"].clone();
    let expected = if named { json!({"number": 9080}) } else { Value::Null };
    assert_eq!([&route[0]["destination"]["port"], &route[1]["destination"]["port"]], [&expected, &expected]);
}

#[test]
fn plain_origins_join_the_others_because_istio_would_forget_them() {
    let cors = json!({"allowOrigin": ["a.example"], "allowOrigins": [{"regex": ".*[.]b[.]example"}]});
    let rendered = &virtual_service(json!({"corsPolicy": cors}))["spec"]["http"][0]["corsPolicy"];
    assert_eq!(*rendered, json!({"allowOrigins": [{"exact": "a.example"}, {"regex": ".*[.]b[.]example"}]}));
}

#[rstest]
#[case::headers(json!({"headers": {"request": {}}}))]
#[case::rewrite(json!({"rewrite": {"uri": ""}}))]
#[case::cors(json!({"corsPolicy": {}}))]
#[case::retries(json!({"retries": {}}))]
#[case::timeout(json!({"timeout": ""}))]
fn what_says_nothing_is_left_out(#[case] service: Value) {
    let rule = &virtual_service(service)["spec"]["http"][0];
    assert_eq!(rule.as_object().unwrap().keys().collect::<Vec<_>>(), ["route"]);
}

#[rstest]
#[case::hosts_of_a_delegate(json!({"delegation": true, "hosts": ["a"]}), "spec.service.hosts")]
#[case::gateways_of_a_delegate(json!({"delegation": true, "gateways": ["mesh"]}), "spec.service.gateways")]
#[case::tcp_delegate(json!({"delegation": true, "appProtocol": "tcp"}), "spec.service.delegation")]
#[case::every_host_of_the_mesh(json!({"hosts": ["*"]}), "spec.service.hosts[0]")]
#[case::every_host_of_the_mesh_too(json!({"hosts": ["*"], "gateways": ["public", "mesh"]}), "spec.service.hosts[0]")]
#[case::host_twice(json!({"hosts": ["a.example", "a.example"]}), "spec.service.hosts[1]")]
#[case::host_covered(json!({"hosts": ["*.example", "a.example"]}), "spec.service.hosts[1]")]
#[case::host_with_port(json!({"hosts": ["a.example:80"]}), "spec.service.hosts[0]")]
#[case::star_in_the_middle(json!({"hosts": ["a.*.example"]}), "spec.service.hosts[0]")]
#[case::gateway_without_name(json!({"gateways": ["gateways/"]}), "spec.service.gateways[0]")]
#[case::empty_gateway(json!({"gateways": [""]}), "spec.service.gateways[0]")]
#[case::no_time(json!({"timeout": "0s"}), "spec.service.timeout")]
#[case::time_too_fine(json!({"timeout": "1500us"}), "spec.service.timeout")]
#[case::time_that_is_none(json!({"timeout": "soon"}), "spec.service.timeout")]
#[case::tries_without_attempts(json!({"retries": {"perTryTimeout": "1s"}}), "spec.service.retries.attempts")]
#[case::unknown_retry(json!({"retries": {"attempts": 1, "retryOn": "5xx,sometimes"}}), "spec.service.retries.retryOn")]
#[case::time_of_a_try(json!({"retries": {"attempts": 1, "perTryTimeout": "x"}}), "spec.service.retries.perTryTimeout")]
#[case::full_path(json!({"rewrite": {"uri": "/", "type": "ReplaceFullPath"}}), "spec.service.rewrite.type")]
#[case::authority_twice(
    json!({"rewrite": {"authority": "a"}, "headers": {"request": {"set": {"Host": "b"}}}}),
    "spec.service.headers.request"
)]
#[case::header_with_colon(json!({"headers": {"request": {"add": {":path": "/"}}}}), "spec.service.headers.request.add[\":path\"]")]
#[case::host_of_the_answer(json!({"headers": {"response": {"remove": ["host"]}}}), "spec.service.headers.response.remove[\"host\"]")]
#[case::lone_percent(json!({"headers": {"response": {"set": {"x": "5 %"}}}}), "spec.service.headers.response.set[\"x\"]")]
#[case::regex(json!({"match": [{"uri": {"regex": "(a"}}]}), "spec.service.match[0].uri.regex")]
#[case::regex_of_a_header(json!({"match": [{"headers": {"x": {"regex": ""}}}]}), "spec.service.match[0].headers[\"x\"].regex")]
#[case::prefix_of_a_method(json!({"match": [{"method": {"prefix": ""}}]}), "spec.service.match[0].method.prefix")]
#[case::port_of_a_match(json!({"match": [{"port": 0}]}), "spec.service.match[0].port")]
#[case::namespace_of_a_match(json!({"match": [{"sourceNamespace": "a_b"}]}), "spec.service.match[0].sourceNamespace")]
#[case::gateway_of_a_match(json!({"match": [{"gateways": ["a/b/c"]}]}), "spec.service.match[0].gateways[0]")]
#[case::claim_in_the_mesh(json!({"match": [{"headers": {"@request.auth.claims.group": {"exact": "a"}}}]}), "spec.service.match[0].headers")]
#[case::method_of_an_origin(json!({"corsPolicy": {"allowMethods": ["get"]}}), "spec.service.corsPolicy.allowMethods[0]")]
#[case::regex_of_an_origin(json!({"corsPolicy": {"allowOrigins": [{"regex": "["}]}}), "spec.service.corsPolicy.allowOrigins[0]")]
#[case::empty_origin(json!({"corsPolicy": {"allowOrigins": [{}]}}), "spec.service.corsPolicy.allowOrigins[0]")]
#[case::age_too_fine(json!({"corsPolicy": {"maxAge": "1.5s"}}), "spec.service.corsPolicy.maxAge")]
#[case::mutual_without_files(
    json!({"trafficPolicy": {"tls": {"mode": "MUTUAL", "privateKey": "/k"}}}),
    "spec.service.trafficPolicy.tls.clientCertificate"
)]
#[case::shares_of_a_locality(
    json!({"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"distribute": [{"from": "a", "to": {"a": 50}}]}}}}),
    "spec.service.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to"
)]
#[case::failures_that_do_not_count(
    json!({"trafficPolicy": {"outlierDetection": {"consecutiveLocalOriginFailures": 1}}}),
    "spec.service.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures"
)]
#[case::cookie_without_name(
    json!({"trafficPolicy": {"loadBalancer": {"consistentHash": {"httpCookie": {}}}}}),
    "spec.service.trafficPolicy.loadBalancer.consistentHash.httpCookie.name"
)]
fn what_istio_would_refuse_is_told_before(#[case] service: Value, #[case] path: &str) {
    match istio().render(&canary(service), &Live::default(), &Settings::default(), &traffic(0)) {
        Err(RoutingError::Inexpressible { problems, .. }) => {
            assert_eq!(problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), [path]);
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::gateways_of_a_namespace_and_of_ours(json!({"gateways": ["a/b", "b", "b.a.svc.cluster.local"]}))]
#[case::hosts(json!({"hosts": ["10.0.0.1", "*.example", "a.test.", "*-b.test"]}))]
#[case::words_of_re2_that_ours_lacks(json!({"match": [{"uri": {"regex": "\\Qa.b\\E.*"}}]}))]
#[case::claim_at_a_gateway(json!({"gateways": ["a"], "match": [{"headers": {"@request.auth.claims.g": {"exact": "a"}}}]}))]
#[case::absent_header(json!({"match": [{"withoutHeaders": {"x": {"regex": "*"}}}]}))]
#[case::present_header(json!({"match": [{"headers": {"x": {}}}]}))]
#[case::any_path(json!({"match": [{"uri": {"prefix": ""}}]}))]
#[case::no_retries(json!({"retries": {"attempts": 0}}))]
#[case::prefix(json!({"rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}}))]
fn what_istio_takes_is_not_refused(#[case] service: Value) {
    istio().render(&canary(service), &Live::default(), &Settings::default(), &traffic(0)).unwrap();
}

fn share(host: &str, weight: Value) -> Value {
    json!({"destination": {"host": host}, "weight": weight})
}

#[rstest]
#[case::as_we_write_it(json!([share("cider-primary", json!(70)), share("cider-canary", json!(30))]), (70, 30))]
#[case::by_name_not_by_place(json!([share("cider-canary", json!(30)), share("cider-primary", json!(70))]), (70, 30))]
#[case::by_longer_names(
    json!([share("cider-primary.orchard.svc.cluster.local", json!(70)), share("cider-canary.orchard", json!(30))]),
    (70, 30)
)]
#[case::w_rt_16_never_100_less_the_primary(json!([share("cider-primary", json!(70)), share("cider-canary", json!(90))]), (70, 90))]
#[case::no_weight_is_zero(
    json!([share("cider-primary", json!(100)), {"destination": {"host": "cider-canary"}}]),
    (100, 0)
)]
#[case::of_another_namespace(json!([share("cider-primary.vineyard", json!(70)), share("cider-canary", json!(30))]), (0, 0))]
#[case::a_subset(
    json!([{"destination": {"host": "cider-primary", "subset": "v1"}, "weight": 100}, share("cider-canary", json!(0))]),
    (0, 0)
)]
#[case::a_third_one(
    json!([share("cider-primary", json!(70)), share("cider-canary", json!(30)), share("tap", json!(0))]),
    (0, 0)
)]
#[case::one_twice(
    json!([share("cider-primary", json!(50)), share("cider-primary", json!(50)), share("cider-canary", json!(0))]),
    (0, 0)
)]
#[case::only_the_primary(json!([share("cider-primary", json!(100))]), (0, 0))]
#[case::out_of_range(json!([share("cider-primary", json!(-1)), share("cider-canary", json!(101))]), (0, 0))]
#[case::none(json!([]), (0, 0))]
fn weights_are_read_by_host(#[case] route: Value, #[case] shares: (i64, i64)) {
    let weight = |share: i64| Weight::try_from(share).unwrap();
    let expected = Weights { primary: weight(shares.0), canary: weight(shares.1) };
    assert_eq!(read(&canary(json!({})), json!({"http": [{"route": route}]})).weights, expected);
    let tcp = read(&canary(json!({"appProtocol": "tcp"})), json!({"tcp": [{"route": route}]}));
    assert_eq!(tcp.weights, expected);
}

#[rstest]
#[case::no_rules(json!({}))]
#[case::rules_of_another_protocol(json!({"tcp": [{"route": [share("cider-primary", json!(100)), share("cider-canary", json!(0))]}]}))]
#[case::a_rule_of_somebody_else(json!({"http": [
    {"redirect": {"uri": "/"}},
    {"route": [share("cider-primary", json!(100)), share("cider-canary", json!(0))]},
]}))]
fn a_virtual_service_of_another_shape_equals_no_wish(#[case] spec: Value) {
    // A rule of somebody else has a place in the VirtualService of somebody else only.
    let canary = canary(json!({}));
    let mut route = render(&canary, &Live::default(), 0).pop().unwrap();
    route["spec"] = spec;
    let read = istio().read(&canary, &live(&[route])).unwrap().unwrap();
    assert_eq!(read.weights, Weights::FOREIGN);
}

#[test]
fn a_virtual_service_that_is_stored_counts_as_accepted_because_istio_writes_no_status() {
    assert_eq!(read(&canary(json!({})), json!({})).acceptance, Acceptance::Accepted);
    assert_eq!(istio().read(&canary(json!({})), &Live::default()).unwrap(), None);
}

#[rstest]
#[case::rules_are_text(json!({"http": "x"}))]
#[case::no_host(json!({"http": [{"route": [{"destination": {}}]}]}))]
#[case::weight_is_text(json!({"http": [{"route": [{"destination": {"host": "a"}, "weight": "1"}]}]}))]
fn w_rt_9_a_malformed_virtual_service_is_an_error_that_names_it(#[case] spec: Value) {
    let route = json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {"name": "cider", "namespace": "orchard"}, "spec": spec,
    });
    let error = istio().read(&canary(json!({})), &live(&[route])).unwrap_err();
    assert!(error.to_string().starts_with("reading VirtualService orchard/cider: "), "{error}");
}

#[test]
fn what_others_put_into_the_spec_is_overwritten() {
    let canary = canary(json!({}));
    let clean = render(&canary, &Live::default(), 0);
    let mut changed = clean.clone();
    changed[2]["spec"]["exportTo"] = json!(["."]);
    changed[2]["spec"]["tcp"] = json!([{"route": [share("tap", json!(100))]}]);
    let wished = render(&canary, &live(&changed), 0).remove(2);
    assert!(!contains(&changed[2], &wished));
    assert_eq!([&wished["spec"]["exportTo"], &wished["spec"]["tcp"]], [&json!([]), &json!([])]);
    // Once they are empty the wish is the plain one again.
    assert_eq!(render(&canary, &live(&[wished]), 0), clean);
}

#[test]
fn w_rt_17_labels_and_annotations_of_others_are_no_difference() {
    let wished = render(&outside(), &Live::default(), 20);
    let mut changed = wished.clone();
    for object in &mut changed {
        object["metadata"]["annotations"]["someone.else/note"] = "x".into();
        object["metadata"]["labels"]["someone.else/label"] = "x".into();
    }
    let again = render(&outside(), &live(&changed), 20);
    assert!(changed.iter().zip(&again).all(|(live, wish)| contains(live, wish)));
}

/// A VirtualService as its owner writes it: a rule of the apex between rules of others.
fn users() -> Object {
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {"name": "cider", "namespace": "orchard", "resourceVersion": "7", "uid": "u"},
        "spec": {
            "hosts": ["orchard.example"], "gateways": ["gateways/public"], "exportTo": ["."],
            "http": [
                {"match": [{"uri": {"exact": "/old"}}], "redirect": {"uri": "/"}},
                {"match": [{"uri": {"prefix": "/help"}}], "route": [{"destination": {"host": "help"}}]},
                {
                    "fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 1}}},
                    "route": [{"destination": {"host": "cider.orchard.svc.cluster.local", "port": {"number": 9080}}}],
                },
            ],
        },
    })
}

#[test]
fn w_rt_18_in_a_virtual_service_of_a_user_only_the_destinations_of_the_apex_change() {
    let canary = canary(json!({}));
    let mut route = users();
    for share in [20, 60] {
        let wished =
            changes(istio(), &canary, &live(&[route.clone()]), &Settings::default(), &traffic(share))
                .unwrap();
        let [Change::Apply(primary), Change::Apply(version), Change::Patch { reference, patch }] =
            &wished[..]
        else {
            panic!("{wished:?}")
        };
        assert_eq!(
            (&primary["kind"], &version["kind"]),
            (&json!("DestinationRule"), &json!("DestinationRule"))
        );
        assert_eq!(*reference, ObjectRef::of(&route));
        json_patch::patch(&mut route, patch).unwrap();
        let share_of = |host: &str, weight: i64| json!({"destination": {"host": host, "port": {"number": 9080}}, "weight": weight});
        let mut expected = users();
        expected["spec"]["http"][2]["route"] = json!([
            share_of("cider-primary", 100 - share),
            share_of("cider-canary", share),
            share_of("cider", 0)
        ]);
        expected["metadata"]["labels"] = json!({"sluice.dev/managed": "true"});
        expected["metadata"]["annotations"] = json!({"sluice.dev/canary": "cider"});
        assert_eq!(route, expected);
        assert_eq!(istio().read(&canary, &live(&[route.clone()])).unwrap().unwrap().weights, weights(share));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Istio refuses a rule whose weights have the sum 0, and lets others pass that make no sense.
    #[test]
    fn the_weights_of_a_virtual_service_always_sum_to_100(share in 0..=100i64) {
        let route = render(&canary(json!({})), &Live::default(), share)[2]["spec"]["http"][0]["route"].clone();
        let sum: i64 = route.as_array().unwrap().iter().map(|share| share["weight"].as_i64().unwrap()).sum();
        prop_assert_eq!(sum, 100);
    }
}

/// The YAML documents of docs/routers.md.
fn documented() -> Vec<Value> {
    let text = include_str!("../../../docs/routers.md");
    let blocks =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
    blocks
        .flat_map(|block| block.split("---\n"))
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

#[test]
fn every_documented_canary_can_be_routed() {
    let canaries: Vec<Canary> = documented()
        .into_iter()
        .filter(|document| document["kind"] == "Canary")
        .map(|document| serde_json::from_value(document).unwrap())
        .collect();
    assert!(canaries.len() >= 3);
    for canary in canaries {
        let router = router(canary.spec.provider.unwrap()).unwrap();
        router.render(&canary, &Live::default(), &Settings::default(), &traffic(0)).unwrap();
    }
}

#[test]
fn the_documented_virtual_service_delegates_to_the_one_of_the_canary() {
    let all = documented();
    let user = all.iter().find(|document| document["kind"] == "VirtualService").unwrap();
    let delegate = &user["spec"]["http"][0]["delegate"];
    let canary = all.iter().find(|document| document["spec"]["service"]["delegation"] == true).unwrap();
    let canary: Canary = serde_json::from_value(canary.clone()).unwrap();
    let ours = render(&canary, &Live::default(), 0).remove(2);
    assert_eq!(
        (&delegate["name"], &delegate["namespace"]),
        (&ours["metadata"]["name"], &ours["metadata"]["namespace"])
    );
}

#[test]
fn mutual_tls_of_a_documented_load_tester_is_switched_off_on_both_sides() {
    let all = documented();
    let find = |kind: &str| all.iter().find(|document| document["kind"] == kind).unwrap();
    assert_eq!(find("DestinationRule")["spec"]["trafficPolicy"]["tls"]["mode"], "DISABLE");
    assert_eq!(find("PeerAuthentication")["spec"]["mtls"]["mode"], "DISABLE");
}

#[test]
fn w_rt_6_a_cookie_of_a_user_stays_where_one_of_ours_is_taken_away_and_only_there_ours_ends() {
    let mut canary = canary(json!({"headers": {"response": {"add": {"Set-Cookie": "seen=1"}}}}));
    canary.spec.analysis.as_mut().unwrap().session_affinity =
        serde_json::from_value(json!({"cookieName": "version"})).unwrap();
    let gone = Cookie { pair: "version=old".to_owned(), set: "version=old; Max-Age=-1".to_owned() };
    let traffic = Traffic { cookies: Cookies { former: Some(gone), ..Cookies::NONE }, ..traffic(0) };
    let route = istio().render(&canary, &Live::default(), &Settings::default(), &traffic).unwrap().remove(2);
    let rules = route["spec"]["http"].as_array().unwrap();
    let ends = |rule: &Value| rule["route"].to_string().contains("Max-Age=-1");
    let keeps = |rule: &Value| rule["headers"]["response"]["add"]["Set-Cookie"] == "seen=1";
    assert_eq!(
        rules.iter().map(|rule| (ends(rule), keeps(rule))).collect::<Vec<_>>(),
        [(true, true), (false, true)]
    );
}

#[test]
fn w_rt_5_an_edit_of_the_service_reaches_every_rule_of_a_route_that_sets_a_cookie_of_the_canary_alone() {
    let met = Cookie { pair: "version=new".to_owned(), set: "version=new; Max-Age=60".to_owned() };
    let traffic = Traffic { cookies: Cookies { canary: Some(met), ..Cookies::NONE }, ..traffic(20) };
    let rendered = |timeout: &str| {
        istio()
            .render(&canary(json!({"timeout": timeout})), &Live::default(), &Settings::default(), &traffic)
            .unwrap()
    };
    let timeouts = |route: &Value| -> Vec<Value> {
        route["spec"]["http"].as_array().unwrap().iter().map(|rule| rule["timeout"].clone()).collect()
    };
    let before = rendered("15s");
    assert_eq!(timeouts(&before[2]), ["15s", "15s"]);
    let edited = canary(json!({"timeout": "30s"}));
    let changes = changes(istio(), &edited, &live(&before), &Settings::default(), &traffic).unwrap();
    let written: Vec<Vec<Value>> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Apply(object) if object["kind"] == "VirtualService" => Some(timeouts(object)),
            _ => None,
        })
        .collect();
    assert_eq!(written, [["30s", "30s"]]);
}
