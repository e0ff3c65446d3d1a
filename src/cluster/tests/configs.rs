use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use super::*;
use crate::{
    api::SeenConfig,
    cluster::testing::Reply,
    rollout::Lost,
    workload::configs::{Config, ConfigKind, ConfigRef, Configs},
};

const CONFIG_MAPS: &str = "/api/v1/configmaps";
const GET: &str = "GET /api/v1/namespaces/n/configmaps/a";

fn config_map(version: u32, content: &str) -> Value {
    let mut object = without_label(object("ConfigMap", "a", version));
    object["data"] = json!({"value": content});
    object
}

fn a() -> ConfigRef {
    ConfigRef::new(ConfigKind::ConfigMap, "a")
}

fn b() -> ConfigRef {
    ConfigRef::new(ConfigKind::ConfigMap, "b")
}

async fn known(stage: &Stage, seen: &BTreeMap<String, SeenConfig>) -> Config {
    let (mut configs, lost): (Configs, _) = stage.cluster.configs("n", BTreeSet::from([a()]), seen).await;
    assert!(lost.is_none(), "{lost:?}");
    configs.remove(&a()).unwrap()
}

fn seen(known: &Config) -> BTreeMap<String, SeenConfig> {
    let Config::Present { uid, version, checksum } = known.clone() else { return BTreeMap::new() };
    BTreeMap::from([(a().key(), SeenConfig { uid, version, checksum })])
}

#[tokio::test(start_paused = true)]
async fn a_config_costs_one_get_a_version_and_none_after_a_restart() {
    let bed = Bed::default();
    bed.list(CONFIG_MAPS, &[config_map(5, "one")]);
    bed.answer(GET, Reply::ok(config_map(5, "one")));
    let mut stage = Stage::on(bed).await;
    stage.cluster.name(&key(), [a().object("n")].into());
    let first = known(&stage, &BTreeMap::new()).await;
    for _ in 0..3 {
        assert_eq!(known(&stage, &seen(&first)).await, first);
    }
    assert_eq!(stage.record.single().len(), 1);
    stage.bed.answer(GET, Reply::ok(config_map(6, "two")));
    stage.bed.send(CONFIG_MAPS, "MODIFIED", &config_map(6, "two")).await;
    assert_eq!(stage.told(), [("ConfigMap n/a".to_owned(), Some("n/c".to_owned()))]);
    let second = known(&stage, &seen(&first)).await;
    assert!(second.checksum().is_some() && second.checksum() != first.checksum());
    assert_eq!(stage.record.single().len(), 2);

    // Another process: it knows names and versions from the status, and the list tells the rest.
    let (client, record) = stage.bed.client();
    stage.bed.list(CONFIG_MAPS, &[config_map(6, "two")]);
    let (cluster, _events) = Cluster::new(client, None);
    let cluster = cluster.hearing(&["ConfigMap"]);
    cluster.name(&key(), [a().object("n")].into());
    let watches = cluster.watch(Duty::Loop, &stage.stop);
    watches.synced().await;
    let (configs, _) = cluster.configs("n", BTreeSet::from([a()]), &seen(&second)).await;
    assert_eq!(configs[&a()], second);
    assert!(record.single().iter().all(|call| !call.contains("configmaps/")), "{:?}", record.single());
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_a_config_is_asked_for_once() {
    let mut stage = Stage::new().await;
    stage.cluster.name(&key(), [a().object("n")].into());
    for _ in 0..3 {
        assert_eq!(known(&stage, &BTreeMap::new()).await, Config::Absent);
    }
    assert_eq!(stage.record.single(), [GET]);
    stage.bed.answer(GET, Reply::ok(config_map(7, "one")));
    stage.bed.send(CONFIG_MAPS, "ADDED", &config_map(7, "one")).await;
    assert_eq!(stage.told().len(), 1, "its birth is news");
    assert!(known(&stage, &BTreeMap::new()).await.checksum().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_config_that_opts_out_is_never_read() {
    let mut out = config_map(5, "one");
    out["metadata"]["annotations"] = json!({"flagger.app/config-tracking": "disabled"});
    let stage = Stage::new().await;
    stage.cluster.name(&key(), [a().object("n")].into());
    stage.bed.send(CONFIG_MAPS, "ADDED", &out).await;
    assert!(matches!(known(&stage, &BTreeMap::new()).await, Config::Present { checksum: None, .. }));
    assert!(stage.record.all().is_empty());
}

#[rstest]
#[case::forbidden(Reply::refused(403, "Forbidden"))]
#[case::broken(Reply::refused(500, "InternalError"))]
#[tokio::test(start_paused = true)]
async fn a_config_that_cannot_be_read_counts_as_it_was_last_seen_and_never_as_missing(#[case] reply: Reply) {
    let stage = Stage::new().await;
    stage.cluster.name(&key(), [a().object("n")].into());
    stage.bed.answer(GET, reply);
    let there = Config::Present {
        uid: "uid-a".to_owned(),
        version: "5".to_owned(),
        checksum: Some("one".to_owned()),
    };
    let missing = BTreeMap::from([(a().key(), SeenConfig::default())]);
    for (before, expected, hidden) in [
        (seen(&there), Some(there.clone()), Lost::Little),
        (missing, Some(Config::Absent), Lost::Little),
        (BTreeMap::new(), None, Lost::Revision),
    ] {
        let (configs, lost) = stage.cluster.configs("n", BTreeSet::from([a(), b()]), &before).await;
        assert_eq!(configs.get(&a()), expected.as_ref());
        assert_eq!(configs.get(&b()), Some(&Config::Absent), "one does not hold up another");
        let (lost, error) = lost.unwrap();
        assert_eq!((lost, error.what().as_str()), (hidden, "reading ConfigMap n/a"));
    }
}
