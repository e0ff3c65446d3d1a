//! ConfigMaps and Secrets: a change of content is a release like any other.

use super::*;
use crate::{
    api::Tracking,
    rollout::ConfigTracking,
    workload::configs::{ConfigRef, Owners, checksum, owners},
};

/// A target that mounts a ConfigMap, has a variable of a Secret in an init container, and an optional ConfigMap.
pub(super) fn configured(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            "volumes": [{"name": "settings", "configMap": {"name": "settings"}}],
            "initContainers": [{"name": "wait", "image": "wait", "env": [
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}},
            ]}],
            "containers": [{"name": "shop", "image": image, "envFrom": [
                {"configMapRef": {"name": "extra", "optional": true}},
            ]}],
        },
    })
}

pub(super) fn config(simulation: &Simulation, name: &str) -> ObjectRef {
    simulation.reference("v1", if name.starts_with("keys") { "Secret" } else { "ConfigMap" }, name)
}

pub(super) fn set(simulation: &Simulation, name: &str, content: &str) {
    let fields = json!({"data": {"value": content}, "type": name.starts_with("keys").then_some("Opaque")});
    simulation.user(&config(simulation, name), &fields);
}

pub(super) fn content(simulation: &Simulation, name: &str) -> Value {
    object(simulation, &config(simulation, name))["data"]["value"].clone()
}

pub(super) fn delete(simulation: &Simulation, name: &str) {
    let reference = config(simulation, name);
    simulation.world.state().memory.delete(&reference);
}

fn mounted(simulation: &Simulation, workload: &str) -> Value {
    let workload = object(simulation, &deployment(simulation, workload));
    workload["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"].clone()
}

fn made(settings: Settings, oracle: Oracle) -> Simulation {
    let mut target = target("shop:1");
    target["spec"]["template"] = configured("shop:1");
    let simulation = Simulation::new(canary(weights(&[10, 50])), target, settings, oracle, no_faults());
    set(&simulation, "settings", "one");
    set(&simulation, "keys", "b25l");
    simulation
}

fn initialised_with(settings: Settings, oracle: Oracle) -> Simulation {
    let mut simulation = made(settings, oracle);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized, "{:?}", simulation.status());
    simulation
}

fn initialised_configured(oracle: Oracle) -> Simulation {
    initialised_with(Settings::default(), oracle)
}

/// Nothing happens for an hour.
fn rests(simulation: &mut Simulation) {
    let before = simulation.world.state().deeds.len();
    simulation.pass(seconds(3600), |_| {});
    assert_eq!(simulation.world.state().deeds[before..], []);
}

#[test]
fn the_primary_refers_to_copies_and_the_target_to_the_configs() {
    let mut simulation = initialised_configured(good());
    assert_eq!(content(&simulation, "settings-primary"), "one");
    assert_eq!(content(&simulation, "keys-primary"), "b25l");
    assert_eq!(
        (mounted(&simulation, "shop"), mounted(&simulation, "shop-primary")),
        (json!("settings"), json!("settings-primary"))
    );
    let primary =
        object(&simulation, &deployment(&simulation, "shop-primary"))["spec"]["template"]["spec"].clone();
    let variable = &primary["initContainers"][0]["env"][0]["valueFrom"]["secretKeyRef"];
    assert_eq!(variable["name"], "keys-primary");
    assert_eq!(primary["containers"][0]["envFrom"][0]["configMapRef"]["name"], "extra-primary");
    assert_eq!(object(&simulation, &config(&simulation, "keys-primary"))["type"], "Opaque");
    rests(&mut simulation);
}

#[rstest]
#[case::mounted("settings", "two")]
#[case::in_the_environment_of_an_init_container("keys", "dHdv")]
#[case::optional_and_new("extra", "two")]
fn a_change_of_a_config_alone_is_analysed_and_promoted(#[case] name: &str, #[case] new: &str) {
    let mut simulation = initialised_configured(good());
    let copy = format!("{name}-primary");
    let old = content(&simulation, &copy);
    set(&simulation, name, new);
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    assert_eq!(content(&simulation, &copy), old, "the primary keeps its own until the promotion");
    let template = |simulation: &Simulation| {
        object(simulation, &deployment(simulation, "shop-primary"))["spec"]["template"].clone()
    };
    let before = template(&simulation);
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(content(&simulation, &copy), new);
    assert_ne!(template(&simulation), before, "its pods are replaced");
    assert_eq!(shares(&simulation), [0, 10, 50, 0]);
    rests(&mut simulation);
}

#[test]
fn w_obj_1_binary_data_counts_and_is_copied() {
    let mut simulation = initialised_configured(good());
    simulation.user(&config(&simulation, "settings"), &json!({"binaryData": {"logo": "AAEC"}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    let copy = object(&simulation, &config(&simulation, "settings-primary"));
    assert_eq!((&copy["binaryData"]["logo"], &copy["data"]["value"]), (&json!("AAEC"), &json!("one")));
}

#[test]
fn a_key_that_leaves_a_config_leaves_its_copy() {
    let mut simulation = initialised_configured(good());
    simulation.user(&config(&simulation, "settings"), &json!({"data": {"value": null, "other": "two"}}));
    simulation.pass(seconds(120), |_| {});
    let copy = object(&simulation, &config(&simulation, "settings-primary"));
    assert_eq!(copy["data"], json!({"other": "two"}));
}

#[test]
fn a_bad_config_is_taken_back_and_the_primary_never_saw_it() {
    let mut simulation = initialised_configured(bad());
    set(&simulation, "settings", "two");
    simulation.pass(seconds(120), |simulation| {
        assert_eq!(content(simulation, "settings-primary").as_str().unwrap_or("one"), "one")
    });
    assert_eq!(simulation.status().phase, Phase::Failed);
    rests(&mut simulation);
}

#[test]
fn a_config_that_returns_to_the_promoted_content_ends_the_run() {
    let mut simulation = initialised_configured(good());
    set(&simulation, "settings", "two");
    simulation.pass(seconds(12), |_| {});
    set(&simulation, "settings", "one");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(shares(&simulation), [0, 10, 0]);
    assert_eq!(reasons(&simulation).iter().filter(|reason| **reason == Reason::Promoting).count(), 0);
    rests(&mut simulation);
}

#[test]
fn a_config_that_returns_after_a_failed_run_starts_nothing() {
    let mut simulation = initialised_configured(bad());
    set(&simulation, "settings", "two");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    set(&simulation, "settings", "one");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(shares(&simulation), [0, 10, 0]);
}

#[rstest]
#[case::label(json!({"metadata": {"labels": {"team": "a"}}}))]
#[case::annotation(json!({"metadata": {"annotations": {"note": "a"}}}))]
fn a_new_version_with_the_same_content_is_no_change(#[case] change: Value) {
    let mut simulation = initialised_configured(good());
    simulation.user(&config(&simulation, "settings"), &change);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
    rests(&mut simulation);
}

#[test]
fn a_deleted_config_is_no_change_and_neither_is_its_return() {
    let mut simulation = initialised_configured(good());
    delete(&simulation, "settings");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
    assert_eq!(content(&simulation, "settings-primary"), "one", "the primary goes on with its copy");
    set(&simulation, "settings", "one");
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
    set(&simulation, "settings", "two");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(content(&simulation, "settings-primary"), "two");
}

#[test]
fn a_config_that_opts_out_is_neither_tracked_nor_copied() {
    let mut simulation = made(Settings::default(), good());
    let out = json!({"metadata": {"annotations": {"flagger.app/config-tracking": "disabled"}}});
    simulation.user(&config(&simulation, "settings"), &out);
    simulation.pass(seconds(30), |_| {});
    assert_eq!(mounted(&simulation, "shop-primary"), "settings");
    assert_eq!(content(&simulation, "settings-primary"), Value::Null);
    set(&simulation, "settings", "two");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[test]
fn secrets_that_are_not_tracked_are_left_alone() {
    let tracking = ConfigTracking { config_maps: Tracking::Watch, secrets: Tracking::Off };
    let mut simulation =
        initialised_with(Settings { config_tracking: tracking, ..Settings::default() }, good());
    assert_eq!(content(&simulation, "keys-primary"), Value::Null);
    assert_eq!(content(&simulation, "settings-primary"), "one");
    set(&simulation, "keys", "dHdv");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[rstest]
#[case::deleted(None)]
#[case::edited(Some("evil"))]
fn a_deleted_or_edited_copy_comes_back_as_it_was(#[case] edit: Option<&str>) {
    let mut simulation = initialised_configured(good());
    match edit {
        Some(edit) => set(&simulation, "settings-primary", edit),
        None => delete(&simulation, "settings-primary"),
    }
    simulation.pass(seconds(10), |_| {});
    assert_eq!(content(&simulation, "settings-primary"), "one");
    assert_eq!(simulation.status().phase, Phase::Initialized);
    rests(&mut simulation);
}

#[test]
fn w_ctl_7_a_promotion_that_fails_gives_the_primary_its_old_content_back() {
    let mut simulation = initialised_configured(good());
    set(&simulation, "settings", "two");
    let broken = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: "true"}}}}});
    simulation.pass(seconds(120), |simulation| {
        let promoting = simulation.status().phase == Phase::Promoting;
        if promoting && content(simulation, "settings-primary") == "two" {
            simulation.user(&deployment(simulation, "shop-primary"), &broken);
        }
    });
    let mended = json!({"spec": {"template": {"metadata": {"annotations": {BROKEN: null}}}}});
    simulation.user(&deployment(&simulation, "shop-primary"), &mended);
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed, "{:?}", simulation.status());
    assert_eq!(content(&simulation, "settings-primary"), "one");
    assert_eq!(content(&simulation, "settings-primary-former"), Value::Null, "it is needed no more");
    rests(&mut simulation);
}

#[test]
fn a_config_that_moves_on_before_it_was_copied_is_analysed_instead() {
    let mut simulation = initialised_configured(good());
    set(&simulation, "settings", "two");
    let mut moved = false;
    simulation.pass(seconds(200), |simulation| {
        if simulation.status().phase == Phase::Progressing
            && simulation.status().canary_weight == 50
            && !moved
        {
            // The next decision promotes what it has seen; the copy finds something else.
            moved = true;
            set(simulation, "settings", "three");
        }
    });
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(content(&simulation, "settings-primary"), "three");
}

/// Looks on until the run is over; when it leads to a promotion, the canary's pods have read this content of `settings`.
fn promoted_by_pods_that_read(simulation: &mut Simulation, content_wanted: &str) {
    let (target, settings) = (deployment(simulation, "shop"), config(simulation, "settings"));
    let settings = ConfigRef::of(&settings).unwrap();
    let wanted = checksum(&json!({"data": {"value": content_wanted}}));
    let mut promoting = 0;
    simulation.pass(seconds(300), |simulation| {
        if simulation.status().phase != Phase::Promoting {
            return;
        }
        promoting += 1;
        for read in simulation.kubernetes.read(&target, simulation.now()) {
            assert_eq!(read[&settings], wanted, "what was analysed is not what is promoted");
        }
    });
    assert!(promoting > 0, "{:?}", simulation.status());
    assert_eq!(simulation.status().phase, Phase::Succeeded, "{:?}", simulation.status());
    assert_eq!(content(simulation, "settings-primary"), content_wanted);
}

#[rstest]
#[case::of_a_new_image(true)]
#[case::of_a_config(false)]
fn a_config_that_moves_in_mid_run_is_analysed_by_pods_that_read_it(#[case] of_image: bool) {
    let mut simulation = initialised_configured(good());
    match of_image {
        true => simulation
            .user(&deployment(&simulation, "shop"), &json!({"spec": {"template": configured("shop:2")}})),
        false => set(&simulation, "settings", "two"),
    }
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().canary_weight, 10);
    set(&simulation, "settings", "three");
    promoted_by_pods_that_read(&mut simulation, "three");
    assert_eq!(shares(&simulation), [0, 10, 0, 10, 50, 0], "first its traffic goes, then its pods");
    rests(&mut simulation);
}

#[test]
fn a_config_that_moves_while_the_pods_of_the_last_run_are_still_there_is_read_by_new_ones() {
    let mut simulation = initialised_configured(good());
    set(&simulation, "settings", "two");
    let mut moved = false;
    simulation.pass(seconds(120), |simulation| {
        if simulation.status().phase == Phase::Finalising && !moved {
            moved = true;
            set(simulation, "settings", "three");
        }
    });
    assert!(moved);
    assert_eq!(content(&simulation, "settings-primary"), "three");
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    let mut simulation = initialised_configured(bad());
    set(&simulation, "settings", "two");
    while simulation.status().phase != Phase::Failed {
        simulation.pass(seconds(1), |_| {});
    }
    assert_eq!(replicas(&simulation, "shop"), 2, "the route settles");
    set(&simulation, "settings", "three");
    simulation.answer_with(good());
    promoted_by_pods_that_read(&mut simulation, "three");
}

#[test]
fn w_obj_15_copies_that_nothing_refers_to_any_more_are_deleted() {
    let mut simulation = initialised_configured(good());
    simulation
        .user(&deployment(&simulation, "shop"), &json!({"spec": {"template": {"spec": {"volumes": null}}}}));
    simulation.pass(seconds(20), |_| {});
    assert_eq!(content(&simulation, "settings-primary"), "one", "the primary still needs it");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(content(&simulation, "settings-primary"), Value::Null);
    assert_eq!(content(&simulation, "settings"), "one", "what the user made stays");
    assert!(simulation.status().config_versions.keys().all(|key| !key.contains("settings")));
    rests(&mut simulation);
}

#[test]
fn w_obj_15_an_immutable_config_has_a_copy_that_can_change() {
    let mut simulation = made(Settings::default(), good());
    simulation.user(&config(&simulation, "settings"), &json!({"immutable": true}));
    simulation.pass(seconds(30), |_| {});
    assert_eq!(object(&simulation, &config(&simulation, "settings-primary")).get("immutable"), None);
    // Whoever has immutable configs makes a new one and refers to it.
    set(&simulation, "settings-2", "two");
    let volumes = json!([{"name": "settings", "configMap": {"name": "settings-2"}}]);
    simulation.user(
        &deployment(&simulation, "shop"),
        &json!({"spec": {"template": {"spec": {"volumes": volumes}}}}),
    );
    simulation.pass(seconds(120), |_| {});
    assert_eq!(mounted(&simulation, "shop-primary"), "settings-2-primary");
    assert_eq!(content(&simulation, "settings-2-primary"), "two");
    assert_eq!(content(&simulation, "settings-primary"), Value::Null);
}

#[test]
fn a_config_of_a_user_under_the_name_of_a_copy_is_never_overwritten() {
    let mut simulation = made(Settings::default(), good());
    set(&simulation, "settings-primary", "mine");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(content(&simulation, "settings-primary"), "mine");
    let stalled = simulation.status().conditions.into_iter().find(|c| c.type_ == "Stalled").unwrap();
    assert_eq!(stalled.reason, "ConfigTaken", "{}", stalled.message);
    assert!(stalled.message.contains("ConfigMap settings-primary"), "{}", stalled.message);
    delete(&simulation, "settings-primary");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
}

#[test]
fn a_config_that_is_missing_at_first_is_waited_for() {
    let mut simulation = made(Settings::default(), good());
    delete(&simulation, "settings");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initializing);
    set(&simulation, "settings", "one");
    simulation.pass(seconds(30), |_| {});
    assert_eq!(simulation.status().phase, Phase::Initialized);
    assert_eq!(content(&simulation, "settings-primary"), "one");
}

#[test]
fn a_shared_copy_keeps_its_other_owner_and_stays_for_it() {
    let mut simulation = initialised_configured(good());
    // As another Canary's copy of the same ConfigMap would have it.
    let copy = config(&simulation, "settings-primary");
    let mut owners_now = object(&simulation, &copy)["metadata"]["ownerReferences"].clone();
    let other = json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "other", "uid": "other", "controller": false});
    owners_now.as_array_mut().unwrap().push(other.clone());
    simulation.user(&copy, &json!({"metadata": {"ownerReferences": owners_now}}));
    set(&simulation, "settings", "two");
    simulation.pass(seconds(120), |_| {});
    let shared = object(&simulation, &copy);
    assert_eq!(shared["data"]["value"], "two");
    let owned: Vec<&Value> = shared["metadata"]["ownerReferences"].as_array().unwrap().iter().collect();
    assert!(owned.contains(&&other) && owned.len() == 2, "{owned:?}");
    simulation
        .user(&deployment(&simulation, "shop"), &json!({"spec": {"template": {"spec": {"volumes": null}}}}));
    simulation.pass(seconds(120), |_| {});
    assert_eq!(content(&simulation, "settings-primary"), "two", "the other one needs it");
    rests(&mut simulation);
}

#[test]
fn a_shared_copy_that_another_canary_promoted_is_left_to_it() {
    let mut simulation = initialised_configured(bad());
    set(&simulation, "settings", "two");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(simulation.status().phase, Phase::Failed);
    set(&simulation, "settings-primary", "two");
    simulation.pass(seconds(1), |_| {});
    rests(&mut simulation);
    assert_eq!(content(&simulation, "settings-primary"), "two", "the content of before is nowhere");
}

/// A primary with copies as the peer leaves them: no label, no mark, `data` alone.
fn taken_over(promoted: &str) -> Simulation {
    let mut simulation = initialised_configured(good());
    let mut state = simulation.world.state();
    let reference = simulation.canary_reference();
    let status = json!({"phase": "Succeeded", "lastAppliedSpec": "5d4f", "lastPromotedSpec": "5d4f",
        "trackedConfigs": {"configmap/settings": checksum(&json!({"data": {"value": promoted}}))}});
    state.memory.replace_part(&reference, "status", status).unwrap();
    let primary = ObjectRef::new("apps/v1", "Deployment", "store", "shop-primary");
    let annotations = json!({"sluice.dev/configs": null, "flagger-id": "1"});
    let unmarked = json!({"metadata": {"annotations": null}, "spec": {"template": {"metadata": {"annotations": annotations}}}});
    state.memory.merge(&primary, &unmarked).unwrap();
    for (kind, name) in [("ConfigMap", "settings-primary"), ("Secret", "keys-primary")] {
        let copy = ObjectRef::new("v1", kind, "store", name);
        state.memory.merge(&copy, &json!({"metadata": {"labels": null, "annotations": null}})).unwrap();
    }
    let copy = ObjectRef::new("v1", "ConfigMap", "store", "settings-primary");
    state.memory.merge(&copy, &json!({"data": {"value": promoted}})).unwrap();
    drop(state);
    simulation.pass(seconds(0), |_| {});
    simulation
}

#[test]
fn a_take_over_from_the_peer_starts_nothing_and_replaces_no_pod() {
    let mut simulation = taken_over("one");
    let pods = |simulation: &Simulation| {
        object(simulation, &deployment(simulation, "shop-primary"))["spec"]["template"].clone()
    };
    let before = pods(&simulation);
    simulation.pass(seconds(60), |_| {});
    assert_eq!(simulation.status().phase, Phase::Succeeded);
    assert_eq!(shares(&simulation), [0]);
    assert_eq!(pods(&simulation), before, "the pods of the primary stay");
    assert!(!reasons(&simulation).contains(&Reason::PrimaryRestored), "nobody changed it behind our back");
    set(&simulation, "settings", "two");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(content(&simulation, "settings-primary"), "two");
    assert_ne!(pods(&simulation), before);
}

#[test]
fn a_config_that_changed_before_a_take_over_is_analysed() {
    let mut simulation = taken_over("nought");
    simulation.pass(seconds(12), |_| {});
    assert_eq!(simulation.status().phase, Phase::Progressing);
    assert_eq!(content(&simulation, "settings-primary"), "nought");
    simulation.pass(seconds(120), |_| {});
    assert_eq!(content(&simulation, "settings-primary"), "one");
}

#[test]
fn copies_are_owned_by_their_canary() {
    let simulation = initialised_configured(good());
    let stored = object(&simulation, &simulation.canary_reference());
    let canary = serde_json::from_value(stored).unwrap();
    let copy = object(&simulation, &config(&simulation, "settings-primary"));
    assert_eq!(owners(&canary, &copy), Owners::Own);
}
