//! Sluice is restarted again and again while Canaries are written, which its webhooks refuse when nobody answers.

use std::time::Instant;

use serde_json::json;

use crate::install::alone;
use crate::support::manifests::canary;
use crate::support::writes::DryRuns;
use crate::support::{controller, facts, helm, kubectl, switch, wait};

/// Writes a second, each of them reviewed twice.
const RATE: u32 = 25;
const RESTARTS: u32 = 20;

#[test]
fn twenty_rolling_restarts_under_load_refuse_no_write() {
    let Some(alone) = alone("rolling restarts under load") else { return };
    if !switch::gate() {
        return;
    }
    let _sluice = alone.installed().changing();
    controller::ready();
    let load = DryRuns::start("canaries", "default", &canary("restarts.example.com", &[20, 50]), RATE);
    let began = Instant::now();
    for _ in 0..RESTARTS {
        kubectl::within(helm::NAMESPACE, &["rollout", "restart", "deployment", helm::RELEASE]).ok();
        // Until the last pod of before has gone: the next restart must not cut its drain short.
        wait::until(wait::PODS, "the restart to be over", || {
            let status = kubectl::within(
                helm::NAMESPACE,
                &["rollout", "status", "deployment", helm::RELEASE, "--watch=false"],
            );
            let pods = crate::support::api::list("pods", helm::NAMESPACE);
            let pods = pods
                .iter()
                .filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "controller")
                .count();
            if status.stdout.contains("successfully rolled out") && pods == 2 {
                Ok(())
            } else {
                Err(status.text())
            }
        });
    }
    let took = began.elapsed().as_secs();
    let sum = load.stop();
    facts::record(
        "rolling restarts under load: restarts, seconds, writes, refused",
        json!([RESTARTS, took, sum.writes, sum.failed.len()]),
    );
    sum.none_failed("rolling restarts");
}
