//! What holds of every router, for any Canary: the same cases over the whole table.

use json_patch::Patch;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{traffic, weights};
use crate::{
    api::{Canary, Live, Object, ObjectRef},
    routing::{ROUTERS, Router, RoutingError, Settings, held},
    workload::{apply, contains},
};

/// A Canary of some provider's taste: each field is there or not, alone or beside the others.
fn service() -> impl Strategy<Value = Value> {
    let some = |field: &'static str, values: Vec<Value>| {
        prop::option::of(prop::sample::select(values)).prop_map(move |value| (field, value))
    };
    let fields = vec![
        some("hosts", vec![json!(["a.example"]), json!(["*.b.example", "a.example"]), json!(["cider"]), json!(["*"])]).boxed(),
        some("gateways", vec![json!(["mesh"]), json!(["gateways/public"]), json!(["public", "mesh"])]).boxed(),
        some("gatewayRefs", vec![json!([{"name": "edge"}]), json!([{"name": "edge", "namespace": "gateways"}, {"name": "in"}])]).boxed(),
        some("match", vec![
            json!([{"uri": {"prefix": "/a"}}]),
            json!([{"uri": {"exact": "/a"}, "method": {"exact": "GET"}}, {"headers": {"x": {"regex": "^a"}}}]),
            json!([{"port": 80}]),
            json!([{}]),
        ]).boxed(),
        some("rewrite", vec![json!({"uri": "/"}), json!({"authority": "a.example"})]).boxed(),
        some("retries", vec![json!({"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx"})]).boxed(),
        some("timeout", vec![json!("15s"), json!("1m30s")]).boxed(),
        some("headers", vec![json!({"request": {"add": {"x-b": "1", "x-a": "2"}, "remove": ["x-c"]}})]).boxed(),
        some("corsPolicy", vec![json!({"allowOrigin": ["https://a.example"], "maxAge": "24h"})]).boxed(),
        some("trafficPolicy", vec![json!({"tls": {"mode": "ISTIO_MUTUAL"}}), json!({})]).boxed(),
        some("delegation", vec![json!(true)]).boxed(),
        some("portDiscovery", vec![json!(true)]).boxed(),
        some("appProtocol", vec![json!("tcp"), json!("http")]).boxed(),
        some("meshName", vec![json!("m")]).boxed(),
        some("apex", vec![json!({"labels": {"team": "fruit"}, "annotations": {"a.example/b": "c"}})]).boxed(),
    ];
    fields.prop_map(|fields| {
        let given = fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?)));
        let mut service: Map<String, Value> = given.collect();
        service.insert("name".to_owned(), json!("cider"));
        service.insert("port".to_owned(), json!(9080));
        service.into()
    })
}

pub(super) fn canary(router: &dyn Router, service: &Value) -> Canary {
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cider", "namespace": "orchard", "uid": "c1de"},
        "spec": {
            "provider": router.providers()[0],
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "press"},
            "service": service,
            "analysis": {"interval": "30s", "threshold": 3, "stepWeight": 20},
        },
    }))
    .unwrap()
}

pub(super) fn live(objects: &[Object]) -> Live {
    objects.iter().map(|object| (ObjectRef::of(object), object.clone().into())).collect()
}

/// The objects, unless the provider has no words for this Canary; then the gate says so.
fn render(router: &dyn Router, canary: &Canary, live: &Live, share: i64) -> Option<Vec<Object>> {
    match router.render(canary, live, &Settings::default(), &traffic(share)) {
        Ok(objects) => Some(objects),
        Err(RoutingError::Inexpressible { problems, .. }) => {
            assert!(!problems.is_empty());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// JSON that looks like a route often enough to get deep into the readers.
pub(super) fn hostile() -> impl Strategy<Value = Value> {
    let words = vec!["cider-primary", "cider-canary", "cider", "orchard", "x", ""];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..=100i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let keys = vec![
        "http",
        "tcp",
        "tls",
        "route",
        "destination",
        "host",
        "weight",
        "rules",
        "backendRefs",
        "name",
        "namespace",
        "kind",
        "group",
        "routes",
        "services",
        "port",
        "parents",
        "parentRefs",
        "conditions",
        "type",
        "routeAction",
        "multi",
        "destinations",
        "upstream",
        "httpRoute",
        "action",
        "weightedTargets",
        "virtualNodeRef",
        "subset",
        "",
    ];
    scalar.prop_recursive(6, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(keys.clone()), inner), 0..5).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_router_writes_it_reads_back_and_writes_no_second_time(
        service in service(),
        before in 0..=100i64,
        share in 0..=100i64,
    ) {
        for router in ROUTERS {
            let canary = canary(*router, &service);
            let Some(first) = render(*router, &canary, &Live::default(), before) else { continue };
            let Some(wished) = render(*router, &canary, &live(&first), share) else {
                return Err(TestCaseError::fail("a live object changed what the provider can express"));
            };
            prop_assert_eq!(first.len(), wished.len());
            let moved = router.capabilities().weights && before != share;
            prop_assert_eq!(first.iter().zip(&wished).all(|(live, wish)| contains(live, wish)), !moved);
            let second: Vec<_> = first.iter().zip(&wished).map(|(live, wish)| apply(live, wish)).collect();
            let again = render(*router, &canary, &live(&second), share).unwrap();
            prop_assert!(second.iter().zip(&again).all(|(live, wish)| contains(live, wish)));
            if router.capabilities().weights {
                let route = router.read(&canary, &live(&second)).unwrap().unwrap();
                prop_assert_eq!(route.weights, weights(share), "{:?}", second);
            }
        }
    }

    /// The guard of a new router costs nothing: what depends on the weights stands in its rules.
    #[test]
    fn a_write_that_moves_the_weights_keeps_those_that_were_there_and_all_else_that_it_says(
        service in service(),
        before in 0..=100i64,
        wished in 0..=100i64,
    ) {
        for router in ROUTERS {
            let canary = canary(*router, &service);
            let rendered = |share| render(*router, &canary, &Live::default(), share);
            let (Some(old), Some(new)) = (rendered(before), rendered(wished)) else { continue };
            for (old, new) in old.iter().zip(new) {
                let mut written = new.clone();
                written["metadata"]["labels"]["team"] = json!("x");
                let edits = Patch(held(*router, &canary, old, &written));
                json_patch::patch(&mut written, &edits).unwrap();
                prop_assert_eq!(&written["spec"], &old["spec"]);
                prop_assert_eq!(&written["metadata"]["labels"]["team"], "x");
                prop_assert!(held(*router, &canary, old, &written).is_empty(), "a second call changes nothing");
            }
        }
    }
}
