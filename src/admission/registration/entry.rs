//! One entry of a configuration; the API server's two types differ in one field.

use std::collections::BTreeMap;

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, RuleWithOperations, ServiceReference, ValidatingWebhook,
    WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::Install;
use super::conditions::{self, CHANGED_SPEC};
use crate::admission::endpoint::Endpoint;
use crate::admission::mode::{Mode, OFF};
use crate::api::names::{GATE, MANAGED, MANAGED_VALUE};
use crate::routing;

/// Left alone whatever happens: a gate must not stand in the way of the cluster's own repair.
const SYSTEM: [&str; 3] = ["kube-system", "kube-node-lease", "kube-public"];

/// What an entry says, before it is one of either type.
pub(super) struct Entry {
    name: String,
    client: WebhookClientConfig,
    rules: Vec<RuleWithOperations>,
    namespaces: LabelSelector,
    objects: Option<LabelSelector>,
    conditions: Vec<MatchCondition>,
    failure_policy: &'static str,
    /// Seconds. Those of mutating entries add up in one write.
    timeout: i32,
    reinvocation: &'static str,
}

impl Entry {
    /// The entry of an endpoint for namespaces of a mode. No two of one endpoint see the same write.
    pub(super) fn new(install: &Install, endpoint: Endpoint, mode: Mode) -> Self {
        let entry = match endpoint {
            Endpoint::CanaryMutate | Endpoint::CanaryValidate => canary(install, endpoint, mode),
            Endpoint::CanaryDelete => farewell(install, endpoint, mode),
            Endpoint::TargetMutate => target(install, endpoint, mode),
            Endpoint::RouteMutate => route(install, endpoint, mode),
            Endpoint::OwnedDelete => deletion(install, endpoint, mode),
        };
        match mode {
            Mode::Enforce => entry,
            // Where nothing is refused, a gate that is down refuses nothing either.
            Mode::Warn => Entry { failure_policy: "Ignore", timeout: 1, ..entry },
        }
    }

    pub(super) fn mutating(self) -> MutatingWebhook {
        MutatingWebhook {
            admission_review_versions: vec!["v1".to_owned()],
            client_config: self.client,
            failure_policy: Some(self.failure_policy.to_owned()),
            match_policy: Some("Equivalent".to_owned()),
            name: self.name,
            namespace_selector: Some(self.namespaces),
            object_selector: self.objects,
            reinvocation_policy: Some(self.reinvocation.to_owned()),
            rules: Some(self.rules),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(self.timeout),
            match_conditions: Some(self.conditions),
        }
    }

    pub(super) fn validating(self) -> ValidatingWebhook {
        ValidatingWebhook {
            admission_review_versions: vec!["v1".to_owned()],
            client_config: self.client,
            failure_policy: Some(self.failure_policy.to_owned()),
            match_policy: Some("Equivalent".to_owned()),
            name: self.name,
            namespace_selector: Some(self.namespaces),
            object_selector: self.objects,
            rules: Some(self.rules),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(self.timeout),
            match_conditions: Some(self.conditions),
        }
    }
}

/// Our own kinds. They bear a refusal by a gate that is down, because nothing but rollouts depends on them.
fn canary(install: &Install, endpoint: Endpoint, mode: Mode) -> Entry {
    Entry {
        name: name(endpoint, mode),
        client: client(install, endpoint, mode),
        rules: vec![own(&["CREATE", "UPDATE"])],
        namespaces: namespaces(&SYSTEM, mode),
        objects: None,
        conditions: conditions::all(install, "object", "changed-spec", CHANGED_SPEC.to_owned()),
        failure_policy: "Fail",
        timeout: 5,
        reinvocation: "Never",
    }
}

/// Our own kinds when they are deleted, which nobody holds up.
fn farewell(install: &Install, endpoint: Endpoint, mode: Mode) -> Entry {
    Entry {
        rules: vec![own(&["DELETE"])],
        conditions: conditions::all(install, "oldObject", "in-use", conditions::IN_USE.to_owned()),
        failure_policy: "Ignore",
        timeout: 1,
        ..canary(install, endpoint, mode)
    }
}

/// Managed workloads. A second at most, and never in the way: the controller repairs what a dead gate let through.
/// Only updates: an object that is deleted and made anew carries no label of ours, so no selector finds it.
fn target(install: &Install, endpoint: Endpoint, mode: Mode) -> Entry {
    Entry {
        name: name(endpoint, mode),
        client: client(install, endpoint, mode),
        rules: vec![workloads("UPDATE")],
        namespaces: namespaces(&outside(install), mode),
        objects: Some(managed()),
        conditions: conditions::all(install, "object", "changed-target", conditions::changed_target()),
        failure_policy: "Ignore",
        timeout: 1,
        // A mutator after us may bring back what we took out.
        reinvocation: "IfNeeded",
    }
}

/// Services and routes that are marked, whoever made them.
fn route(install: &Install, endpoint: Endpoint, mode: Mode) -> Entry {
    Entry {
        rules: ways("UPDATE"),
        conditions: conditions::all(install, "object", "changed-route", conditions::changed_shared()),
        ..target(install, endpoint, mode)
    }
}

/// Deletions of what is marked. Asked after all changes, when those of several webhooks are waited for at once.
fn deletion(install: &Install, endpoint: Endpoint, mode: Mode) -> Entry {
    Entry {
        rules: std::iter::once(workloads("DELETE")).chain(ways("DELETE")).collect(),
        conditions: conditions::all(install, "oldObject", "marked", conditions::marked()),
        ..target(install, endpoint, mode)
    }
}

/// Namespaces whose workloads we never look at: the system's and our own.
fn outside(install: &Install) -> Vec<&str> {
    SYSTEM.into_iter().chain([install.namespace.as_str()]).collect()
}

/// What carries our label before or after the write: a replace that drops the label is still seen.
fn managed() -> LabelSelector {
    LabelSelector {
        match_labels: Some([(MANAGED.to_owned(), MANAGED_VALUE.to_owned())].into()),
        match_expressions: None,
    }
}

/// `target.mutate.sluice.dev`, and `target.mutate.warn.sluice.dev` where the word only warns.
fn name(endpoint: Endpoint, mode: Mode) -> String {
    let path = format!("{}{}", endpoint.path(), mode.prefix());
    format!("{}.sluice.dev", path.trim_start_matches('/').replace('/', "."))
}

fn client(install: &Install, endpoint: Endpoint, mode: Mode) -> WebhookClientConfig {
    WebhookClientConfig {
        ca_bundle: None,
        service: Some(ServiceReference {
            name: install.name.clone(),
            namespace: install.namespace.clone(),
            path: Some(endpoint.path_in(mode)),
            port: Some(443),
        }),
        url: None,
    }
}

/// The namespaces of a mode, without those that are never seen.
fn namespaces(outside: &[&str], mode: Mode) -> LabelSelector {
    let requirement = |key: &str, operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
    };
    let of_mode = match mode {
        // Also without the label.
        Mode::Enforce => requirement(GATE, "NotIn", &[OFF, Mode::Warn.as_str()]),
        Mode::Warn => requirement(GATE, "In", &[mode.as_str()]),
    };
    LabelSelector {
        match_labels: None,
        match_expressions: Some(vec![requirement("kubernetes.io/metadata.name", "NotIn", outside), of_mode]),
    }
}

/// Our own kinds.
fn own(operations: &[&str]) -> RuleWithOperations {
    rule("flagger.app", "v1beta1", &["canaries", "metrictemplates", "alertproviders"], operations)
}

/// Targets and primaries.
fn workloads(operation: &str) -> RuleWithOperations {
    rule("apps", "v1", &["daemonsets", "deployments"], &[operation])
}

/// By what clients reach pods: Services, and what the routers write.
fn ways(operation: &str) -> Vec<RuleWithOperations> {
    let mut versions = BTreeMap::<_, Vec<&str>>::from([(("", "v1"), vec!["services"])]);
    for kind in routing::kinds() {
        versions.entry((kind.group(), kind.version())).or_default().push(kind.plural);
    }
    versions.iter().map(|((group, version), plurals)| rule(group, version, plurals, &[operation])).collect()
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
