//! A dry run through the real API server tells what would come of the write, and nothing is stored.

use serde_json::json;

use crate::install::shared;
use crate::support::manifests::{APP, canary, podinfo, with};
use crate::support::space::Space;
use crate::support::{kubectl, switch, wait};

const DRY: &[&str] = &["apply", "--dry-run=server"];

/// The sentences about the plan among the warnings of `kubectl`.
fn plan(space: &Space, object: &serde_json::Value) -> Vec<String> {
    let outcome = kubectl::write(&space.namespace, DRY, &[object]);
    assert!(outcome.success, "{}", outcome.text());
    let lines = outcome.stderr.lines().filter_map(|line| line.strip_prefix("Warning: Plan: "));
    lines.map(str::to_owned).collect()
}

/// Asks again for a while: what the gate cannot look up within its 300 ms, as on a busy machine, it does not tell.
#[track_caller]
fn begins(space: &Space, object: &serde_json::Value, expected: &[&str]) {
    wait::until(wait::PODS, "the plan of a dry run", || {
        let plan = plan(space, object);
        let same = plan.len() >= expected.len()
            && plan.iter().zip(expected).all(|(line, begin)| line.starts_with(begin));
        if same { Ok(()) } else { Err(format!("expected {expected:#?}, got {plan:#?}")) }
    });
}

#[test]
fn a_dry_run_tells_whether_a_rollout_starts_its_steps_time_and_pods() {
    let Some(_sluice) = shared("the plan of a dry run") else { return };
    if !switch::gate() {
        return;
    }
    let space = Space::new("foreseen");
    let (app, canary) = (podinfo("one"), canary(&space.host(), &[20, 50]));
    begins(&space, &canary, &["nothing happens until Deployment podinfo exists."]);
    space.apply(&[&app]);
    begins(
        &space,
        &canary,
        &[
            "podinfo-primary is made of what podinfo runs, 1 pod; once it is ready",
            "each new revision of podinfo gets 20 % and 50 % of the traffic, then promotion; at least ",
            "a rollout needs 1 pod, beside those of podinfo-primary.",
        ],
    );
    space.initialised(&app, &canary);

    begins(
        &space,
        &podinfo("two"),
        &[
            "a rollout of Canary podinfo starts: 20 % and 50 % of the traffic, then promotion; at least ",
            "until its end podinfo has 1 pod, beside the 1 of podinfo-primary.",
        ],
    );
    let deployment = space.deployment(APP);
    assert_eq!(deployment["spec"]["replicas"], 0, "a dry run stores nothing");
    begins(
        &space,
        &with(&canary, &json!({"spec": {"analysis": {"threshold": 7}}})),
        &["no rollout starts by this alone."],
    );
    let missing = json!([{"name": "errors", "interval": "10s", "thresholdRange": {"max": 1}, "templateRef": {"name": "errors"}}]);
    space.apply(&[&with(&canary, &json!({"spec": {"analysis": {"metrics": missing}}}))]);
    wait::until(wait::NOTICED, "the missing template among the sentences of a dry run", || {
        let told = plan(&space, &podinfo("two"));
        let named = told.iter().any(|line| line.starts_with("Canary podinfo: SL502 "));
        if named { Ok(()) } else { Err(format!("{told:#?}")) }
    });
}
