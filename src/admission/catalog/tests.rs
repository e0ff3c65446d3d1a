//! Who gets into whose way, and who uses what.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn canary(name: &str, target: &str, apex: &str, created: u32) -> Canary {
    serde_json::from_value(json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "creationTimestamp": format!("2026-01-01T00:00:{created:02}Z"),
        },
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "service": {"name": apex, "port": 80},
            "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
        },
    }))
    .unwrap()
}

fn catalog(canaries: &[Canary]) -> Catalog {
    let mut catalog = Catalog::default();
    canaries.iter().for_each(|canary| catalog.apply(canary));
    catalog
}

#[rstest]
#[case::same_target("web", "a", Some(Overlap::Target))]
#[case::target_is_its_primary("web-primary", "a", Some(Overlap::Primary))]
#[case::same_apex("other", "shop", Some(Overlap::Apex))]
#[case::apex_is_its_primary_service("other", "shop-primary", Some(Overlap::ServiceName))]
#[case::apex_is_its_canary_service("other", "shop-canary", Some(Overlap::ServiceName))]
#[case::nothing("other", "shop-other", None)]
fn claims_overlap_in_both_directions(
    #[case] target: &str,
    #[case] apex: &str,
    #[case] expected: Option<Overlap>,
) {
    let (first, second) = (canary("first", "web", "shop", 1), canary("second", target, apex, 2));
    let catalog = catalog(&[first.clone(), second.clone()]);
    let found = |of: &Canary| {
        let rivals = catalog.rivals(&of.into(), &catalog.claim(of));
        rivals.first().map(|rival| rival.overlap)
    };
    assert_eq!((found(&first), found(&second)), (expected, expected));
}

#[test]
fn other_namespaces_and_other_kinds_do_not_count() {
    let mut elsewhere = canary("first", "web", "web", 1);
    elsewhere.metadata.namespace = Some("bar".into());
    let mut daemon = canary("daemon", "web", "daemon", 1);
    daemon.spec.target_ref.kind = TargetKind::DaemonSet;
    let newcomer = canary("second", "web", "web", 2);
    let catalog = catalog(&[elsewhere, daemon]);
    assert_eq!(catalog.rivals(&(&newcomer).into(), &catalog.claim(&newcomer)), []);
    assert_eq!(catalog.of_target(TargetKind::Deployment, "shop", "web"), []);
}

#[test]
fn the_older_one_wins_and_at_the_same_second_the_smaller_name() {
    let all = [canary("b", "web", "x", 5), canary("a", "web", "y", 9), canary("c", "web", "z", 5)];
    let catalog = catalog(&all);
    let older = |name: &str| -> Vec<String> {
        let key = CanaryKey::new("shop", name);
        let others = all.iter().map(CanaryKey::from).filter(|other| catalog.precedes(other, &key));
        others.map(|other| other.name).collect()
    };
    assert_eq!(older("b"), [""; 0]);
    assert_eq!(older("c"), ["b"]);
    assert_eq!(older("a"), ["b", "c"]);
    assert_eq!(older("unknown"), [""; 0]);
}

#[rstest]
#[case::within_a_second(5)]
#[case::before_the_older_one_was_seen(4)]
fn of_two_rivals_the_one_that_owns_the_primary_works_and_the_other_is_woken(#[case] other_second: u32) {
    let (first, other) = (canary("b", "web", "x", 5), canary("a", "web", "y", other_second));
    let (owner, rival) = (CanaryKey::from(&first), CanaryKey::from(&other));
    let mut catalog = catalog(&[first.clone(), other]);
    assert!(catalog.precedes(&rival, &owner), "nobody began");
    let own = Seen { label: None, primary: true };
    assert_eq!(catalog.learn(&owner, own.clone()), std::slice::from_ref(&rival));
    assert_eq!(catalog.learn(&owner, own), [], "nothing new");
    catalog.apply(&first);
    assert!(catalog.precedes(&owner, &rival) && !catalog.precedes(&rival, &owner), "kept over a new version");
    let mut anew = first;
    anew.metadata.uid = Some("another".to_owned());
    catalog.apply(&anew);
    assert!(catalog.precedes(&rival, &owner), "the primary was that of a Canary of this name that is gone");
}

#[test]
fn whoever_serves_is_not_stopped_by_an_older_rival_that_never_began() {
    let mut serving = canary("b", "web", "x", 5);
    serving.status =
        Some(serde_json::from_value(json!({"phase": "Succeeded", "lastPromotedSpec": "1"})).unwrap());
    let catalog = catalog(&[serving, canary("a", "web", "y", 4)]);
    let [a, b] = ["a", "b"].map(|name| CanaryKey::new("shop", name));
    assert!(catalog.precedes(&b, &a) && !catalog.precedes(&a, &b));
}

#[test]
fn a_canary_that_moves_leaves_nothing_behind() {
    let mut catalog = catalog(&[canary("a", "web", "web", 1)]);
    catalog.apply(&canary("a", "api", "api", 1));
    assert_eq!(catalog.of_target(TargetKind::Deployment, "shop", "web"), []);
    assert_eq!(catalog.of_target(TargetKind::Deployment, "shop", "api").len(), 1);
    catalog.remove(&CanaryKey::new("shop", "a"));
    assert!(catalog.is_empty() && catalog.by_target.is_empty() && catalog.by_apex.is_empty());
    assert!(catalog.by_mesh_host.is_empty() && catalog.by_route.is_empty() && catalog.by_use.is_empty());
}

#[test]
fn who_uses_a_shared_object_is_known_across_namespaces_until_it_uses_it_no_more() {
    let template = |namespace: &str| SharedRef {
        kind: SharedKind::MetricTemplate,
        namespace: namespace.into(),
        name: "errors".into(),
    };
    let using = |references: serde_json::Value| {
        let mut canary = canary("a", "web", "web", 1);
        canary.spec.analysis.as_mut().unwrap().metrics = serde_json::from_value(references).unwrap();
        canary
    };
    let mut catalog = catalog(&[using(json!([
        {"name": "own", "templateRef": {"name": "errors"}},
        {"name": "empty", "templateRef": {"name": "errors", "namespace": ""}},
        {"name": "other", "templateRef": {"name": "errors", "namespace": "monitoring"}},
    ]))]);
    let users = |catalog: &Catalog, namespace: &str| catalog.users(&template(namespace)).count();
    assert_eq!((users(&catalog, "shop"), users(&catalog, "monitoring"), users(&catalog, "bar")), (1, 1, 0));
    catalog.apply(&using(json!([{"name": "own", "templateRef": {"name": "errors"}}])));
    assert_eq!((users(&catalog, "shop"), users(&catalog, "monitoring")), (1, 0));
}

#[test]
fn what_was_seen_of_a_target_is_kept_while_it_is_the_target_and_tells_whom_it_concerns() {
    let (one, other) = (CanaryKey::new("shop", "one"), CanaryKey::new("shop", "other"));
    let mut catalog = catalog(&[canary("one", "web", "web", 1), canary("other", "api", "api", 2)]);
    let label = |text: &str| Seen { label: Some(text.to_owned()), primary: false };
    assert_eq!(catalog.learn(&one, label("app=web")), []);
    assert_eq!(catalog.learn(&other, label("app=web")), std::slice::from_ref(&one), "now they share it");
    assert_eq!(catalog.learn(&other, label("app=web")), [], "nothing new");
    catalog.apply(&canary("other", "api", "renamed", 2));
    assert_eq!(catalog.labelled("shop", "app=web").count(), 2, "of the same target");
    assert_eq!(catalog.learn(&other, label("app=api")), std::slice::from_ref(&one), "now they do not");
    catalog.apply(&canary("one", "another", "web", 1));
    assert_eq!(catalog.labelled("shop", "app=web").count(), 0, "of another target nothing was seen");
    catalog.remove(&other);
    assert!(catalog.by_label.is_empty());
    assert_eq!(catalog.learn(&other, label("app=api")), [], "it is gone");
}

proptest! {
    /// The index is only a shortcut: comparing a claim with every entry finds the same.
    #[test]
    fn rivals_are_those_of_a_full_scan(
        claims in prop::collection::vec(("[ab]{1,2}(-primary|-canary)?", "[ab]{1,2}(-primary|-canary)?"), 1..8),
        removed in 0..8_usize,
    ) {
        let all: Vec<Canary> =
            claims.iter().enumerate().map(|(n, (t, a))| canary(&format!("c{n}"), t, a, n as u32)).collect();
        let mut catalog = catalog(&all);
        if let Some(gone) = all.get(removed) {
            catalog.remove(&gone.into());
        }
        for one in &all {
            let found: Vec<CanaryKey> =
                catalog.rivals(&one.into(), &catalog.claim(one)).into_iter().map(|rival| rival.key).collect();
            let claim = catalog.claim(one);
            let expected: Vec<CanaryKey> = all.iter().enumerate()
                .filter(|(n, other)| *n != removed && CanaryKey::from(*other) != CanaryKey::from(one))
                .filter(|(_, other)| claim.overlap(&catalog.claim(other)).is_some())
                .map(|(_, other)| other.into())
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
