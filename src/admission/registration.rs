//! How the API server comes to call the gate: the two webhook configurations of an installation. Never carries a
//! `caBundle`: that field has one owner, who injects it into the cluster's object.

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::ObjectMeta;
use serde::Serialize;

use crate::api::names::{MANAGED, MANAGED_VALUE, PREFIX};

/// Reviews of our own kinds before the schema looks at them: the answer never carries a patch.
pub const CANARY_MUTATE: &str = "/canary/mutate";
/// Reviews of our own kinds as they will be stored.
pub const CANARY_VALIDATE: &str = "/canary/validate";
/// Writes of managed targets: replicas are held, changes are stamped.
pub const TARGET_MUTATE: &str = "/target/mutate";

/// Left alone whatever happens: a gate must not stand in the way of the cluster's own repair.
const SYSTEM: [&str; 3] = ["kube-system", "kube-node-lease", "kube-public"];

/// One installation: what names its configurations, its Service and its own writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// Name of both configurations and of the Service that serves the gate.
    pub name: String,
    /// Namespace of that Service and of the service account.
    pub namespace: String,
    /// Service account whose writes are not reviewed, because they are ours.
    pub service_account: String,
}

/// Both configurations of an installation.
pub fn configurations(install: &Install) -> (MutatingWebhookConfiguration, ValidatingWebhookConfiguration) {
    let metadata = ObjectMeta { name: Some(install.name.clone()), ..ObjectMeta::default() };
    let mutating = MutatingWebhookConfiguration {
        metadata: metadata.clone(),
        webhooks: Some(vec![
            mutating(canary(install, "canary.mutate.sluice.dev", CANARY_MUTATE)),
            mutating(target(install)),
        ]),
    };
    let validating = ValidatingWebhookConfiguration {
        metadata,
        webhooks: Some(vec![validating(canary(install, "canary.validate.sluice.dev", CANARY_VALIDATE))]),
    };
    (mutating, validating)
}

/// Both configurations as YAML, one document each, the mutating one first.
pub fn yaml(install: &Install) -> Result<String, RegistrationError> {
    let (mutating, validating) = configurations(install);
    Ok(format!("---\n{}---\n{}", document(&mutating)?, document(&validating)?))
}

/// One configuration as a YAML document.
pub fn document(configuration: &impl Serialize) -> Result<String, RegistrationError> {
    // Conditions stay on one line: a fold could fall into a template expression of the chart.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(configuration, options).map_err(RegistrationError)
}

/// A configuration could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("write an admission configuration as YAML")]
pub struct RegistrationError(#[source] serde_saphyr::ser::Error);

/// What both kinds of webhook have; the API server's two types differ in one field.
struct Entry {
    name: &'static str,
    path: &'static str,
    namespace: String,
    service: String,
    rule: RuleWithOperations,
    /// Namespaces that the entry never sees.
    outside: Vec<String>,
    objects: Option<LabelSelector>,
    conditions: Vec<MatchCondition>,
    failure_policy: &'static str,
    /// Seconds. Those of mutating entries add up in one write.
    timeout: i32,
    reinvocation: &'static str,
}

/// Our own kinds. They bear a refusal by a gate that is down, because nothing but rollouts depends on them.
fn canary(install: &Install, name: &'static str, path: &'static str) -> Entry {
    let changed = r#"request.operation == "CREATE" || object.?spec != oldObject.?spec"#;
    Entry {
        name,
        path,
        namespace: install.namespace.clone(),
        service: install.name.clone(),
        rule: rule(
            "flagger.app",
            "v1beta1",
            &["canaries", "metrictemplates", "alertproviders"],
            &["CREATE", "UPDATE"],
        ),
        outside: SYSTEM.map(str::to_owned).to_vec(),
        objects: None,
        conditions: conditions(install, "changed-spec", changed.to_owned()),
        failure_policy: "Fail",
        timeout: 5,
        reinvocation: "Never",
    }
}

/// Managed workloads. A second at most, and never in the way: the controller repairs what a dead gate let through.
/// Only updates: an object that is deleted and made anew carries no label of ours, so no selector finds it.
fn target(install: &Install) -> Entry {
    let mut outside = SYSTEM.map(str::to_owned).to_vec();
    outside.push(install.namespace.clone());
    Entry {
        name: "target.mutate.sluice.dev",
        path: TARGET_MUTATE,
        namespace: install.namespace.clone(),
        service: install.name.clone(),
        rule: rule("apps", "v1", &["daemonsets", "deployments"], &["UPDATE"]),
        outside,
        // Old or new object: a replace that drops the label is still seen.
        objects: Some(LabelSelector {
            match_labels: Some([(MANAGED.to_owned(), MANAGED_VALUE.to_owned())].into()),
            match_expressions: None,
        }),
        conditions: conditions(install, "changed-target", changed_target()),
        failure_policy: "Ignore",
        timeout: 1,
        // A mutator after us may bring back what we took out.
        reinvocation: "IfNeeded",
    }
}

/// Replicas, template, our label, our annotations. Without the last three, somebody else's removal, change or forgery of
/// a mark of ours would slip by.
fn changed_target() -> String {
    let marks = |of: &str| {
        format!(
            r#"{of}.metadata.?annotations.orValue({{}}).exists(k, k.startsWith("{PREFIX}") && object.metadata.?annotations[?k] != oldObject.metadata.?annotations[?k])"#
        )
    };
    [
        "object.spec.?replicas != oldObject.spec.?replicas".to_owned(),
        "object.spec.template != oldObject.spec.template".to_owned(),
        format!(r#"object.metadata.?labels["{MANAGED}"] != oldObject.metadata.?labels["{MANAGED}"]"#),
        marks("oldObject"),
        marks("object"),
    ]
    .join(" || ")
}

/// The two that every entry has, and its own. A wrong field name in one is accepted and then, under Ignore, silently
/// skips the webhook: `.?` and `orValue` wherever a field may be absent.
fn conditions(install: &Install, name: &str, expression: String) -> Vec<MatchCondition> {
    let ours = format!("system:serviceaccount:{}:{}", install.namespace, install.service_account);
    [
        ("not-our-own-write", format!(r#"request.userInfo.username != "{ours}""#)),
        ("not-being-deleted", "!object.metadata.?deletionTimestamp.hasValue()".to_owned()),
        (name, expression),
    ]
    .map(|(name, expression)| MatchCondition { name: name.to_owned(), expression })
    .to_vec()
}

/// Names no subresource, so that a write of status or scale is never reviewed.
fn rule(group: &str, version: &str, resources: &[&str], operations: &[&str]) -> RuleWithOperations {
    let owned = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    RuleWithOperations {
        api_groups: owned(&[group]),
        api_versions: owned(&[version]),
        operations: owned(operations),
        resources: owned(resources),
        scope: Some("Namespaced".to_owned()),
    }
}

impl Entry {
    fn client(&self) -> WebhookClientConfig {
        WebhookClientConfig {
            ca_bundle: None,
            service: Some(ServiceReference {
                name: self.service.clone(),
                namespace: self.namespace.clone(),
                path: Some(self.path.to_owned()),
                port: Some(443),
            }),
            url: None,
        }
    }

    fn namespaces(&self) -> LabelSelector {
        LabelSelector {
            match_labels: None,
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "kubernetes.io/metadata.name".to_owned(),
                operator: "NotIn".to_owned(),
                values: Some(self.outside.clone()),
            }]),
        }
    }
}

fn mutating(entry: Entry) -> MutatingWebhook {
    MutatingWebhook {
        admission_review_versions: vec!["v1".to_owned()],
        client_config: entry.client(),
        failure_policy: Some(entry.failure_policy.to_owned()),
        match_policy: Some("Equivalent".to_owned()),
        name: entry.name.to_owned(),
        namespace_selector: Some(entry.namespaces()),
        object_selector: entry.objects,
        reinvocation_policy: Some(entry.reinvocation.to_owned()),
        rules: Some(vec![entry.rule]),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(entry.timeout),
        match_conditions: Some(entry.conditions),
    }
}

fn validating(entry: Entry) -> ValidatingWebhook {
    ValidatingWebhook {
        admission_review_versions: vec!["v1".to_owned()],
        client_config: entry.client(),
        failure_policy: Some(entry.failure_policy.to_owned()),
        match_policy: Some("Equivalent".to_owned()),
        name: entry.name.to_owned(),
        namespace_selector: Some(entry.namespaces()),
        object_selector: entry.objects,
        rules: Some(vec![entry.rule]),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(entry.timeout),
        match_conditions: Some(entry.conditions),
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(text.matches("sideEffects: None").count(), 3);
    }

    #[test]
    fn a_write_of_a_deployment_waits_a_second_at_most_and_never_fails_by_us() {
        let webhooks = configurations(&install()).0.webhooks.unwrap();
        let target = webhooks.iter().find(|webhook| webhook.name.starts_with("target")).unwrap();
        assert_eq!((target.failure_policy.as_deref(), target.timeout_seconds), (Some("Ignore"), Some(1)));
        let labels = target.object_selector.as_ref().unwrap().match_labels.as_ref().unwrap();
        assert_eq!(labels["sluice.dev/managed"], "true");
    }

    #[test]
    fn every_entry_skips_our_own_writes_the_dying_and_the_system() {
        let (mutating, validating) = configurations(&install());
        let mutating =
            mutating.webhooks.unwrap().into_iter().map(|w| (w.match_conditions, w.namespace_selector));
        let validating =
            validating.webhooks.unwrap().into_iter().map(|w| (w.match_conditions, w.namespace_selector));
        for (conditions, namespaces) in mutating.chain(validating) {
            let conditions = conditions.unwrap();
            assert_eq!(
                conditions[0].expression,
                r#"request.userInfo.username != "system:serviceaccount:sluice-system:gate""#
            );
            assert_eq!(conditions[1].name, "not-being-deleted");
            let outside = namespaces.unwrap().match_expressions.unwrap()[0].values.clone().unwrap();
            assert!(outside.contains(&"kube-system".to_owned()));
        }
    }

    #[test]
    fn no_subresource_is_reviewed() {
        let text = yaml(&install()).unwrap();
        assert!(!text.contains("/status") && !text.contains("/scale") && !text.contains("/*"));
    }
}
