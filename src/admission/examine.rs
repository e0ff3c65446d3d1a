//! The review of our own kinds: runs the rules and weighs what they find.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::catalog::Catalog;
use super::lookup::Lookups;
use super::problem::{Problem, Severity};
use super::review::{Operation, Request};
use super::rules::{self, Context, Findings, Manner};
use super::verdict::Verdict;
use crate::api::{AlertProvider, Canary, CanaryKey, GROUP, MetricTemplate, ObjectRef};
use crate::rollout::Settings;

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
pub fn needs(request: &Request, settings: &Settings) -> Vec<ObjectRef> {
    let canary = subject(request)
        .filter(|_| request.kind == "Canary")
        .and_then(|object| Canary::deserialize(object).ok().or_else(|| read_rounded(object)));
    let Some(canary) = canary else { return Vec::new() };
    let namespace = request.namespace.as_str();
    let templates = rules::template_references(&canary, namespace, !settings.no_cross_namespace_refs);
    let mut needs: Vec<ObjectRef> = rules::target_reference(&canary, namespace)
        .into_iter()
        .chain(rules::autoscaler_reference(&canary, namespace))
        .chain(templates)
        .collect();
    needs.sort();
    needs.dedup();
    needs
}

/// Judges a Canary, MetricTemplate or AlertProvider.
pub fn review(request: &Request, catalog: &Catalog, settings: &Settings, lookups: &Lookups) -> Verdict {
    let Some(object) = subject(request) else { return Verdict::allow() };
    let key = CanaryKey::new(request.namespace.clone(), request.name.clone());
    let scene = Scene { kind: &request.kind, key: &key, catalog, settings, lookups };
    let old = request.old_object.as_ref();
    let mut found = scene.check(object, old);
    yield_to_better(&mut found.problems);
    if let Some(old) = old {
        tolerate(&mut found.problems, &scene.check(old, None).problems);
    }
    rules::order::sort(&mut found.problems);
    let refuses = found.problems.iter().any(|problem| problem.severity == Severity::Error);
    let confirm = if refuses { found.confirm } else { Vec::new() };
    Verdict { problems: found.problems, confirm, ..Verdict::default() }
}

/// What stays the same while old and new object are checked.
struct Scene<'a> {
    kind: &'a str,
    key: &'a CanaryKey,
    catalog: &'a Catalog,
    settings: &'a Settings,
    lookups: &'a Lookups,
}

impl Scene<'_> {
    fn check(&self, object: &Value, old: Option<&Value>) -> Findings {
        let mut findings = Findings::default();
        findings.check_json(self.kind, object);
        match self.kind {
            "Canary" => {
                if let Some(canary) = read::<Canary>(object, &mut findings) {
                    let old = old.and_then(|old| Canary::deserialize(old).ok());
                    findings.check_canary(&Context {
                        canary: &canary,
                        old: old.as_ref(),
                        key: self.key,
                        lookups: self.lookups,
                        catalog: self.catalog,
                        settings: self.settings,
                    });
                }
            }
            "MetricTemplate" => {
                if let Some(template) = read::<MetricTemplate>(object, &mut findings) {
                    findings.check_template(&template);
                }
            }
            "AlertProvider" => {
                read::<AlertProvider>(object, &mut findings);
            }
            _ => {}
        }
        findings
    }
}

/// The object as its type. If it cannot be read although the schema allows it, that is told as well: the controller could not
/// read it either.
fn read<T: DeserializeOwned>(object: &Value, findings: &mut Findings) -> Option<T> {
    match serde_path_to_error::deserialize(object) {
        Ok(object) => Some(object),
        Err(error) => {
            if findings.problems.is_empty() {
                findings.problems.push(Problem {
                    rule: rules::MALFORMED,
                    severity: Severity::Error,
                    path: error.path().to_string(),
                    message: error.inner().to_string(),
                    fix: "Write a value that the field takes".into(),
                });
            }
            // The object is refused; the other rules speak all the same, so that one answer tells everything.
            read_rounded(object)
        }
    }
}

/// How many fractions are rounded before an object is given up.
const MOST_ROUNDED: usize = 16;

/// The object as its type with fractions rounded up where whole numbers belong.
fn read_rounded<T: DeserializeOwned>(object: &Value) -> Option<T> {
    let mut object = object.clone();
    for _ in 0..MOST_ROUNDED {
        match serde_path_to_error::deserialize(&object) {
            Ok(object) => return Some(object),
            Err(error) => {
                let place = place(&mut object, error.path())?;
                // What is no fraction is of another kind altogether: nothing can be said about what it should have been.
                let rounded = place.as_f64().filter(|number| number.fract() != 0.0)?.ceil();
                *place = rounded.into();
            }
        }
    }
    None
}

/// What stands at a path; a list of numbers is named as a whole, its first fraction is the place.
fn place<'a>(object: &'a mut Value, path: &serde_path_to_error::Path) -> Option<&'a mut Value> {
    let found = path.iter().try_fold(object, |value, segment| match segment {
        Segment::Map { key } => value.get_mut(key),
        Segment::Seq { index } => value.get_mut(index),
        Segment::Enum { .. } | Segment::Unknown => None,
    })?;
    match found {
        Value::Array(items) => {
            items.iter_mut().find(|item| item.as_f64().is_some_and(|number| number.fract() != 0.0))
        }
        found => Some(found),
    }
}

/// Drops what a rule says in general about a field of which another rule speaks.
fn yield_to_better(problems: &mut Vec<Problem>) {
    let yields =
        |problem: &Problem| rules::find(problem.rule).is_some_and(|rule| rule.manner == Manner::Yields);
    let spoken: Vec<String> = problems
        .iter()
        .filter(|problem| !yields(problem) && problem.severity == Severity::Error)
        .map(|problem| problem.path.clone())
        .collect();
    problems.retain(|problem| !(yields(problem) && spoken.contains(&problem.path)));
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
