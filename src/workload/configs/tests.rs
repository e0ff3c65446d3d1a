use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn config(key: &str) -> ConfigRef {
    ConfigRef::parse(key).unwrap()
}

fn template() -> Value {
    let key = |optional: bool| json!({"name": "both", "key": "k", "optional": optional});
    json!({"spec": {
        "volumes": [
            {"name": "a", "configMap": {"name": "mounted"}},
            {"name": "b", "secret": {"secretName": "mounted", "optional": true}},
            {"name": "c", "projected": {"sources": [
                {"configMap": {"name": "projected"}}, {"secret": {"name": "projected"}}, {"downwardAPI": {}},
            ]}},
            {"name": "d", "emptyDir": {}},
        ],
        "containers": [{"name": "a", "env": [
            {"name": "A", "value": "a"},
            {"name": "B", "valueFrom": {"configMapKeyRef": key(true)}},
        ]}],
        "initContainers": [
            {"name": "b", "envFrom": [{"configMapRef": {"name": "all"}}, {"secretRef": {"name": "all", "optional": true}}]},
            {"name": "sidecar", "restartPolicy": "Always", "env": [{"name": "B", "valueFrom": {"configMapKeyRef": key(false)}}]},
        ],
        "ephemeralContainers": [{"name": "c", "env": [{"name": "C", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}]}],
    }})
}

#[test]
fn configs_are_found_wherever_a_pod_template_refers_to_them() {
    let found = references(&template());
    let found: Vec<(String, bool)> = found.iter().map(|found| (found.config.key(), found.optional)).collect();
    let expected = [
        ("configmap/all", false),
        ("configmap/both", false),
        ("configmap/mounted", false),
        ("configmap/projected", false),
        ("secret/all", true),
        ("secret/late", false),
        ("secret/mounted", true),
        ("secret/projected", false),
    ];
    assert_eq!(found, expected.map(|(key, optional)| (key.to_owned(), optional)));
}

#[test]
fn every_place_of_what_is_tracked_is_rewritten_and_nothing_else() {
    let tracked: Tracked =
        references(&template()).into_iter().map(|found| (found.config, ABSENT.to_owned())).collect();
    let mut rewritten = template();
    rewrite(&mut rewritten, &tracked);
    assert!(references(&rewritten).iter().all(|found| found.config.name.ends_with("-primary")));
    let mut twice = rewritten.clone();
    rewrite(&mut twice, &tracked);
    assert_eq!(twice, rewritten);
    let mut one = template();
    rewrite(&mut one, &Tracked::from([(config("secret/mounted"), ABSENT.to_owned())]));
    let mut expected = template();
    expected["spec"]["volumes"][1]["secret"]["secretName"] = json!("mounted-primary");
    assert_eq!(one, expected);
}

// Checksums that the peer writes: SHA-256 of the JSON of Go, its first eight bytes.
#[rstest]
#[case::nothing(json!({}), "74234e98afe7498f")]
#[case::empty_is_nothing(json!({"data": {}}), "74234e98afe7498f")]
#[case::sorted(json!({"data": {"b": "2", "a": "1"}}), "21f76dfbfe6dfe21")]
#[case::escaped(json!({"data": {"a": "<&>\n\u{1}\u{2028}\"\\"}}), "1eed3f63539185e3")]
fn a_checksum_is_the_peers(#[case] object: Value, #[case] expected: &str) {
    assert_eq!(checksum(&object), expected);
}

#[test]
fn w_obj_1_binary_data_counts_in_the_checksum() {
    let text = json!({"data": {"a": "1"}});
    let mut binary = text.clone();
    binary["binaryData"] = json!({"b": "AAEC"});
    assert_ne!(checksum(&text), checksum(&binary));
    binary["binaryData"] = json!({});
    assert_eq!(checksum(&text), checksum(&binary));
}

#[rstest]
#[case::service_account(json!({"type": "kubernetes.io/service-account-token"}))]
#[case::opted_out(json!({"metadata": {"annotations": {"flagger.app/config-tracking": "disabled"}}}))]
fn what_belongs_to_one_bearer_or_opts_out_is_not_tracked(#[case] object: Value) {
    assert_eq!(Config::of(Some(&object)).checksum(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_template_of_any_shape_is_survived(text in "[a-z]{0,3}", number in any::<i64>()) {
        for odd in [json!(text), json!(number), json!([number]), json!({"name": number}), Value::Null] {
            let mut template = json!({"spec": {"volumes": [odd, {"configMap": odd}, {"projected": {"sources": odd}}],
                "containers": [{"env": odd, "envFrom": [odd, {"secretRef": odd}]}], "initContainers": odd}});
            references(&template);
            rewrite(&mut template, &Tracked::new());
            checksum(&json!({"data": odd, "binaryData": odd}));
        }
    }
}
