//! What the gate refuses and warns about, in the words that a user of `kubectl` sees. Without the gate the same objects get
//! in, and the controller has to leave them alone and say why.

use std::time::Duration;

use serde_json::{Value, json};

use crate::install::shared;
use crate::support::command::{self, Outcome};
use crate::support::history::History;
use crate::support::manifests::{APP, blue_green, canary, canary_for, named, podinfo, with};
use crate::support::space::Space;
use crate::support::{api, bed, kubectl, switch, wait};

/// Tries until the gate could be asked: a replica that is being replaced must not decide a test.
pub(super) fn apply(space: &Space, objects: &[&Value]) -> Outcome {
    wait::until(wait::NOTICED, "the gate to be reached", || {
        let outcome = kubectl::write(&space.namespace, &["apply"], objects);
        if outcome.stderr.contains("failed calling webhook") { Err(outcome.stderr) } else { Ok(outcome) }
    })
}

#[track_caller]
pub(super) fn contains_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

/// Waits until the controller has said that it does not run this Canary, and checks that it made nothing for it.
#[track_caller]
fn left_alone(space: &Space, name: &str) {
    let history = History::of(&space.namespace, name);
    let seen = history.wait(wait::NOTICED, "a Canary that cannot run to say so", |seen| {
        seen.is("Stalled") || seen.condition("Ready")["status"] == "False"
    });
    assert_eq!(seen.weight(), 0, "{}", seen.line());
}

pub(super) fn wrong(file: &str) -> Value {
    let path = bed::root().join("tests/demo/wrong").join(file);
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn wrong_canaries_are_refused_with_all_problems_in_one_answer() {
    let Some(_sluice) = shared("wrong Canaries") else { return };
    let space = Space::new("wrong");
    for (file, problems) in [
        (
            "steps.yaml",
            &[
                "SL002",
                "spec.analysis.interval",
                "SL404",
                "spec.analysis.stepWeights",
                "SL422",
                "spec.analysis.metrics[0]",
            ][..],
        ),
        ("fraction.yaml", &["SL001", "spec.analysis.stepWeight", "SL302", "spec.service.gatewayRefs"]),
        ("ambitious.yaml", &["SL901", "spec.provider", "SL906", "spec.autoscalerRef"]),
    ] {
        let outcome = apply(&space, &[&wrong(file)]);
        if switch::gate() {
            contains_all(&outcome.refused(), problems);
        } else if outcome.success {
            left_alone(&space, file.trim_end_matches(".yaml"));
        }
    }
    if switch::gate() {
        assert!(api::list("canaries", &space.namespace).is_empty(), "a refused Canary was stored");
    }
}

#[test]
fn w_rt_19_a_service_keeps_its_name_for_ever() {
    let Some(_sluice) = shared("service name") else { return };
    let space = Space::new("name");
    let first = canary(&space.host(), &[20, 50]);
    space.apply(&[&first]);
    let renamed = with(&first, &json!({"spec": {"service": {"name": "shop"}}}));
    let outcome = apply(&space, &[&renamed]);
    if switch::gate() {
        contains_all(&outcome.refused(), &["SL101", "spec.service.name", "podinfo"]);
        let stored = api::get("canaries", &space.namespace, APP);
        assert!(stored["spec"]["service"]["name"].is_null(), "{}", stored["spec"]["service"]);
    }
}

#[test]
fn a_missing_target_is_a_warning() {
    let Some(_sluice) = shared("missing target") else { return };
    let space = Space::new("missing");
    let said = space.apply(&[&canary(&space.host(), &[20, 50])]);
    if switch::gate() {
        contains_all(&said, &["Warning:", "SL201", APP]);
    }
    left_alone(&space, APP);
}

#[test]
fn a_second_canary_on_one_target_is_refused_or_yields_to_the_older_one() {
    let Some(_sluice) = shared("two Canaries") else { return };
    let space = Space::new("two");
    let first = canary(&space.host(), &[20, 50]);
    space.initialised(&podinfo("one"), &first);
    let second =
        with(&first, &json!({"metadata": {"name": "second"}, "spec": {"service": {"name": "other"}}}));
    if switch::gate() {
        // What the gate cannot look up in its 300 ms, as on a busy machine, it only warns about.
        let said = wait::until(wait::NOTICED, "the second Canary to be refused", || {
            let outcome = apply(&space, &[&second]);
            if outcome.success {
                space.kubectl(&["delete", "canary", "second"]).ok();
                return Err(outcome.text());
            }
            Ok(outcome.refused())
        });
        contains_all(&said, &["SL102", "spec.targetRef.name", APP]);
    } else {
        apply(&space, &[&second]).ok();
        left_alone(&space, "second");
        let owner = &space.deployment(APP)["metadata"]["annotations"]["sluice.dev/canary"];
        assert_eq!(owner, APP, "the older Canary owns the target");
        assert!(
            api::find("services", &space.namespace, "other").is_none(),
            "the younger one made its Service"
        );
    }
}

#[test]
fn w_ctl_1_a_reference_to_another_namespace_is_refused_on_create_and_on_update() {
    let Some(_sluice) = shared("cross-namespace references") else { return };
    let (space, other) = (Space::new("refs"), Space::new("other"));
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "errors"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"}, "query": "vector(0)"},
    });
    other.apply(&[&template]);
    let plain = canary(&space.host(), &[20, 50]);
    let reference = json!({"name": "errors", "namespace": other.namespace});
    let metric = json!([{"name": "errors", "interval": "20s", "thresholdRange": {"max": 1}, "templateRef": reference}]);
    let crossing = with(&plain, &json!({"spec": {"analysis": {"metrics": metric}}}));

    let created = apply(&space, &[&crossing]);
    if switch::gate() {
        contains_all(&created.refused(), &["SL501", "templateRef", other.namespace.as_str()]);
        space.apply(&[&plain]);
        let updated = apply(&space, &[&crossing]);
        contains_all(&updated.refused(), &["SL501"]);
    } else {
        created.ok();
        left_alone(&space, APP);
    }
}

#[test]
fn a_warning_leaves_the_object_as_it_was_written() {
    let Some(_sluice) = shared("coerced values") else { return };
    let space = Space::new("coerced");
    space.apply(&[&podinfo("one")]);
    let short = with(&canary(&space.host(), &[20, 50]), &json!({"spec": {"analysis": {"interval": "1s"}}}));
    let said = space.apply(&[&short]);
    if switch::gate() {
        contains_all(&said, &["Warning:", "SL401"]);
    }
    assert_eq!(api::get("canaries", &space.namespace, APP)["spec"]["analysis"]["interval"], "1s");
}

#[test]
fn a_dry_run_says_the_same_and_stores_nothing() {
    let Some(_sluice) = shared("dry run") else { return };
    let space = Space::new("dry");
    let words = &["apply", "--dry-run=server"];
    if switch::gate() {
        let outcome = kubectl::write(&space.namespace, words, &[&wrong("steps.yaml")]);
        contains_all(&outcome.refused(), &["SL404"]);
    }
    kubectl::write(&space.namespace, words, &[&blue_green(2)]).ok();
    assert!(api::list("canaries", &space.namespace).is_empty());
}

#[test]
fn an_object_of_nearly_the_largest_size_is_answered() {
    let Some(_sluice) = shared("large objects") else { return };
    let space = Space::new("large");
    space.apply(&[&named(&podinfo("one"), "large")]);
    // The API server takes requests of up to 3 MiB, etcd objects of 1.5 MiB; a review holds the object, and the old one beside it.
    let ballast: serde_json::Map<String, Value> =
        (0..1000).map(|number| (format!("key-{number}"), "x".repeat(200).into())).collect();
    let large = with(&canary_for(&blue_green(2), "large"), &json!({"metadata": {"annotations": ballast}}));
    kubectl::write(&space.namespace, &["create"], &[&large]).ok();
    space
        .kubectl(&[
            "patch",
            "canary",
            "large",
            "--type=merge",
            "--patch",
            r#"{"spec":{"analysis":{"threshold":3}}}"#,
        ])
        .ok();
    assert_eq!(api::get("canaries", &space.namespace, "large")["spec"]["analysis"]["threshold"], 3);
}

#[test]
fn people_see_where_a_canary_stands() {
    let Some(_sluice) = shared("columns") else { return };
    let space = Space::new("columns");
    space.initialised(&podinfo("one"), &blue_green(2));
    let mut command = bed::bed().command("kubectl");
    command.args(["--namespace", &space.namespace, "get", "canary", "podinfo", "--watch"]);
    // A watch has no end of its own.
    let said = command::run(&mut command, None, Duration::from_secs(3)).stdout;
    contains_all(&said, &["NAME", "STATUS", "WEIGHT", "podinfo", "Initialized"]);
}
