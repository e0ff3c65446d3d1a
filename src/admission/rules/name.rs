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

/// Characters of a Service's name, less those of `-primary`.
const LONGEST: usize = 63 - "-primary".len();

fn check(context: &Context<'_>, findings: &mut Findings) {
    let apex = context.canary.apex_name();
    // The API server speaks about a target's own name; only a name that becomes a Service's has to keep to these rules.
    let path = match context.canary.spec.service.as_ref().and_then(|service| service.name.as_deref()) {
        Some(name) if !name.is_empty() => "spec.service.name",
        _ => "spec.targetRef.name",
    };
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
    let selector = selector::workload(context)
        .map(|deployment| Selector::of(&deployment, &context.settings.selector_labels));
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
