//! Keeper, injector, server and clients together: authorities change while calls go on.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::*;
use crate::certs::tests::api::Api;
use crate::certs::{Keeper, ROTATE, Settings, Source};

const SECRET: &str = "/api/v1/namespaces/sluice-system/secrets/sluice-certs";
const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/sluice";

/// The bundle as the API server has it now.
fn published(api: &Api) -> Vec<CertificateDer<'static>> {
    let configuration = api.get(MUTATING).unwrap();
    let text = configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap_or_default();
    let pem = STANDARD.decode(text).unwrap();
    CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect()
}

#[tokio::test]
async fn demand_29_two_rollovers_under_load_drop_no_call() {
    let api = Api::default();
    let entry = json!({ "name": "w.sluice.dev", "clientConfig": {}, "sideEffects": "None", "admissionReviewVersions": ["v1"] });
    api.put(MUTATING, json!({ "metadata": {}, "webhooks": [entry] }));
    let settings =
        Settings { namespace: "sluice-system".into(), name: "sluice".into(), service: "sluice".into() };
    let minute = SignedDuration::from_mins(1);
    let policy = Policy { authority: minute * 60, leaf: minute * 10, overlap: SignedDuration::from_secs(1) };
    let keeper = Keeper::start(api.client(), settings, Source::BuiltIn(policy)).unwrap();
    let shutdown = CancellationToken::new();
    let (injector, stop) = (keeper.injector().unwrap(), shutdown.clone());
    let (kept, token) = (keeper.clone(), shutdown.clone());
    tokio::spawn(async move { tokio::join!(kept.run(token), injector.run(stop)) });

    let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let at = listener.local_addr().unwrap();
    let routes = router(Arc::new(Echo::default()), Metrics::register(&mut Registry::default()));
    tokio::spawn(https(listener, keeper.tls_config(), routes, shutdown.clone(), Drain::default()));
    while !keeper.ready() || published(&api).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let open = client_with(trusting_all(published(&api).into_iter()), at, true);
    let mut leaves = BTreeSet::new();
    let mut calls = 0;
    for rollovers in 1..=2 {
        let mut secret = api.get(SECRET).unwrap();
        secret["metadata"]["annotations"] = json!({ ROTATE: "ca" });
        api.put(SECRET, secret);
        let begun = Instant::now();
        while leaves.len() <= rollovers {
            assert!(begun.elapsed() < Duration::from_secs(20), "no rollover: {} leaves", leaves.len());
            let fresh = client_with(trusting_all(published(&api).into_iter()), at, calls % 2 == 0);
            let answer = post(&fresh, at, "a").await.unwrap();
            leaves.insert(served(&answer));
            post(&open, at, "a").await.unwrap().text().await.unwrap();
            calls += 2;
        }
    }
    assert!(calls > 20, "{calls}");
    let annotations: Value = api.get(SECRET).unwrap()["metadata"]["annotations"].clone();
    assert!(annotations.as_object().is_none_or(serde_json::Map::is_empty));
    assert_eq!(published(&api).len(), 3, "the old authorities stay until they expire");
    shutdown.cancel();
}
