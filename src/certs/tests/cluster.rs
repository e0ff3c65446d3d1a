//! What happens between replicas and the API server.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use rstest::rstest;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::api::Api;
use super::*;

const SECRET: &str = "/api/v1/namespaces/sluice-system/secrets/sluice-certs";
const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/sluice";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/sluice";

fn keeper(api: &Api, policy: &Policy) -> Keeper {
    let settings =
        Settings { namespace: "sluice-system".into(), name: "sluice".into(), service: "sluice".into() };
    Keeper::start(api.client(), settings, Source::BuiltIn(policy.clone())).unwrap()
}

fn not_after(keeper: &Keeper) -> Option<Timestamp> {
    keeper.facts().map(|facts| facts.not_after)
}

fn store(api: &Api) -> Store {
    Store::new(kube::Api::namespaced(api.client(), "sluice-system"), "sluice-certs".into())
}

fn stored(api: &Api) -> Secret {
    serde_json::from_value(api.get(SECRET).unwrap()).unwrap()
}

fn held(api: &Api) -> Material {
    store::material(&stored(api)).unwrap()
}

async fn settle_at(api: &Api, keeper: &Keeper, from: &mut Option<Secret>, now: Timestamp) -> bool {
    keeper.settle(&store(api), from, &Policy::default(), || now).await.unwrap()
}

fn configuration(bundles: &[Option<&str>]) -> Value {
    let entry = |(index, bundle): (usize, &Option<&str>)| {
        let mut client = json!({ "service": { "name": "sluice", "namespace": "sluice-system" } });
        if let Some(bundle) = bundle {
            client["caBundle"] = STANDARD.encode(bundle).into();
        }
        json!({ "name": format!("w{index}.sluice.dev"), "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"] })
    };
    json!({ "metadata": {}, "webhooks": bundles.iter().enumerate().map(entry).collect::<Vec<_>>() })
}

fn bundles(api: &Api, path: &str) -> Vec<String> {
    let entries = api.get(path).unwrap()["webhooks"].as_array().unwrap().clone();
    let decoded = |entry: &Value| {
        let text = entry["clientConfig"]["caBundle"].as_str().unwrap_or_default();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    };
    entries.iter().map(decoded).collect()
}

#[tokio::test]
async fn of_two_replicas_that_start_at_once_one_issues_and_both_serve_it() {
    let api = Api::default();
    let (first, second) = (keeper(&api, &Policy::default()), keeper(&api, &Policy::default()));
    assert!(!first.ready());
    // Both have seen that there is no Secret.
    assert!(settle_at(&api, &first, &mut None, start()).await);
    assert!(!settle_at(&api, &second, &mut None, start()).await);
    assert_eq!(api.calls(), ["POST secrets", "POST secrets", "GET sluice-certs"]);
    assert!(first.ready() && second.ready());
    assert_eq!(first.bundle().borrow().clone(), Some(held(&api).bundle()));
    assert_eq!(first.bundle().borrow().clone(), second.bundle().borrow().clone());
    assert_eq!(stored(&api).type_.as_deref(), Some("kubernetes.io/tls"));
}

#[tokio::test]
async fn of_two_replicas_that_renew_at_once_one_writes_and_the_other_reads() {
    let api = Api::default();
    let (first, second) = (keeper(&api, &Policy::default()), keeper(&api, &Policy::default()));
    settle_at(&api, &first, &mut None, start()).await;
    let late = start() + DAY * 70;
    let (mut a, mut b) = (Some(stored(&api)), Some(stored(&api)));
    api.calls();
    assert!(settle_at(&api, &first, &mut a, late).await);
    assert!(!settle_at(&api, &second, &mut b, late).await);
    assert_eq!(api.calls(), ["PUT sluice-certs", "PUT sluice-certs", "GET sluice-certs"]);
    assert_eq!((not_after(&first), not_after(&second)), (Some(late + DAY * 90), Some(late + DAY * 90)));
    // Nothing is due: no call at all.
    assert!(!settle_at(&api, &second, &mut b, late + DAY).await);
    assert!(api.calls().is_empty());
}

#[tokio::test]
async fn a_secret_deleted_before_the_write_is_created_again() {
    let api = Api::default();
    let keeper = keeper(&api, &Policy::default());
    settle_at(&api, &keeper, &mut None, start()).await;
    let mut old = Some(stored(&api));
    api.delete(SECRET);
    api.calls();
    assert!(settle_at(&api, &keeper, &mut old, start() + DAY * 70).await);
    assert_eq!(api.calls(), ["PUT sluice-certs", "GET sluice-certs", "POST secrets"]);
}

#[tokio::test]
async fn a_rollover_asked_for_by_annotation_waits_for_the_overlap_and_for_every_ca_bundle() {
    let api = Api::default();
    let keeper = keeper(&api, &Policy::default());
    settle_at(&api, &keeper, &mut None, start()).await;
    let mut object = api.get(SECRET).unwrap();
    object["metadata"]["annotations"] = json!({ ROTATE: "ca", "team": "edge" });
    api.put(SECRET, object);
    let mut secret = Some(stored(&api));
    assert!(settle_at(&api, &keeper, &mut secret, start()).await);
    let annotations = stored(&api).metadata.annotations.unwrap();
    assert_eq!(annotations.into_iter().collect::<Vec<_>>(), [("team".to_owned(), "edge".to_owned())]);
    assert!(!settle_at(&api, &keeper, &mut secret, start() + HOUR / 2).await);

    // Over time, but a configuration still has the old bundle.
    let first = held(&api).trusted[..1].to_vec();
    let old = Material { trusted: first, ..held(&api) }.bundle();
    api.put(MUTATING, configuration(&[Some(&old.0)]));
    assert!(!settle_at(&api, &keeper, &mut secret, start() + HOUR).await);
    assert!(held(&api).next.is_some());

    api.put(MUTATING, configuration(&[Some(&held(&api).bundle().0)]));
    let before = not_after(&keeper);
    assert!(settle_at(&api, &keeper, &mut secret, start() + HOUR * 2).await);
    assert!(held(&api).next.is_none());
    assert_ne!(not_after(&keeper), before);
}

#[tokio::test]
async fn a_secret_of_no_use_is_replaced_and_foreign_keys_stay() {
    let api = Api::default();
    api.put(
        SECRET,
        json!({ "metadata": {}, "type": "Opaque", "data": { "note": "bWluZQ==", "tls.crt": "eA==" } }),
    );
    let keeper = keeper(&api, &Policy::default());
    let mut secret = Some(stored(&api));
    assert!(settle_at(&api, &keeper, &mut secret, start()).await);
    assert_eq!(stored(&api).data.unwrap()["note"].0, b"mine");
    assert!(keeper.ready());
}

#[rstest]
#[case::all_equal(&[Some("new"), Some("new")], 0)]
#[case::one_old(&[Some("new"), Some("old"), Some("new")], 1)]
#[case::wiped_by_an_upgrade(&[None, None], 2)]
#[case::no_entries(&[], 0)]
fn only_entries_that_differ_are_patched(#[case] before: &[Option<&str>], #[case] changed: usize) {
    let mut object = configuration(before);
    object["metadata"]["resourceVersion"] = "7".into();
    let typed: ValidatingWebhookConfiguration = serde_json::from_value(object.clone()).unwrap();
    let Some((patch, entries)) = patch(&typed, &Bundle("new".into())) else {
        assert_eq!(changed, 0);
        return;
    };
    assert_eq!((entries, patch.0.len()), (changed, changed + 1));
    let spelled = serde_json::to_value(&patch).unwrap();
    assert_eq!(spelled[0], json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" }));
    json_patch::patch(&mut object, &patch).unwrap();
    let mut expected = configuration(&vec![Some("new"); before.len()]);
    expected["metadata"]["resourceVersion"] = "7".into();
    assert_eq!(object, expected);
}

#[rstest]
#[case::absent(None, Injected::Absent, &["GET sluice"])]
#[case::equal(Some(configuration(&[Some("new")])), Injected::Equal, &["GET sluice"])]
#[case::differs(Some(configuration(&[None, Some("new")])), Injected::Patched(1), &["GET sluice", "PATCH sluice"])]
#[case::of_cert_manager(
    Some(json!({ "metadata": { "annotations": { "cert-manager.io/inject-ca-from": "a/b" } }, "webhooks": [] })),
    Injected::Foreign,
    &["GET sluice"]
)]
#[tokio::test]
async fn one_look_at_a_configuration(
    #[case] object: Option<Value>,
    #[case] expected: Injected,
    #[case] calls: &[&str],
) {
    let api = Api::default();
    if let Some(object) = object {
        api.put(MUTATING, object);
    }
    let injector = keeper(&api, &Policy::default()).injector().unwrap();
    let configurations = kube::Api::<MutatingWebhookConfiguration>::all(api.client());
    let seen = injector.ensure(&configurations, &Bundle("new".into())).await.unwrap();
    assert_eq!(seen, expected);
    assert_eq!(api.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn demand_30_a_wiped_ca_bundle_is_repaired_at_once_and_idle_costs_no_call() {
    let api = Api::default();
    api.put(MUTATING, configuration(&[None, None]));
    let policy = Policy::default();
    let (first, second) = (keeper(&api, &policy), keeper(&api, &policy));
    let stop = CancellationToken::new();
    let work = {
        let stop = stop.clone();
        let injector = first.injector().unwrap();
        async move { tokio::join!(first.run(stop.clone()), second.run(stop.clone()), injector.run(stop)) }
    };
    let work = tokio::spawn(work);
    let pause = || tokio::time::sleep(Duration::from_secs(5));
    pause().await;
    let bundle = held(&api).bundle();
    assert_eq!(bundles(&api, MUTATING), [bundle.0.clone(), bundle.0.clone()]);
    api.calls();

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(api.calls().is_empty(), "nothing to do, nothing asked");

    // A later installation of the gate, and an upgrade that renders the configurations anew.
    api.put(VALIDATING, configuration(&[None]));
    api.put(MUTATING, configuration(&[None, Some(&bundle.0)]));
    pause().await;
    assert_eq!(bundles(&api, VALIDATING), std::slice::from_ref(&bundle.0));
    assert_eq!(bundles(&api, MUTATING), [bundle.0.clone(), bundle.0.clone()]);
    let mut calls = api.calls();
    calls.sort();
    assert_eq!(calls, ["GET sluice", "GET sluice", "PATCH sluice", "PATCH sluice"]);

    // An operator deletes the Secret: a new one, told to the API server by itself.
    api.delete(SECRET);
    pause().await;
    let renewed = held(&api).bundle();
    assert_ne!(renewed, bundle);
    assert_eq!(bundles(&api, MUTATING), [renewed.0.clone(), renewed.0.clone()]);
    stop.cancel();
    work.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_somebody_else_is_served_and_never_injected() {
    let api = Api::default();
    let directory = tempfile::tempdir().unwrap();
    let material = issued(start());
    std::fs::write(directory.path().join("tls.crt"), &material.leaf.certificate).unwrap();
    std::fs::write(directory.path().join("tls.key"), &material.leaf.key).unwrap();
    let settings = Settings { namespace: "a".into(), name: "sluice".into(), service: "sluice".into() };
    let keeper = Keeper::start(api.client(), settings, Source::Files(directory.path().into())).unwrap();
    assert!(keeper.injector().is_none());
    let (stop, running) = (CancellationToken::new(), keeper.clone());
    let token = stop.clone();
    let work = tokio::spawn(async move { running.run(token).await });
    while !keeper.ready() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.cancel();
    work.await.unwrap();
    assert!(api.calls().is_empty());
}

/// Two days are more than any certificate is dated back by.
#[rstest]
#[case::behind(DAY * 2)]
#[case::ahead(DAY * -4000)]
#[tokio::test(start_paused = true)]
async fn a_replica_whose_clock_is_wrong_keeps_what_the_others_issued(#[case] lacks: SignedDuration) {
    let now = Timestamp::now() + lacks;
    let api = Api::default();
    api.tells(now);
    let mut data = BTreeMap::new();
    issued(now).write(&mut data);
    let data: BTreeMap<String, String> =
        data.into_iter().map(|(key, value)| (key, STANDARD.encode(value))).collect();
    api.put(SECRET, json!({ "metadata": {}, "type": "kubernetes.io/tls", "data": data }));
    let before = held(&api);
    let (keeper, stop) = (keeper(&api, &Policy::default()), CancellationToken::new());
    let (running, token) = (keeper.clone(), stop.clone());
    let work = tokio::spawn(async move { running.run(token).await });
    tokio::time::sleep(Duration::from_secs(3600 * 3)).await;
    assert_eq!(held(&api), before, "its wrong clock made it issue anew");
    assert_eq!(not_after(&keeper), Some(read(&before.leaf.certificate).not_after));

    // What it issues itself can be believed at once.
    api.delete(SECRET);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let leaf = read(&held(&api).leaf.certificate);
    assert!(leaf.is_valid(now), "{leaf:?}");
    stop.cancel();
    work.await.unwrap();
}
