//! Certificates change while the API server goes on calling.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::install::alone;
use crate::support::manifests::canary;
use crate::support::{api, controller, facts, helm, kubectl, switch, wait};

pub(crate) const SECRET: &str = "sluice-certs";

/// Writes a wrong Canary as a dry run and tells whether the gate answered: only it knows rule SL404.
fn the_gate_answers() -> Result<(), String> {
    let wrong = canary("certs.example.com", &[10, 10]);
    match api::dry_run("canaries", "default", &wrong) {
        Err(said) if said.contains("SL404") => Ok(()),
        Err(said) => Err(said),
        Ok(_) => Err("a wrong Canary was accepted".to_owned()),
    }
}

pub(crate) fn certificate() -> Value {
    api::find("secrets", helm::NAMESPACE, SECRET).map(|secret| secret["data"].clone()).unwrap_or_default()
}

fn bundles() -> Vec<String> {
    let configuration = api::get("mutatingwebhookconfigurations", "", helm::RELEASE);
    let webhooks = configuration["webhooks"].as_array().cloned().unwrap_or_default();
    webhooks.iter().map(|webhook| webhook["clientConfig"]["caBundle"].to_string()).collect()
}

/// Checks that every replica serves the same certificate.
#[track_caller]
pub(crate) fn replicas_agree() {
    wait::until(wait::TAKEN_OVER, "all replicas to serve the same certificate", || {
        let told: Vec<Option<String>> = controller::pods()
            .iter()
            .map(|pod| {
                let metrics = controller::metrics(pod["metadata"]["name"].as_str().unwrap_or_default());
                metrics
                    .lines()
                    .find(|line| line.starts_with("sluice_certificate_not_after"))
                    .map(str::to_owned)
            })
            .collect();
        let agree = told.len() > 1 && told[0].is_some() && told.iter().all(|one| *one == told[0]);
        if agree { Ok(()) } else { Err(format!("{told:?}")) }
    });
}

/// Changes the certificates and checks that no call fails, before, while and after.
#[track_caller]
fn calls_go_on_through(what: &str, change: impl FnOnce(), changed: impl Fn() -> bool) {
    let (stop, asked) = (AtomicBool::new(false), AtomicU32::new(0));
    let failed = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut failed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                asked.fetch_add(1, Ordering::Relaxed);
                failed.extend(the_gate_answers().err());
                std::thread::sleep(Duration::from_millis(50));
            }
            failed
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let began = Instant::now();
            change();
            wait::until(wait::TAKEN_OVER, &format!("{what} to have effect"), || {
                if changed() { Ok(()) } else { Err("nothing has changed".to_owned()) }
            });
            println!("{what}: new certificates after {:.1} s", began.elapsed().as_secs_f64());
            // Also after every replica has heard of it.
            std::thread::sleep(Duration::from_secs(10));
        }));
        stop.store(true, Ordering::Relaxed);
        let failed = asking.join().unwrap();
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        failed
    });
    let asked = asked.into_inner();
    facts::record(&format!("{what}: calls of the gate, failed"), json!([asked, failed.len()]));
    replicas_agree();
    assert!(asked > 20, "the gate was hardly called");
    assert!(failed.is_empty(), "{} of {asked} calls failed, the first: {}", failed.len(), failed[0]);
}

#[test]
fn calls_go_on_when_the_secret_is_deleted() {
    let Some(alone) = alone("deleted certificates") else { return };
    let _sluice = alone.installed();
    if !switch::gate() {
        return;
    }
    let (secret, before) = (certificate(), bundles());
    calls_go_on_through(
        "deleted certificates",
        || drop(kubectl::within(helm::NAMESPACE, &["delete", "secret", SECRET]).ok()),
        || certificate() != Value::Null && certificate() != secret && bundles() != before,
    );
}

#[test]
fn calls_go_on_when_the_ca_is_rotated() {
    let Some(alone) = alone("rotated CA") else { return };
    let _sluice = alone.installed();
    if !switch::gate() {
        return;
    }
    let before = bundles();
    calls_go_on_through(
        "rotated CA",
        || {
            drop(
                kubectl::within(helm::NAMESPACE, &["annotate", "secret", SECRET, "sluice.dev/rotate=ca"])
                    .ok(),
            )
        },
        || bundles() != before,
    );
}

#[test]
fn calls_go_on_when_the_secret_is_damaged_and_it_heals_under_the_same_authority() {
    let Some(alone) = alone("damaged certificates") else { return };
    let _sluice = alone.installed();
    if !switch::gate() {
        return;
    }
    let (secret, before) = (certificate(), bundles());
    let damage = r#"{"data": {"tls.key": "bm90aGluZw=="}}"#;
    calls_go_on_through(
        "damaged certificates",
        || drop(kubectl::within(helm::NAMESPACE, &["patch", "secret", SECRET, "--patch", damage]).ok()),
        || certificate()["tls.crt"].is_string() && certificate()["tls.crt"] != secret["tls.crt"],
    );
    assert_eq!(bundles(), before, "the authority was good");
    assert_eq!(certificate()["ca.key"], secret["ca.key"]);
}
