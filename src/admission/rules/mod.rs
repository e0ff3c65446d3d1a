//! The registry of rules: what is right and wrong in a Canary, MetricTemplate or AlertProvider.
//!
//! A rule is one function with an id that never changes its meaning, a severity and two examples; a new rule is a file (or a few
//! lines beside its relatives) and a line in [`RULES`]. Ids are grouped: SL0xx form, SL1xx identity and ownership, SL2xx target,
//! SL3xx routing, SL4xx analysis, SL5xx references, SL6xx what is ours in the cluster, SL9xx what Sluice cannot do yet.

mod address;
mod affinity;
mod alert;
mod alert_provider;
mod autoscaler;
mod choice;
mod config;
mod context;
mod copies;
mod cross_namespace;
mod deadline;
mod document;
mod duration;
pub mod example;
mod findings;
mod form;
mod hook;
mod identity;
mod interval;
mod istio;
mod labels;
mod load;
mod measure;
mod metric;
mod midrun;
mod mirror;
mod name;
pub mod order;
mod ownership;
mod place;
mod provider;
mod ready;
mod request;
mod route;
mod scheduling;
mod secret;
mod selector;
mod service;
mod shared;
mod step;
mod strategy;
mod target;
mod template;
mod unknown;
mod unsupported;

use serde_json::Value;

pub use context::{Context, Departure, Memo, Shared};
pub use document::document;
pub use findings::Findings;
pub(super) use form::{Readable, read};
use metric::Faults;
pub use secret::keys_only;

use super::catalog::Catalog;
use super::guards;
use super::problem::Severity;
use crate::api::{AlertProvider, Canary, CanaryKey, Cel, MetricTemplate, Object, ObjectRef, SecretRef};

/// Every rule by id; their problems are told the worst first, see [`order`].
pub static RULES: &[&Rule] = &[
    &form::MALFORMED,
    &duration::UNREADABLE,
    &choice::CHOICE,
    &address::NO_URL,
    &address::FORBIDDEN,
    &address::CREDENTIALS,
    &unknown::UNKNOWN,
    &identity::APEX_NAME,
    &ownership::SAME_TARGET,
    &ownership::SAME_SERVICE,
    &ownership::PRIMARY_AS_TARGET,
    &name::UNUSABLE,
    &copies::COPIES,
    &request::SAME_ROUTE,
    &request::PART_OF_ROUTE,
    &identity::TARGET,
    &midrun::PROVIDER,
    &midrun::STEPS,
    &target::MISSING,
    &selector::NONE,
    &selector::MORE,
    &target::UNKNOWN,
    &target::IMPOSSIBLE,
    &target::HIDDEN_PORT,
    &target::NO_REPLICAS,
    &target::VERSION,
    &provider::KNATIVE,
    &autoscaler::ELSEWHERE,
    &autoscaler::FORGOTTEN,
    &autoscaler::VERSION,
    &selector::SHARED,
    &scheduling::BESIDE_ITSELF,
    &autoscaler::MISSING,
    &config::MISSING,
    &service::INCOMPLETE,
    &route::NO_PARENT,
    &route::INEXPRESSIBLE,
    &mirror::NO_PORT,
    &affinity::SAME_COOKIE,
    &route::NO_EFFECT,
    &istio::SHARED_HOST,
    &istio::TWO_DNS_SOURCES,
    &provider::NOT_NAMED,
    &strategy::NO_MATCHING,
    &strategy::UNKNOWN_CRITERION,
    &strategy::NO_MIRROR,
    &strategy::NO_EFFECT,
    &service::HEADLESS,
    &name::DIGIT,
    &labels::UNUSABLE,
    &interval::SHORT,
    &step::NO_THRESHOLD,
    &step::ONE_WAY,
    &step::STEPS,
    &step::MAX_WEIGHT,
    &step::ITERATIONS,
    &step::COERCED,
    &step::CAPPED,
    &deadline::DEADLINE,
    &interval::METRIC,
    &metric::UNKNOWN,
    &metric::BOUNDS,
    &metric::WINDOW,
    &metric::QUERY,
    &metric::SERVER,
    &template::QUERY,
    &template::PROVIDER,
    &measure::OLDER_BOUND,
    &measure::SAME_NAME,
    &measure::SHORT_WINDOW,
    &measure::SERIES,
    &ready::NOTHING_READY,
    &ready::SOONER_THAN_READY,
    &hook::SLOW,
    &hook::NEVER,
    &hook::MUTE,
    &load::NOT_UNDERSTOOD,
    &alert::SEVERITY,
    &alert::NOBODY,
    &cross_namespace::REFERENCE,
    &template::MISSING,
    &template::VARIABLES,
    &template::ASKED,
    &shared::BROKEN,
    &shared::IN_USE,
    &alert::MISSING,
    &alert_provider::NO_EFFECT,
    &alert_provider::IN_CLEAR,
    &alert_provider::SECRET,
    &secret::OF_TEMPLATE,
    &guards::primary::TEMPLATE,
    &guards::deletion::PRIMARY,
    &guards::deletion::TARGET,
    &guards::deletion::WAY,
    &guards::farewell::NOBODY_SERVES,
    &unsupported::PROVIDER,
    &unsupported::AUTOSCALER,
    &unsupported::TARGET_KIND,
    &unsupported::TEMPLATE_PROVIDER,
    &unsupported::TEMPLATE_WAITS,
];

/// Ids of rules that are gone; none is used again.
pub const RETIRED: &[&str] = &["SL909"];

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Never changes its meaning and is never used again.
    pub id: &'static str,
    /// Whether it refuses or warns.
    pub severity: Severity,
    /// What has to hold, as one sentence without a full stop.
    pub title: &'static str,
    /// How its word counts beside others.
    pub manner: Manner,
    /// How it is checked.
    pub check: Check,
    /// Rules of the schema that say the same, or a part of it, when the gate is away.
    pub cel: &'static [Cel],
    /// An example that breaks this rule and no other; see [`example`] for the form.
    pub wrong: &'static str,
    /// The same put right.
    pub right: &'static str,
}

/// How a rule's word counts beside that of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It counts; an UPDATE that leaves the problem as it was is only warned.
    Plain,
    /// It says in general what another rule may say better: it is silent about a field of which another rule speaks.
    Yields,
    /// The operator forbids it: an UPDATE is refused also if the problem stood there before.
    Strict,
}

/// How a rule is checked, by what it has to see.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// The JSON of any of our kinds, also when it cannot be read as its type.
    Json(fn(&str, &Value, &mut Findings)),
    /// A Canary that can be read, and what is known around it.
    Canary(fn(&Context<'_>, &mut Findings)),
    /// A MetricTemplate that can be read, and what is known around it.
    MetricTemplate(fn(&Shared<'_, MetricTemplate>, &mut Findings)),
    /// An AlertProvider that can be read, and what is known around it.
    AlertProvider(fn(&Shared<'_, AlertProvider>, &mut Findings)),
    /// How many manifests of one set describe the object; the gate, which sees one write, never asks.
    Copies(fn(&ObjectRef, usize, &mut Findings)),
    /// The end of an object that Canaries share.
    Departure(fn(&Departure<'_>, &mut Findings)),
    /// A write of something that is ours in the cluster, by the guard of the endpoint that it comes to.
    Guard,
}

/// The id of the rule about the form of values.
pub const MALFORMED: &str = form::MALFORMED.id;

/// The target of a Canary as an object to look up.
pub fn target_reference(canary: &Canary, namespace: &str) -> Option<ObjectRef> {
    target::reference(canary, namespace)
}

/// The label by which the pods of a target are found, `app=web`; none if it has no supported one.
pub fn selector_label(target: &Object, labels: &[String]) -> Option<String> {
    selector::label(target, labels)
}

/// The autoscaler that is, or may be, that of a Canary's target, as an object to look up.
pub fn autoscaler_reference(canary: &Canary, namespace: &str) -> Option<ObjectRef> {
    autoscaler::reference(canary, namespace)
}

/// Most objects of a kind that are looked up for one review.
const MOST: usize = 16;

/// The MetricTemplates of a Canary as objects to look up; those of other namespaces only if `across`.
pub fn template_references(canary: &Canary, namespace: &str, across: bool) -> Vec<ObjectRef> {
    template::references(canary, namespace, across).into_iter().map(|(_, reference)| reference).collect()
}

/// The AlertProviders of a Canary as objects to look up; those of other namespaces only if `across`.
pub fn alert_references(canary: &Canary, namespace: &str, across: bool) -> Vec<ObjectRef> {
    alert::references(canary, namespace, across).into_iter().map(|(_, reference)| reference).collect()
}

/// A Secret in a namespace as an object to look up.
pub fn secret_reference(named: &SecretRef, namespace: &str) -> ObjectRef {
    secret::reference(named, namespace)
}

/// The ConfigMaps and Secrets that a target's pods need as objects to look up.
pub fn config_references(target: &Object, namespace: &str) -> Vec<ObjectRef> {
    config::references(target, namespace)
}

/// The Canaries that use a MetricTemplate as objects to look up.
pub fn user_references(catalog: &Catalog, template: &CanaryKey) -> Vec<ObjectRef> {
    shared::users(catalog, template).map(|(_, reference)| reference).collect()
}

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id.eq_ignore_ascii_case(id))
}
