//! What rules find, and the running of them: each kind of object by the rules that look at it.

use serde_json::Value;

use super::{Check, Context, Departure, RULES, Rule, Shared, measure, metric};
use crate::admission::problem::{Problem, Severity, short};
use crate::api::{AlertProvider, MetricTemplate, ObjectRef};

/// Most problems of one object that are kept; a refusal spells out the first few dozen of them.
const KEPT: usize = 500;

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
    pub(in crate::admission) fn check_copies(&mut self, reference: &ObjectRef, count: usize) {
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
