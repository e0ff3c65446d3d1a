//! Names from which no Service or workload can be made.

use super::{Check, Context, Findings, Manner, Rule, selector};
use crate::admission::problem::Severity;
use crate::workload::{Selector, WorkloadError};

pub(super) static UNUSABLE: Rule = Rule {
    id: "SL105",
    severity: Severity::Error,
    title: "Apex name and selector label leave room for -primary: at most 55 characters, of a Service's name a-z, 0-9 and -",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
spec:
  service:
    name: a-name-that-is-so-long-that-nothing-can-be-put-behind-it
",
    right: "
spec:
  service:
    name: a-name-that-has-room-for-what-is-put-behind-it
",
};

pub(super) static DIGIT: Rule = Rule {
    id: "SL317",
    severity: Severity::Warning,
    title: "The name of the apex Service begins with a letter, unless the version of Kubernetes allows a digit",
    manner: Manner::Plain,
    check: Check::Canary(digit),
    cel: &[],
    wrong: "
spec:
  service:
    name: 2048-game
",
    right: "
spec:
  service:
    name: game-2048
",
};

/// Kubernetes allowed no digit there for long, and then made it a feature that may be on or off: it is not for us to refuse.
fn digit(context: &Context<'_>, findings: &mut Findings) {
    let apex = context.canary.apex_name();
    if apex.starts_with(|c: char| c.is_ascii_digit()) {
        findings.report(
            path(context),
            format!("many versions of Kubernetes take no Service {apex}, for it begins with a digit"),
            "Set spec.service.name to one that begins with a letter",
        );
    }
}

/// The field that the apex name comes from.
fn path(context: &Context<'_>) -> &'static str {
    match context.canary.spec.service.as_ref().and_then(|service| service.name.as_deref()) {
        Some(name) if !name.is_empty() => "spec.service.name",
        _ => "spec.targetRef.name",
    }
}

/// Characters of the name of a workload or an autoscaler, less those of `-primary` and of the ReplicaSet's hash behind it.
const LONGEST_OBJECT: usize = 253 - "-primary-".len() - 10;

/// Characters of a Service's name, less those of `-primary`.
const LONGEST: usize = 63 - "-primary".len();

fn check(context: &Context<'_>, findings: &mut Findings) {
    let apex = context.canary.apex_name();
    // The API server speaks about a target's own name; only a name that becomes a Service's has to keep to these rules.
    let path = path(context);
    if apex.len() > LONGEST {
        findings.report(
            path,
            format!("{apex}-primary has {} characters, a Service's name has at most 63", apex.len() + 8),
            format!("Set spec.service.name to at most {LONGEST} characters"),
        );
    } else if !is_label(apex) {
        findings.report(
            path,
            format!("{apex:?} cannot be the name of a Service"),
            "Set spec.service.name to lower-case letters, digits and -",
        );
    }
    let spec = &context.canary.spec;
    let scaler = spec.autoscaler_ref.as_ref().map(|scaler| ("spec.autoscalerRef.name", &scaler.name));
    for (path, name) in [("spec.targetRef.name", &spec.target_ref.name)].into_iter().chain(scaler) {
        if name.len() > LONGEST_OBJECT {
            let message =
                format!("{name} has {} characters, and with -primary behind it is too long", name.len());
            findings.report(path, message, format!("Shorten it to at most {LONGEST_OBJECT} characters"));
        }
    }
    let selector = selector::workload(context)
        .map(|deployment| Selector::of(deployment, &context.settings.selector_labels));
    if let Some(Err(error @ WorkloadError::LongLabel { .. })) = selector {
        findings.report_sentence("spec.targetRef.name", &error.to_string());
    }
}

/// Whether a text is a DNS label. Whether it may begin with a digit depends on the version of Kubernetes, so that is left to it.
fn is_label(text: &str) -> bool {
    !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
