//! The review of our own kinds: runs the rules and weighs what they find.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::catalog::Catalog;
use super::lookup::{Lookup, Lookups};
use super::problem::{Problem, Severity, short};
use super::review::{Operation, Request};
use super::rules::{self, Context, Departure, Findings, Manner, Shared};
use super::verdict::Verdict;
use crate::api::{AlertProvider, Canary, CanaryKey, GROUP, MetricTemplate, ObjectRef, SecretRef};
use crate::rollout::Settings;
use crate::workload::kind::KINDS;

/// Most objects that are read for one Canary; a sensible one names fewer. Of the rest the rules are told that nobody looked.
const READS: usize = 64;

/// The object to judge, unless the request passes whatever it holds: not one of our kinds, a DELETE, a subresource, an object that
/// is being deleted, a spec that stays as it is.
fn subject(request: &Request) -> Option<&Value> {
    let writes = matches!(request.operation, Operation::Create | Operation::Update);
    let object = request.object.as_ref()?;
    let going = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    let same = request.operation == Operation::Update
        && request.old_object.as_ref().is_some_and(|old| old.get("spec") == object.get("spec"));
    (writes && request.group == GROUP && request.sub_resource.is_empty() && !going && !same).then_some(object)
}

/// The objects that the rules want to see beside the one that is written.
pub fn needs(request: &Request, catalog: &Catalog, settings: &Settings) -> Vec<ObjectRef> {
    let Some(object) = subject(request) else { return Vec::new() };
    let (kind, namespace) = (request.kind.as_str(), request.namespace.as_str());
    let secret = |named: Option<SecretRef>| -> Vec<ObjectRef> {
        named.iter().map(|named| rules::secret_reference(named, namespace)).collect()
    };
    match kind {
        "Canary" => rules::read::<Canary>(kind, object)
            .map(|canary| of_canary(&canary.object, namespace, settings))
            .unwrap_or_default(),
        "MetricTemplate" => {
            let template = rules::read::<MetricTemplate>(kind, object);
            let mut needs = secret(template.and_then(|template| template.object.spec.provider.secret_ref));
            if request.operation == Operation::Update {
                needs.extend(rules::user_references(catalog, &key(request)));
            }
            needs
        }
        "AlertProvider" => {
            let provider = rules::read::<AlertProvider>(kind, object);
            secret(provider.and_then(|provider| provider.object.spec.secret_ref))
        }
        _ => Vec::new(),
    }
}

/// The objects that the rules want to see because one that was read names them: what the target's pods need. A write that leaves
/// the target as it is changes nothing of that and does not wait for it, unless it only asks what would happen.
pub fn further(request: &Request, reference: &ObjectRef, lookup: &Lookup) -> Vec<ObjectRef> {
    let is_workload = KINDS.iter().any(|kind| kind.name().as_str() == reference.kind);
    match lookup {
        Lookup::Found(target) if is_workload && (request.dry_run || !same_target(request)) => {
            rules::config_references(target, &request.namespace)
        }
        _ => Vec::new(),
    }
}

/// Whether the old object names the same target.
fn same_target(request: &Request) -> bool {
    let [new, old] = [&request.object, &request.old_object]
        .map(|object| object.as_ref().and_then(|object| object.pointer("/spec/targetRef")));
    old.is_some() && old == new
}

fn key(request: &Request) -> CanaryKey {
    CanaryKey::new(request.namespace.clone(), request.name.clone())
}

fn of_canary(canary: &Canary, namespace: &str, settings: &Settings) -> Vec<ObjectRef> {
    let across = !settings.no_cross_namespace_refs;
    let mut needs: Vec<ObjectRef> = rules::target_reference(canary, namespace)
        .into_iter()
        .chain(rules::autoscaler_reference(canary, namespace))
        .chain(rules::template_references(canary, namespace, across))
        .chain(rules::alert_references(canary, namespace, across))
        .collect();
    needs.sort();
    needs.dedup();
    needs.truncate(READS);
    needs
}

/// Judges a Canary, MetricTemplate or AlertProvider.
pub fn review(request: &Request, catalog: &Catalog, settings: &Settings, lookups: &Lookups) -> Verdict {
    let key = key(request);
    if request.operation == Operation::Delete {
        return departure(request, &key, catalog);
    }
    let Some(object) = subject(request) else { return Verdict::allow() };
    let scene = Scene { kind: &request.kind, key: &key, catalog, settings, lookups, stored: false };
    let old = request.old_object.as_ref();
    let mut found = scene.check(object, old);
    yield_to_better(&mut found.problems);
    // Half of the time of an update, and needed only where there is something to tolerate.
    if let Some(old) = old.filter(|_| refuses(&found.problems)) {
        tolerate(&mut found.problems, &scene.check(old, None).problems);
    }
    rules::order::sort(&mut found.problems);
    let confirm = if refuses(&found.problems) { found.confirm } else { Vec::new() };
    Verdict { problems: found.problems, confirm, ..Verdict::default() }
}

/// Judges the end of an object.
fn departure(request: &Request, key: &CanaryKey, catalog: &Catalog) -> Verdict {
    let mut found = Findings::default();
    if request.group == GROUP && request.sub_resource.is_empty() {
        found.check_departure(&Departure { kind: &request.kind, key, catalog });
    }
    Verdict { problems: found.problems, ..Verdict::default() }
}

/// What stays the same while old and new object are checked.
pub(super) struct Scene<'a> {
    pub(super) kind: &'a str,
    pub(super) key: &'a CanaryKey,
    pub(super) catalog: &'a Catalog,
    pub(super) settings: &'a Settings,
    pub(super) lookups: &'a Lookups,
    pub(super) stored: bool,
}

impl Scene<'_> {
    pub(super) fn check(&self, object: &Value, old: Option<&Value>) -> Findings {
        let mut findings = Findings::default();
        findings.check_json(self.kind, object);
        let mut places = Vec::new();
        match self.kind {
            "Canary" => {
                if let Some(canary) = read::<Canary>(self.kind, object, &mut findings) {
                    let old = old.and_then(|old| rules::read::<Canary>(self.kind, old));
                    findings.check_canary(&Context {
                        canary: &canary.object,
                        old: old.as_ref().map(|old| &old.object),
                        key: self.key,
                        lookups: self.lookups,
                        catalog: self.catalog,
                        settings: self.settings,
                        stored: self.stored,
                        memo: rules::Memo::default(),
                    });
                    places.extend(canary.places);
                    places.extend(old.into_iter().flat_map(|old| old.places));
                }
            }
            "MetricTemplate" => {
                if let Some(template) = read::<MetricTemplate>(self.kind, object, &mut findings) {
                    let old = old.and_then(|old| rules::read::<MetricTemplate>(self.kind, old));
                    let old = old.as_ref().map(|old| &old.object);
                    findings.check_template(&self.shared(&template.object, old));
                    places.extend(template.places);
                }
            }
            "AlertProvider" => {
                if let Some(provider) = read::<AlertProvider>(self.kind, object, &mut findings) {
                    findings.check_alert_provider(&self.shared(&provider.object, None));
                    places.extend(provider.places);
                }
            }
            _ => {}
        }
        forget(&mut findings.problems, &places);
        findings
    }

    fn shared<'a, T>(&'a self, object: &'a T, old: Option<&'a T>) -> Shared<'a, T> {
        let Scene { key, lookups, catalog, settings, .. } = *self;
        Shared { object, old, key, lookups, catalog, settings }
    }
}

/// The object as its type, with stand-ins for what cannot be read: it is refused, and the other rules speak all the same.
fn read<T: DeserializeOwned>(
    kind: &str,
    object: &Value,
    findings: &mut Findings,
) -> Option<rules::Readable<T>> {
    let told = findings.problems.iter().any(|problem| problem.rule == rules::MALFORMED);
    let read = rules::read(kind, object);
    // What the schema allows and the controller could not read either.
    if !told && read.as_ref().is_none_or(|read: &rules::Readable<T>| !read.places.is_empty()) {
        let error = serde_path_to_error::deserialize::<_, T>(object).err();
        findings.problems.extend(error.map(|error| Problem {
            rule: rules::MALFORMED,
            severity: Severity::Error,
            path: short(error.path().to_string()),
            message: short(error.inner().to_string()),
            fix: "Write a value that the field takes".into(),
        }));
    }
    read
}

/// Drops what is said about stand-ins, and about the entry of a list that holds one: its parts are judged together.
fn forget(problems: &mut Vec<Problem>, places: &[String]) {
    let within = |path: &str, place: &str| {
        let place = place.rfind(']').and_then(|end| place.get(..=end)).unwrap_or(place);
        path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    problems.retain(|problem| {
        // Some rules write the keys of maps in quotes.
        let path = problem.path.replace('"', "");
        problem.rule == rules::MALFORMED || !places.iter().any(|place| within(&path, place))
    });
}

/// Drops what a rule says in general about a field of which another rule speaks.
pub(super) fn yield_to_better(problems: &mut Vec<Problem>) {
    let yields =
        |problem: &Problem| rules::find(problem.rule).is_some_and(|rule| rule.manner == Manner::Yields);
    let spoken: Vec<String> = problems
        .iter()
        .filter(|problem| !yields(problem) && problem.severity == Severity::Error)
        .map(|problem| problem.path.clone())
        .collect();
    problems.retain(|problem| !(yields(problem) && spoken.contains(&problem.path)));
}

fn refuses(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// Turns problems that the old object has as well into warnings: an update is refused only for what it introduces.
fn tolerate(problems: &mut [Problem], old: &[Problem]) {
    for problem in problems.iter_mut().filter(|problem| problem.severity == Severity::Error) {
        let strict = rules::find(problem.rule).is_some_and(|rule| rule.manner == Manner::Strict);
        let stood = |old: &&Problem| old.severity == Severity::Error && old.same_as(problem);
        if !strict && old.iter().any(|old| stood(&old)) {
            problem.severity = Severity::Warning;
        }
    }
}
