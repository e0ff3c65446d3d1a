//! The table router × case: the same named cases over every router, and what came of it in `docs/routers.md`.

use std::{fmt::Write as _, path::Path};

use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{
    conformance::{canary, hostile, live},
    traffic, weights,
};
use crate::{
    api::{Canary, Live, Object, ObjectRef, Provider, owned},
    routing::{
        Change, Cookie, Cookies, Field, ROUTERS, Router, RoutingError, Settings, Traffic, Weights, ability,
        changes, rule::Meaning,
    },
    workload::{apply, contains},
};

/// What stands around the table in the document.
const MARKS: [&str; 2] = ["<!-- cases: made by `make generate` -->\n\n", "\n<!-- end of cases -->"];

/// Panics if the case does not hold. What it returns is why it cannot hold or fail with this router.
type Judge = fn(&dyn Router) -> Option<&'static str>;

const NO_ROUTE: &str = "it writes no route";

const CASES: &[(&str, Judge)] = &[
    ("the weights 0, 5, 50 and 100 are read back as they were written", written_and_read),
    ("the weights of every rule have the sum 100", sum),
    ("the same Canary gives the same objects, byte by byte", same_twice),
    ("what was applied is not applied again", applied_once),
    ("weights that somebody changed are written anew", drift),
    ("each of the two weights is read by itself", both_weights),
    ("labels and annotations of others stay, and are no difference", metadata_of_others),
    (
        "an object that a user made is never owned; only the backends of rules that lead to us change in it",
        users,
    ),
    (
        "an object of a user that does not lead to us is left alone, and the sentence names it and the way out",
        taken,
    ),
    ("a field is served, and then the objects change with it, or it is warned of (SL306)", fields),
    ("a strategy that is not served is refused", strategies),
    (
        "with `spec.analysis.match` the canary has a share of the requests that match, and the primary all others",
        chosen,
    ),
    ("cookies lead to the version that set them, before all weights, and an old one is taken away", cookies),
    ("copies of requests to the canary come and go, and are no share of the traffic", copies),
    ("no object that was there before makes it panic", never_panics),
];

fn service(router: &dyn Router) -> Canary {
    canary(
        router,
        &json!({"name": "cider", "port": 9080, "gatewayRefs": [{"name": "edge", "namespace": "gateways"}]}),
    )
}

/// What stands around a route: the Services, the target, an Upstream that a user tuned.
fn around() -> Vec<Object> {
    let service = |name: &str, app: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "orchard"},
               "spec": {"selector": {"app": app}}})
    };
    vec![
        service("cider-primary", "press-primary"),
        service("cider-canary", "press"),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "press", "namespace": "orchard"},
            "spec": {"template": {"spec": {"containers": [{"name": "press", "ports": [{"containerPort": 9898}]}]}}},
        }),
        json!({
            "apiVersion": "gloo.solo.io/v1", "kind": "Upstream",
            "metadata": {"name": "tuned", "namespace": "orchard"}, "spec": {"useHttp2": true},
        }),
    ]
}

/// The cluster with these objects in it.
fn with(objects: &[Object]) -> Live {
    live(&[around(), objects.to_vec()].concat())
}

fn render(router: &dyn Router, canary: &Canary, present: &[Object], share: i64) -> Vec<Object> {
    router.render(canary, &with(present), &Settings::default(), &traffic(share)).unwrap()
}

fn read(router: &dyn Router, canary: &Canary, present: &[Object]) -> Weights {
    router.read(canary, &with(present)).unwrap().unwrap().weights
}

/// The objects after what `changes` wants was carried out.
fn carried_out(router: &dyn Router, canary: &Canary, present: &[Object], share: i64) -> Vec<Object> {
    let mut after = present.to_vec();
    let wished = changes(router, canary, &with(present), &Settings::default(), &traffic(share)).unwrap();
    for change in wished {
        let reference = match &change {
            Change::Apply(object) => ObjectRef::of(object),
            Change::Patch { reference, .. } | Change::Delete { reference, .. } => reference.clone(),
        };
        let place = after.iter_mut().find(|object| ObjectRef::of(object) == reference);
        match (change, place) {
            (Change::Apply(object), Some(place)) => *place = apply(place, &object),
            (Change::Apply(object), None) => after.push(object),
            (Change::Delete { reference, .. }, _) => panic!("{reference} is needed"),
            (Change::Patch { patch, .. }, place) => json_patch::patch(place.unwrap(), &patch).unwrap(),
        }
    }
    after
}

/// The splits in an object: where the list of backends stands, and the places of primary and canary in it.
fn splits(router: &dyn Router, canary: &Canary, object: &Object) -> Vec<(String, usize, usize)> {
    let split = |rule: &crate::routing::Rule| match rule.meaning(canary) {
        Meaning::Split { primary, canary, .. } => Some((rule.pointer.clone(), primary, canary)),
        Meaning::Apex | Meaning::Mixed | Meaning::Foreign => None,
    };
    router.rules(canary, object).iter().filter_map(split).collect()
}

/// The object of the route that has the weights.
fn split_object<'a>(router: &dyn Router, canary: &Canary, objects: &'a mut [Object]) -> &'a mut Object {
    objects.iter_mut().find(|object| !splits(router, canary, object).is_empty()).unwrap()
}

fn written_and_read(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    if !router.capabilities().weights {
        let always = Weights::TO_PRIMARY;
        assert_eq!(read(router, &canary, &[]), always);
        return Some("everything goes to the primary");
    }
    for share in [0, 5, 50, 100] {
        assert_eq!(read(router, &canary, &render(router, &canary, &[], share)), weights(share));
    }
    None
}

fn sum(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let mut seen = 0;
    for share in [0, 5, 50, 100] {
        for object in render(router, &canary, &[], share) {
            for (pointer, primary, canary) in splits(router, &canary, &object) {
                let weight =
                    |place| object.pointer(&format!("{pointer}/{place}/weight")).unwrap().as_i64().unwrap();
                assert_eq!((weight(primary), weight(canary)), (100 - share, share));
                seen += 1;
            }
        }
    }
    (seen == 0).then_some(NO_ROUTE)
}

fn same_twice(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let text = |objects: Vec<Object>| json!(objects).to_string();
    let once = render(router, &canary, &[], 20);
    assert_eq!(text(once.clone()), text(render(router, &canary, &[], 20)));
    assert_eq!(
        text(once.clone()),
        text(render(router, &canary, &once, 20)),
        "nor does its own work change it"
    );
    once.is_empty().then_some(NO_ROUTE)
}

fn applied_once(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let first = carried_out(router, &canary, &[], 20);
    for change in changes(router, &canary, &with(&first), &Settings::default(), &traffic(20)).unwrap() {
        let Change::Apply(object) = change else { panic!("{change:?}") };
        assert!(first.iter().any(|present| contains(present, &object)), "{object}");
    }
    first.is_empty().then_some(NO_ROUTE)
}

fn drift(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let mut objects = render(router, &canary, &[], 20);
    if objects.is_empty() {
        return Some(NO_ROUTE);
    }
    let whole = split_object(router, &canary, &mut objects);
    for (pointer, primary, share) in splits(router, &canary, &whole.clone()) {
        whole.pointer_mut(&pointer).unwrap()[primary]["weight"] = json!(0);
        whole.pointer_mut(&pointer).unwrap()[share]["weight"] = json!(100);
    }
    assert_eq!(read(router, &canary, &objects), weights(100));
    let wished = render(router, &canary, &objects, 20);
    assert!(
        objects.iter().zip(&wished).any(|(present, wish)| !contains(present, wish)),
        "it is a difference"
    );
    assert_eq!(read(router, &canary, &carried_out(router, &canary, &objects, 20)), weights(20));
    None
}

fn both_weights(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let mut objects = render(router, &canary, &[], 30);
    if objects.is_empty() {
        return Some(NO_ROUTE);
    }
    let whole = split_object(router, &canary, &mut objects);
    for (pointer, primary, _) in splits(router, &canary, &whole.clone()) {
        whole.pointer_mut(&pointer).unwrap()[primary]["weight"] = json!(10);
    }
    let seen = read(router, &canary, &objects);
    assert_eq!((seen.primary.get(), seen.canary.get()), (10, 30));
    None
}

fn metadata_of_others(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let mut objects = render(router, &canary, &[], 20);
    for object in &mut objects {
        object["metadata"]["annotations"]["someone.else/note"] = json!("keep");
        object["metadata"]["labels"]["someone.else/team"] = json!("fruit");
    }
    let wished = render(router, &canary, &objects, 20);
    assert!(objects.iter().zip(&wished).all(|(present, wish)| contains(present, wish)));
    for object in carried_out(router, &canary, &objects, 60) {
        assert_eq!(object["metadata"]["annotations"]["someone.else/note"], "keep");
        assert_eq!(object["metadata"]["labels"]["someone.else/team"], "fruit");
    }
    objects.is_empty().then_some(NO_ROUTE)
}

/// The route as a user had it before the Canary: its only rule leads to the apex.
fn of_a_user(router: &dyn Router, canary: &Canary) -> Option<Object> {
    let mut objects = render(router, canary, &[], 0);
    if objects.is_empty() {
        return None;
    }
    let mut object = split_object(router, canary, &mut objects).clone();
    for (pointer, primary, _) in splits(router, canary, &object.clone()) {
        let list = object.pointer_mut(&pointer).unwrap();
        let mut backend = list[primary].clone();
        router.lead(canary, &mut backend, canary.apex_name());
        *list = json!([backend]);
    }
    let (name, namespace) = (object["metadata"]["name"].clone(), object["metadata"]["namespace"].clone());
    object["metadata"] = json!({"name": name, "namespace": namespace, "resourceVersion": "7", "uid": "u"});
    object["metadata"]["annotations"] = json!({"someone.else/note": "keep"});
    object["spec"]["someoneElse"] = json!("keep");
    Some(object)
}

fn users(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let Some(before) = of_a_user(router, &canary) else { return Some(NO_ROUTE) };
    let reference = ObjectRef::of(&before);
    let mut present = vec![before.clone()];
    for share in [20, 60] {
        present = carried_out(router, &canary, &present, share);
        assert_eq!(read(router, &canary, &present), weights(share));
        let after = present.iter().find(|object| ObjectRef::of(object) == reference).unwrap();
        assert!(!owned::controls(&canary, after), "{after}");
        let mut expected = before.clone();
        for (pointer, ..) in splits(router, &canary, after) {
            *expected.pointer_mut(&pointer).unwrap() = after.pointer(&pointer).unwrap().clone();
        }
        expected["metadata"]["labels"] = json!({"sluice.dev/managed": "true"});
        expected["metadata"]["annotations"]["sluice.dev/canary"] = json!("cider");
        assert_eq!(*after, expected);
    }
    None
}

/// Each of the objects in turn is a user's own one that has nothing to do with us.
fn taken(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let objects = render(router, &canary, &[], 0);
    for object in &objects {
        let reference = ObjectRef::of(object);
        let other = json!({
            "apiVersion": reference.api_version, "kind": reference.kind,
            "metadata": {"name": reference.name, "namespace": reference.namespace}, "spec": {},
        });
        let error =
            changes(router, &canary, &with(&[other]), &Settings::default(), &traffic(20)).unwrap_err();
        let RoutingError::Taken { reference: named, .. } = &error else { panic!("{error}") };
        assert_eq!(*named, reference);
        let sentence = error.to_string();
        assert!(sentence.starts_with(&format!("{reference} cannot be the route: ")), "{sentence}");
        assert!(sentence.ends_with("delete or rename it, so that Sluice can make its own"), "{sentence}");
    }
    objects.is_empty().then_some(NO_ROUTE)
}

/// Something that a user says in a field, in words that every router has that serves it.
pub(crate) fn given(field: Field) -> Value {
    match field {
        Field::Hosts => json!(["a.example"]),
        Field::Gateways => json!(["gateways/public"]),
        Field::GatewayRefs => json!([{"name": "another"}]),
        Field::Match => json!([{"uri": {"prefix": "/a"}}]),
        Field::Rewrite => json!({"uri": "/b"}),
        Field::Retries => json!({"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error"}),
        Field::Timeout => json!("15s"),
        Field::BackendTimeout => json!("10s"),
        Field::Headers => json!({"request": {"add": {"x-a": "1"}}}),
        Field::CorsPolicy => json!({"allowOrigin": ["https://a.example"], "maxAge": "24h"}),
        Field::TrafficPolicy => json!({"tls": {"mode": "ISTIO_MUTUAL"}}),
        Field::Delegation => json!(true),
        Field::Mirror => json!([{"backendRef": {"name": "tap", "port": 81}}]),
        Field::MeshName => json!("mesh"),
        Field::Backends => json!(["barrels"]),
        Field::IngressRef => {
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "cider"})
        }
        Field::RouteRef => {
            json!({"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "cider"})
        }
        Field::UpstreamRef => json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "tuned"}),
    }
}

/// That the gate warns of each field outside of the list is shown by `every_field_that_a_router_does_not_serve_is_warned_of`.
fn fields(router: &dyn Router) -> Option<&'static str> {
    let plain = service(router);
    for field in Field::ALL {
        let mut whole = json!(plain);
        let pointer = format!("/{}", field.path().replace('.', "/"));
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        whole.pointer_mut(parent).unwrap()[name] = given(*field);
        let canary: Canary = serde_json::from_value(whole).unwrap();
        assert!(field.is_given(&canary), "{}", field.path());
        let changed = render(router, &canary, &[], 20) != render(router, &plain, &[], 20);
        assert_eq!(changed, router.capabilities().serves(*field), "{}", field.path());
    }
    None
}

fn strategies(router: &dyn Router) -> Option<&'static str> {
    let can = router.capabilities();
    if !can.weights {
        return Some("without a split no strategy sends requests to the canary");
    }
    let strategies = [
        (can.matching.is_empty(), "match", json!([{"headers": {"x-a": {"exact": "1"}}}])),
        (!can.mirror, "mirror", json!(true)),
        (!can.affinity, "sessionAffinity", json!({"cookieName": "version"})),
    ];
    let keeps_users = ability(router.providers()[0], false).affinity;
    for (_, field, value) in strategies.into_iter().filter(|(unserved, ..)| *unserved) {
        let plain = service(router);
        let mut whole = json!(plain);
        whole["spec"]["analysis"][field] = value;
        let canary: Canary = serde_json::from_value(whole).unwrap();
        // Nobody is sent anywhere by what is left out here, as with the peer.
        if field == "sessionAffinity" && !keeps_users {
            assert_eq!(render(router, &canary, &[], 20), render(router, &plain, &[], 20));
            continue;
        }
        let error = router.render(&canary, &with(&[]), &Settings::default(), &traffic(0)).unwrap_err();
        let RoutingError::Inexpressible { problems, .. } = error else { panic!("{error}") };
        assert_eq!(problems[0].path, format!("spec.analysis.{field}"));
    }
    None
}

/// A Canary whose requests are chosen by these entries.
fn choosing(router: &dyn Router, entries: Value) -> Canary {
    let mut whole = json!(service(router));
    whole["spec"]["analysis"] = json!({"interval": "30s", "threshold": 3, "iterations": 2, "match": entries});
    serde_json::from_value(whole).unwrap()
}

fn chosen(router: &dyn Router) -> Option<&'static str> {
    if router.capabilities().matching.is_empty() {
        return Some("it does not tell requests apart");
    }
    let canary = choosing(
        router,
        json!([{"headers": {"x-a": {"exact": "1"}}}, {"headers": {"x-b": {"regex": "^2"}}}]),
    );
    for share in [0, 40, 100] {
        let mut objects = render(router, &canary, &[], share);
        assert_eq!(
            read(router, &canary, &objects),
            weights(share),
            "the largest share that anybody is given"
        );
        let object = split_object(router, &canary, &mut objects);
        let mut shares = Vec::new();
        for (pointer, primary, canary) in splits(router, &canary, object) {
            let weight =
                |place| object.pointer(&format!("{pointer}/{place}/weight")).unwrap().as_i64().unwrap();
            assert_eq!(weight(primary) + weight(canary), 100);
            let rule: Vec<&str> = pointer.split('/').take(4).collect();
            let rule = object.pointer(&rule.join("/")).unwrap().to_string();
            shares.push((rule.contains("x-a") || rule.contains("x-b"), weight(canary)));
        }
        assert_eq!(shares.pop(), Some((false, 0)), "all others come last");
        assert!(!shares.is_empty() && shares.iter().all(|of| *of == (true, share)), "{shares:?}");
        assert_eq!(json!(object).to_string().matches("x-a").count(), 1, "{object}");
        assert_eq!(json!(object).to_string().matches("x-b").count(), 1, "{object}");
        // A route of a user has words for weights alone.
        let user = of_a_user(router, &service(router)).unwrap();
        let changed = changes(router, &canary, &with(&[user]), &Settings::default(), &traffic(share));
        assert_eq!(changed.is_ok(), share == 0);
    }
    // W-RT-2: what says nothing chooses nobody.
    let nothing = choosing(router, json!([{}]));
    if let Ok(objects) = router.render(&nothing, &with(&[]), &Settings::default(), &traffic(100)) {
        assert_eq!(read(router, &nothing, &objects), Weights::TO_PRIMARY);
    }
    None
}

fn cookies(router: &dyn Router) -> Option<&'static str> {
    if !router.capabilities().affinity {
        return Some("it keeps nobody on a version");
    }
    let canary = service(router);
    let cookie = |name: &str| Some(Cookie { pair: format!("{name}=1"), set: format!("{name}=1; Max-Age=9") });
    let during = Cookies { canary: cookie("met"), primary: cookie("stays"), former: None };
    let after = Cookies { former: cookie("former"), ..Cookies::NONE };
    for (share, cookies, expected) in [
        (30, during, [("met=1", 100), ("stays=1", 0), ("", 30)].to_vec()),
        (0, after, [("former=1", 0), ("", 0)].to_vec()),
    ] {
        let traffic = Traffic { cookies, ..traffic(share) };
        let mut objects = router.render(&canary, &with(&[]), &Settings::default(), &traffic).unwrap();
        let object = split_object(router, &canary, &mut objects);
        let mut found = Vec::new();
        for (pointer, _, canary) in splits(router, &canary, object) {
            let rule = object.pointer(&pointer.split('/').take(4).collect::<Vec<_>>().join("/")).unwrap();
            let matches = rule["matches"].to_string() + &rule["match"].to_string();
            let named = ["met=1", "stays=1", "former=1"].into_iter().find(|pair| matches.contains(pair));
            let weight = object.pointer(&format!("{pointer}/{canary}/weight")).unwrap().as_i64().unwrap();
            let sets = rule.to_string().matches("Max-Age=9").count();
            assert_eq!(
                sets,
                match named {
                    None if share > 0 => 2,
                    // In the rule, or at each of its destinations.
                    Some("former=1") if rule.get("route").is_some() => 2,
                    Some("former=1") => 1,
                    _ => 0,
                },
                "{rule}"
            );
            found.push((named.unwrap_or_default(), weight));
        }
        assert_eq!(found, expected);
    }
    None
}

fn copies(router: &dyn Router) -> Option<&'static str> {
    if !router.capabilities().mirror {
        return Some("it does not copy requests");
    }
    let canary = service(router);
    let render =
        |traffic: &Traffic| router.render(&canary, &with(&[]), &Settings::default(), traffic).unwrap();
    for copied in [1, 30, 100] {
        let mirror = Some(weights(copied).canary);
        let mirrored = Traffic { mirror, ..Traffic::AT_REST };
        let objects = render(&mirrored);
        assert_eq!(read(router, &canary, &objects), Weights::TO_PRIMARY);
        assert_ne!(objects, render(&Traffic::AT_REST));
        let text = json!(objects).to_string();
        assert!(text.contains("irror") && text.contains(&canary.canary_service_name()), "{text}");
        assert!(copied == 100 || text.contains(&format!(":{copied}}}")), "{text}");
        // A route of a user has words for weights alone.
        let user = of_a_user(router, &canary).unwrap();
        let error = changes(router, &canary, &with(&[user]), &Settings::default(), &mirrored).unwrap_err();
        assert!(error.to_string().contains("delete it, so that Sluice makes its own"), "{error}");
    }
    None
}

fn never_panics(router: &dyn Router) -> Option<&'static str> {
    let canary = service(router);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let run = runner.run(&(hostile(), hostile()), |(spec, status)| {
        let objects: Vec<_> = router
            .needs(&canary)
            .into_iter()
            .map(|of| {
                json!({
                    "apiVersion": of.api_version, "kind": of.kind,
                    "metadata": {"name": of.name, "namespace": of.namespace}, "spec": spec, "status": status,
                })
            })
            .collect();
        let live = live(&objects);
        let _ = router.read(&canary, &live);
        let _ = router.render(&canary, &live, &Settings::default(), &traffic(20));
        let _ = changes(router, &canary, &live, &Settings::default(), &traffic(20));
        Ok(())
    });
    run.unwrap();
    router.needs(&canary).is_empty().then_some("it reads no object")
}

/// The cases as the document shows them.
fn table() -> String {
    let mut text = String::from("| case |");
    for router in ROUTERS {
        let _ = write!(text, " `{}` |", router.providers()[0]);
    }
    let _ = writeln!(text, "\n|---{}|", "|---".repeat(ROUTERS.len()));
    for (name, judge) in CASES {
        let _ = write!(text, "| {name} |");
        for router in ROUTERS {
            match judge(*router) {
                None => text.push_str(" yes |"),
                Some(why) => {
                    let _ = write!(text, " not applicable: {why} |");
                }
            }
        }
        text.push('\n');
    }
    text.push_str("| judged against |");
    for router in ROUTERS {
        // These two never ran here.
        let read = matches!(router.providers()[0], Provider::Gloo | Provider::AppMeshV1Beta2);
        text.push_str(if read { " our reading of the documented fields |" } else { " |" });
    }
    text.push('\n');
    text
}

#[test]
fn every_case_holds_for_every_router_and_the_document_says_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/routers.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let [begin, end] = MARKS;
    let (before, rest) = document.split_once(begin).unwrap();
    let (stands, after) = rest.split_once(end).unwrap();
    let wanted = table();
    if stands != wanted && std::env::var_os("GENERATE").is_some() {
        std::fs::write(path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(stands, wanted, "docs/routers.md has drifted from the code; run `make generate`");
}
