//! Writes of Canaries, MetricTemplates and AlertProviders: what always passes, what an update may keep, what is confirmed.

use rstest::rstest;
use serde_json::{Value, json};

use super::{OWN, World, call, review, told};
use crate::admission::rules::example;
use crate::admission::{Endpoint, Problem, Severity, Verdict};
use crate::routing::{Field, ROUTERS, tests::given};

/// A plain Canary with a change.
fn canary(change: impl FnOnce(&mut Value)) -> Value {
    let mut canary = example::plain("Canary");
    change(&mut canary);
    canary
}

/// A world with a target for the plain Canary.
fn world(mut objects: Vec<Value>) -> World {
    objects.push(example::plain("Deployment"));
    World::new(objects)
}

fn of(problems: &[Problem], severity: Severity) -> Vec<&str> {
    problems.iter().filter(|problem| problem.severity == severity).map(|problem| problem.rule).collect()
}

fn cross_namespace(canary: &mut Value) {
    canary["spec"]["analysis"]["metrics"] = json!([{
        "name": "errors", "thresholdRange": {"max": 1}, "templateRef": {"name": "errors", "namespace": "monitoring"},
    }]);
}

#[test]
fn all_problems_are_told_in_one_answer() {
    let wrong = canary(|canary| {
        canary["spec"]["provider"] = json!("linkerd");
        canary["spec"]["service"]["port"] = json!(80.5);
        canary["spec"]["analysis"]["interval"] = json!("10seconds");
        canary["spec"]["analysis"]["stepWeight"] = json!("ten");
    });
    assert_eq!(of(&world(vec![]).write(&wrong), Severity::Error), ["SL001", "SL001", "SL002", "SL901"]);

    let wrong = canary(|canary| {
        canary["spec"]["provider"] = json!("linkerd");
        canary["spec"]["analysis"] = json!({
            "interval": "10seconds", "threshold": 1, "stepWeights": [10, 10], "metrics": [{"name": "x"}, {"name": "request-duration"}],
        });
    });
    assert_eq!(
        of(&world(vec![]).write(&wrong), Severity::Error),
        ["SL404", "SL421", "SL422", "SL002", "SL901"],
    );
}

#[test]
fn w_api_1_a_fraction_is_refused_and_poisons_only_itself() {
    for (field, value) in [("stepWeight", json!(2.5)), ("threshold", json!(1.5))] {
        let problems = world(vec![]).write(&canary(|canary| canary["spec"]["analysis"][field] = value));
        assert_eq!(of(&problems, Severity::Error), ["SL001"], "{}", told(&problems));
    }
    // What else is wrong is told in the same answer.
    let problems = world(vec![]).write(&canary(|canary| {
        canary["spec"]["provider"] = json!("linkerd");
        canary["spec"]["service"]["port"] = json!(80.5);
        canary["spec"]["analysis"]["stepWeight"] = json!(null);
        canary["spec"]["analysis"]["maxWeight"] = json!(null);
        canary["spec"]["analysis"]["stepWeights"] = json!([2.5, 10, 10]);
    }));
    assert_eq!(of(&problems, Severity::Error), ["SL404", "SL001", "SL001", "SL901"], "{}", told(&problems));
    let whole = canary(|canary| canary["spec"]["analysis"]["stepWeight"] = json!(10.0));
    assert_eq!(world(vec![]).write(&whole), []);
}

#[test]
fn an_update_is_refused_only_for_what_it_introduces() {
    let old = canary(|canary| {
        canary["spec"]["autoscalerRef"] =
            json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "app"})
    });
    let mut new = old.clone();
    new["spec"]["analysis"]["threshold"] = json!(7);
    let problems = world(vec![old.clone()]).write(&new);
    assert_eq!(of(&problems, Severity::Warning), ["SL906"]);
    assert_eq!(of(&problems, Severity::Error), [""; 0]);

    new["spec"]["provider"] = json!("linkerd");
    assert!(of(&world(vec![old]).write(&new), Severity::Error).contains(&"SL901"));
}

#[rstest]
#[case::renamed(json!({"service": {"name": "shop"}}), json!({"service": {"name": "store"}}), Some("spec.service.name"))]
#[case::name_written_out(json!({}), json!({"service": {"name": "app"}}), None)]
#[case::name_left_out(json!({"service": {"name": "app"}}), json!({"service": {"name": null, "portName": "x"}}), None)]
#[case::name_dropped(json!({"service": {"name": "shop"}}), json!({"service": {"name": null}}), Some("spec.service.name"))]
#[case::service_dropped(json!({"service": {"name": "shop"}}), json!({"service": null}), Some("spec.service.name"))]
#[case::target_renamed(json!({}), json!({"targetRef": {"name": "api"}}), Some("spec.targetRef.name"))]
#[case::target_renamed_under_the_same_name(json!({}), json!({"targetRef": {"name": "api"}, "service": {"name": "app"}}), None)]
fn the_apex_name_is_immutable_with_its_default(
    #[case] old: Value,
    #[case] new: Value,
    #[case] path: Option<&str>,
) {
    let old = canary(|canary| json_patch::merge(&mut canary["spec"], &old));
    let mut changed = old.clone();
    json_patch::merge(&mut changed["spec"], &new);
    let problems = world(vec![old]).write(&changed);
    let found = problems.iter().find(|problem| problem.rule == "SL101").map(|problem| problem.path.as_str());
    assert_eq!(found, path, "{}", told(&problems));
}

#[test]
fn w_ctl_1_a_cross_namespace_reference_is_refused_on_create_and_on_every_update() {
    let forbidden = canary(cross_namespace);
    let refuses = |objects: Vec<Value>, written: &Value| {
        let mut world = world(objects);
        world.settings.no_cross_namespace_refs = true;
        of(&world.write(written), Severity::Error).contains(&"SL501")
    };
    assert!(refuses(vec![], &forbidden), "on create");
    assert!(refuses(vec![example::plain("Canary")], &forbidden), "when an update brings it");
    let mut kept = forbidden.clone();
    kept["spec"]["analysis"]["threshold"] = json!(7);
    assert!(refuses(vec![forbidden], &kept), "when an update keeps it");
}

#[rstest]
#[case::metric_template(json!({"analysis": {"metrics": [
    {"name": "e", "thresholdRange": {"max": 1}, "templateRef": {"name": "e", "namespace": "other"}}]}}))]
#[case::alert_provider(json!({"analysis": {"alerts": [{"name": "a", "providerRef": {"name": "p", "namespace": "other"}}]}}))]
#[case::upstream(json!({"upstreamRef": {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "u", "namespace": "other"}}))]
fn w_ctl_1_all_three_kinds_of_reference_are_guarded(#[case] change: Value) {
    let written = canary(|canary| json_patch::merge(&mut canary["spec"], &change));
    let mut world = world(vec![]);
    assert!(!world.write(&written).iter().any(|problem| problem.rule == "SL501"), "allowed without the flag");
    world.settings.no_cross_namespace_refs = true;
    assert!(world.write(&written).iter().any(|problem| problem.rule == "SL501"));
    let text = written.to_string().replace("\"other\"", "\"shop\"");
    let inside: Value = serde_json::from_str(&text).unwrap();
    assert!(
        !world.write(&inside).iter().any(|problem| problem.rule == "SL501"),
        "its own namespace written out"
    );
}

#[rstest]
#[case::metadata(|new: &mut Value| new["metadata"]["labels"] = json!({"team": "a"}))]
#[case::finalizer(|new: &mut Value| new["metadata"]["finalizers"] = json!([]))]
#[case::status(|new: &mut Value| new["status"] = json!({"phase": "Failed"}))]
#[case::deletion(|new: &mut Value| {
    new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    new["spec"]["analysis"]["interval"] = json!("x");
})]
fn unchanged_specs_and_dying_objects_pass(#[case] change: fn(&mut Value)) {
    let old = canary(|canary| canary["spec"]["provider"] = json!("linkerd"));
    let mut new = old.clone();
    change(&mut new);
    assert_eq!(world(vec![old]).write(&new), []);
}

#[rstest]
#[case::delete(json!({"operation": "DELETE"}))]
#[case::connect(json!({"operation": "CONNECT"}))]
#[case::subresource(json!({"subResource": "status"}))]
#[case::another_group(json!({"kind": {"group": "example.com", "kind": "Canary"}}))]
#[case::our_own_account(json!({"userInfo": {"username": OWN}}))]
#[case::the_namespace_controller(json!({"userInfo": {"username": "system:serviceaccount:kube-system:namespace-controller"}}))]
fn requests_that_are_not_judged_pass(#[case] change: Value) {
    let mut review = review("ann", canary(|canary| canary["spec"] = json!({})), None);
    json_patch::merge(&mut review["request"], &change);
    assert_eq!(world(vec![]).judge(&call(Endpoint::CanaryValidate, &review)), Verdict::allow());
}

#[test]
fn a_refusal_that_rests_on_another_canary_is_confirmed_first() {
    let rival = |target: &str| {
        canary(|canary| {
            canary["metadata"]["name"] = json!("first");
            canary["spec"]["targetRef"]["name"] = json!(target);
            canary["spec"]["service"]["name"] = json!("first");
        })
    };
    let refused = |world: &World| of(&world.write(&example::plain("Canary")), Severity::Error) == ["SL102"];
    let mut world = world(vec![rival("app")]);
    assert!(refused(&world));
    // The index is behind: the rival has moved on.
    world.objects[0] = rival("api");
    assert!(!refused(&world));
    world.objects.remove(0);
    assert!(!refused(&world), "the rival is gone");
    world.answers = false;
    let problems = world.write(&example::plain("Canary"));
    let doubt = problems.iter().find(|problem| problem.rule == "SL102").unwrap();
    assert_eq!(doubt.severity, Severity::Warning, "what cannot be confirmed is told and refuses nothing");
    assert!(doubt.message.contains("Canary shop/first") && doubt.message.contains("no answer"), "{doubt}");
}

#[test]
fn a_rival_that_is_being_deleted_is_waited_for_and_not_refused() {
    let rival = canary(|canary| {
        canary["metadata"]["name"] = json!("first");
        canary["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    assert_eq!(world(vec![rival]).write(&example::plain("Canary")), []);
}

#[test]
fn the_first_selector_label_in_flag_order_wins() {
    let mut target = example::plain("Deployment");
    target["spec"]["selector"]["matchLabels"] = json!({"name": "app", "component": "other"});
    let mut world = World::new(vec![target]);
    assert_eq!(of(&world.write(&example::plain("Canary")), Severity::Warning), ["SL203"]);
    world.settings.selector_labels = vec!["component".into(), "name".into()];
    let problems = world.write(&example::plain("Canary"));
    assert_eq!(of(&problems, Severity::Warning), ["SL203", "SL203"], "{}", told(&problems));
    world.settings.selector_labels = vec!["app".into()];
    assert_eq!(of(&world.write(&example::plain("Canary")), Severity::Error), ["SL202"]);
}

#[test]
fn w_obj_13_a_label_that_leaves_no_room_for_the_suffix_is_refused_at_once() {
    let mut target = example::plain("Deployment");
    target["spec"]["selector"]["matchLabels"]["app"] = json!("v".repeat(56));
    let problems = World::new(vec![target]).write(&example::plain("Canary"));
    assert_eq!(of(&problems, Severity::Error), ["SL105"], "{}", told(&problems));
}

#[test]
fn an_alert_provider_is_judged_by_its_form() {
    let provider = |spec: Value| {
        json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider",
        "metadata": {"name": "chat", "namespace": "shop"}, "spec": spec})
    };
    let world = world(vec![]);
    assert_eq!(world.write(&provider(json!({"type": "slack", "address": "http://chat"}))), []);
    let both = provider(json!({"type": "slack", "address": "http://chat", "secretRef": {"name": "chat"}}));
    assert_eq!(of(&world.write(&both), Severity::Error), ["SL003"]);
    let unknown = provider(json!({"type": "smoke-signal", "address": "http://chat"}));
    assert_eq!(of(&world.write(&unknown), Severity::Error), ["SL001"]);
}

#[test]
fn what_is_about_requests_warns_when_connections_are_routed_as_they_are() {
    let write = |protocol: &str| {
        let problems = world(vec![]).write(&canary(|canary| {
            canary["spec"]["provider"] = json!("istio");
            canary["spec"]["service"] = json!({"port": 80, "appProtocol": protocol, "timeout": "15s"});
        }));
        of(&problems, Severity::Warning).into_iter().filter(|id| *id == "SL306").count()
    };
    assert_eq!((write("tcp"), write("http")), (1, 0));
}

#[test]
fn every_field_that_a_router_does_not_serve_is_warned_of() {
    for router in ROUTERS {
        for field in Field::ALL {
            let problems = world(vec![]).write(&canary(|canary| {
                canary["spec"]["provider"] = json!(router.providers()[0]);
                canary["spec"]["service"] = json!({"port": 80, "gatewayRefs": [{"name": "public"}]});
                let pointer = format!("/{}", field.path().replace('.', "/"));
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                canary.pointer_mut(parent).unwrap()[name] = given(*field);
            }));
            let warned = |problem: &&Problem| problem.rule == "SL306" && problem.path == field.path();
            let warnings = problems.iter().filter(warned).count();
            assert_eq!(
                warnings == 1,
                !router.capabilities().serves(*field),
                "{}: {}",
                field.path(),
                told(&problems)
            );
        }
    }
}

#[test]
fn what_is_never_asked_under_skip_analysis_only_warns_until_it_is_asked() {
    let skipped = canary(|canary| {
        canary["spec"]["skipAnalysis"] = json!(true);
        canary["spec"]["analysis"]["metrics"] = json!([{"name": "errors", "thresholdRange": {"max": 1}}]);
    });
    let problems = world(vec![]).write(&skipped);
    assert_eq!((of(&problems, Severity::Error), of(&problems, Severity::Warning)), (vec![], vec!["SL421"]));
    let mut asked = skipped.clone();
    asked["spec"]["skipAnalysis"] = json!(false);
    assert_eq!(of(&world(vec![skipped]).write(&asked), Severity::Error), ["SL421"]);
}
