//! Every entry is harmless, and no write meets two of one endpoint.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rstest::rstest;

use super::*;

fn install() -> Install {
    Install {
        name: "sluice".to_owned(),
        namespace: "sluice-system".to_owned(),
        service_account: "gate".to_owned(),
    }
}

#[test]
fn nobody_but_us_owns_the_ca_bundle_and_a_dry_run_changes_nothing() {
    let text = yaml(&install()).unwrap();
    assert!(!text.contains("caBundle"));
    assert_eq!(text.matches("sideEffects: None").count(), Endpoint::ALL.len() * Mode::ALL.len());
}

#[test]
fn a_write_of_a_deployment_waits_a_second_at_most_and_never_fails_by_us() {
    let webhooks = configurations(&install()).0.webhooks.unwrap();
    let mut targets = webhooks.iter().filter(|webhook| webhook.name.starts_with("target.")).peekable();
    assert!(targets.peek().is_some());
    for target in targets {
        assert_eq!((target.failure_policy.as_deref(), target.timeout_seconds), (Some("Ignore"), Some(1)));
        let labels = target.object_selector.as_ref().unwrap().match_labels.as_ref().unwrap();
        assert_eq!(labels["sluice.dev/managed"], "true");
    }
}

#[test]
fn every_entry_skips_our_own_writes_the_dying_and_the_system() {
    let (mutating, validating) = configurations(&install());
    let mutating = mutating.webhooks.unwrap().into_iter().map(|w| (w.match_conditions, w.namespace_selector));
    let validating =
        validating.webhooks.unwrap().into_iter().map(|w| (w.match_conditions, w.namespace_selector));
    for (conditions, namespaces) in mutating.chain(validating) {
        let conditions = conditions.unwrap();
        assert_eq!(
            conditions[0].expression,
            r#"request.userInfo.username != "system:serviceaccount:sluice-system:gate""#
        );
        assert!(conditions[1].expression.contains("generic-garbage-collector"));
        assert!(conditions[1].expression.contains("namespace-controller"));
        assert_eq!(conditions[2].name, "not-being-deleted");
        let outside = namespaces.unwrap().match_expressions.unwrap()[0].values.clone().unwrap();
        assert!(outside.contains(&"kube-system".to_owned()));
    }
}

#[test]
fn no_subresource_is_reviewed() {
    let text = yaml(&install()).unwrap();
    assert!(!text.contains("/status") && !text.contains("/scale") && !text.contains("/*"));
}

/// Whether a selector as we write them finds a namespace with this value of our label.
fn finds(selector: &LabelSelector, value: Option<&str>) -> bool {
    let label = |key: &str| if key == "sluice.dev/gate" { value } else { Some("shop") };
    selector.match_expressions.iter().flatten().all(|requirement| {
        let among = label(&requirement.key)
            .is_some_and(|value| requirement.values.iter().flatten().any(|known| known == value));
        match requirement.operator.as_str() {
            "In" => among,
            "NotIn" => !among,
            other => panic!("{other} is not known here"),
        }
    })
}

/// Time-outs of mutating entries add up, so a write must never meet the entries of two modes.
#[rstest]
#[case::no_label(None, Some(Mode::Enforce))]
#[case::enforce(Some("enforce"), Some(Mode::Enforce))]
#[case::a_word_that_we_do_not_know(Some("wran"), Some(Mode::Enforce))]
#[case::warn(Some("warn"), Some(Mode::Warn))]
#[case::off(Some("off"), None)]
fn a_namespace_has_one_mode_and_its_writes_meet_one_entry_of_an_endpoint(
    #[case] label: Option<&str>,
    #[case] mode: Option<Mode>,
) {
    for endpoint in Endpoint::ALL {
        let met: Vec<Mode> = Mode::ALL
            .into_iter()
            .filter(|mode| {
                let entry = Entry::new(&install(), endpoint, *mode).validating();
                finds(&entry.namespace_selector.unwrap(), label)
            })
            .collect();
        assert_eq!(met, Vec::from_iter(mode), "{}", endpoint.path());
    }
}

#[test]
fn where_nothing_is_refused_a_gate_that_is_down_refuses_nothing_either() {
    for endpoint in Endpoint::ALL {
        let entry = Entry::new(&install(), endpoint, Mode::Warn).validating();
        assert_eq!((entry.failure_policy.as_deref(), entry.timeout_seconds), (Some("Ignore"), Some(1)));
        assert!(entry.client_config.service.unwrap().path.unwrap().starts_with("/warn/"));
        assert!(entry.name.ends_with(".warn.sluice.dev"), "{}", entry.name);
    }
}
