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
mod copies;
mod cross_namespace;
mod deadline;
mod document;
mod duration;
pub mod example;
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

use std::sync::LazyLock;

use serde_json::Value;

pub use document::document;
pub(super) use form::{Readable, read};
pub use metric::Faults;
pub use secret::keys_only;

use super::catalog::Catalog;
use super::guards;
use super::lookup::{Lookup, Lookups};
use super::problem::{Problem, Severity, short};
use crate::api::{
    AlertProvider, Analysis, Canary, CanaryKey, Cel, Metric, MetricTemplate, Object, ObjectRef, Provider,
    SecretRef,
};
use crate::rollout::Settings;

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

/// Most problems of one object that are kept; a refusal spells out the first few dozen of them.
const KEPT: usize = 500;

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

/// An object that Canaries share, under review, and what is known around it.
#[derive(Debug)]
pub struct Shared<'a, T> {
    /// The object as it is going to be.
    pub object: &'a T,
    /// The object as it is; none when it is new or when the old one cannot be read.
    pub old: Option<&'a T>,
    /// Its namespace and name.
    pub key: &'a CanaryKey,
    /// What was looked up.
    pub lookups: &'a Lookups,
    /// All Canaries.
    pub catalog: &'a Catalog,
    /// The operator's choices.
    pub settings: &'a Settings,
}

/// The end of an object that Canaries share.
#[derive(Debug)]
pub struct Departure<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its namespace and name.
    pub key: &'a CanaryKey,
    /// All Canaries.
    pub catalog: &'a Catalog,
}

/// What is known of an object that nobody looked at.
static NOT_LOOKED_UP: LazyLock<Lookup> = LazyLock::new(|| Lookup::Failed("it was not looked up".to_owned()));

/// A Canary under review and what is known around it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The Canary as it is going to be.
    pub canary: &'a Canary,
    /// The Canary as it is; none when it is new or when the old one cannot be read.
    pub old: Option<&'a Canary>,
    /// Its identity.
    pub key: &'a CanaryKey,
    /// What was looked up.
    pub lookups: &'a Lookups,
    /// All Canaries.
    pub catalog: &'a Catalog,
    /// The operator's choices.
    pub settings: &'a Settings,
    /// Whether it is judged as it is stored: of rivals only those that came before it count.
    pub stored: bool,
    /// What was found wrong with its metrics so far.
    pub faults: Faults,
}

impl Context<'_> {
    /// The provider that the Canary names or gets.
    pub fn provider(&self) -> Provider {
        self.canary.spec.provider.unwrap_or(self.settings.provider)
    }

    /// `spec.analysis`, if the Canary has one.
    pub fn analysis(&self) -> Option<&Analysis> {
        self.canary.spec.analysis.as_ref()
    }

    /// The metrics with their place in the list.
    pub fn metrics(&self) -> impl Iterator<Item = (usize, &Metric)> {
        self.analysis().into_iter().flat_map(|analysis| &analysis.metrics).enumerate()
    }

    /// Whether another Canary that claims the same is in the way of this one. Of one that is being deleted the claim ends soon:
    /// the controller waits for it, and a newcomer need not be refused.
    pub fn yields_to(&self, rival: &CanaryKey) -> bool {
        let stays = self.catalog.get(rival).is_some_and(|entry| !entry.deleting);
        stays && (!self.stored || self.catalog.precedes(rival, self.key))
    }

    /// The outcome of a look-up; failed if nobody looked.
    pub fn look(&self, reference: &ObjectRef) -> &Lookup {
        self.lookups.get(reference).unwrap_or(&NOT_LOOKED_UP)
    }
}

/// Collects the problems that rules find.
#[derive(Debug, Default)]
pub struct Findings {
    rule: Option<&'static Rule>,
    /// What was found.
    pub problems: Vec<Problem>,
    /// Objects that a problem rests on and that nobody read for this request.
    pub confirm: Vec<ObjectRef>,
}

impl Findings {
    /// Reports a problem of the rule that is being checked: the field, what is wrong there and the way out.
    pub fn report(&mut self, path: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) {
        let severity = self.rule.map_or(Severity::Warning, |rule| rule.severity);
        self.push(severity, path.into(), message.into(), fix.into());
    }

    /// Reports what only may be wrong, because what the rule rests on could not be read: never more than a warning.
    pub fn doubt(&mut self, path: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Warning, path.into(), message.into(), fix.into());
    }

    fn push(&mut self, severity: Severity, path: String, message: String, fix: String) {
        let Some(rule) = self.rule.filter(|_| self.problems.len() < KEPT) else { return };
        let (path, message, fix) = (short(path), short(message), short(fix));
        self.problems.push(Problem { rule: rule.id, severity, path, message, fix });
    }

    /// Reports a sentence of another room, in which fault and way out are divided by the last semicolon or the first
    /// colon.
    pub fn report_sentence(&mut self, path: impl Into<String>, sentence: &str) {
        let (fault, fix) = sentence
            .rsplit_once("; ")
            .or_else(|| sentence.split_once(": "))
            .unwrap_or((sentence, "change or remove it"));
        let mut letters = fix.chars();
        let fix: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        self.report(path, fault, fix);
    }

    /// Demands that an object is read before a problem about it counts.
    pub fn confirm(&mut self, reference: ObjectRef) {
        if !self.confirm.contains(&reference) {
            self.confirm.push(reference);
        }
    }

    /// Checks an object of one of our kinds as JSON.
    pub fn check_json(&mut self, kind: &str, object: &Value) {
        self.each(|check, findings| {
            if let Check::Json(check) = check {
                check(kind, object, findings);
            }
        });
    }

    /// Checks a Canary.
    pub fn check_canary(&mut self, context: &Context<'_>) {
        self.each(|check, findings| {
            if let Check::Canary(check) = check {
                check(context, findings);
            }
        });
        if context.canary.spec.skip_analysis {
            let skipped = |problem: &&mut Problem| ASKED.contains(&problem.rule);
            self.problems.iter_mut().filter(skipped).for_each(|problem| problem.severity = Severity::Warning);
        }
    }

    /// Checks a MetricTemplate.
    pub fn check_template(&mut self, template: &Shared<'_, MetricTemplate>) {
        self.each(|check, findings| {
            if let Check::MetricTemplate(check) = check {
                check(template, findings);
            }
        });
    }

    /// Checks an object that so many manifests of one set describe.
    pub(super) fn check_copies(&mut self, reference: &ObjectRef, count: usize) {
        self.each(|check, findings| {
            if let Check::Copies(check) = check {
                check(reference, count, findings);
            }
        });
    }

    /// Checks an AlertProvider.
    pub fn check_alert_provider(&mut self, provider: &Shared<'_, AlertProvider>) {
        self.each(|check, findings| {
            if let Check::AlertProvider(check) = check {
                check(provider, findings);
            }
        });
    }

    /// Checks whether an object may go.
    pub fn check_departure(&mut self, departure: &Departure<'_>) {
        self.each(|check, findings| {
            if let Check::Departure(check) = check {
                check(departure, findings);
            }
        });
    }

    fn each(&mut self, check: impl Fn(Check, &mut Findings)) {
        for rule in RULES {
            self.rule = Some(rule);
            check(rule.check, self);
        }
        self.rule = None;
    }
}

/// The rules about questions that are never asked under `skipAnalysis`: with it their problems only warn, as such a Canary works.
const ASKED: &[&str] = &[
    metric::UNKNOWN.id,
    metric::BOUNDS.id,
    metric::WINDOW.id,
    metric::QUERY.id,
    metric::SERVER.id,
    measure::SERIES.id,
];
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
