//! The authority and the certificate change every half minute while the API server asks on.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::alone::certs;
use crate::install::alone;
use crate::support::writes::DryRuns;
use crate::support::{controller, facts, helm, kubectl, switch, wait};

/// Writes a second; each is reviewed twice, before the schema and after it.
const RATE: u32 = 100;
/// Reviews a second below which the calls were too few to show anything.
const LOAD: f64 = 100.0;
const ROUNDS: u32 = 10;
/// One change of authority and one further serving certificate in each.
const ROUND: Duration = Duration::from_secs(30);

fn rotate(what: &str) {
    let ask = format!("sluice.dev/rotate={what}");
    kubectl::within(helm::NAMESPACE, &["annotate", "secret", certs::SECRET, &ask, "--overwrite"]).ok();
}

/// Waits for another serving certificate.
#[track_caller]
fn becomes_another(before: &serde_json::Value) {
    wait::until(wait::NOTICED, "another serving certificate", || {
        let now = certs::certificate()["tls.crt"].clone();
        if now.is_string() && now != *before { Ok(()) } else { Err("the same as before".to_owned()) }
    });
}

#[test]
fn ten_changes_of_authority_and_leaf_under_two_hundred_reviews_a_second_fail_no_call() {
    let Some(alone) = alone("rotation under load") else { return };
    if !switch::gate() {
        return;
    }
    let _sluice = alone.installed().changing();
    helm::upgrade(&["extraArgs={--ca-overlap=5s}"]).ok();
    controller::ready();
    let before = controller::reviews();
    // One whose review reads nothing: what counts here is the connection.
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "rotation"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"}, "query": "vector(1)"},
    });
    let load = DryRuns::start("metrictemplates", "default", &template, RATE);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let leaf = certs::certificate()["tls.crt"].clone();
        rotate("ca");
        becomes_another(&leaf);
        let leaf = certs::certificate()["tls.crt"].clone();
        rotate("leaf");
        becomes_another(&leaf);
        certs::replicas_agree();
        std::thread::sleep(ROUND.saturating_sub(began.elapsed()));
    }
    let sum = load.stop();
    #[allow(clippy::cast_precision_loss)] // Far below 2^52.
    let rate = (controller::reviews() - before) as f64 / sum.seconds;
    facts::record(
        "rotation under load: rounds of authority and leaf, seconds, writes, reviews a second, failed",
        json!([ROUNDS, sum.seconds.round(), sum.writes, rate.round(), sum.failed.len()]),
    );
    sum.none_failed("rotation");
    assert!(rate > LOAD, "{rate} reviews a second");
}
