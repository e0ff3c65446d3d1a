//! Durations that cannot be read.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::Duration;

pub(super) static UNREADABLE: Rule = Rule {
    id: "SL002",
    severity: Severity::Error,
    title: "A duration is numbers with units: 30s, 1m, 1h30m",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
spec:
  analysis:
    interval: 10seconds
",
    right: "
spec:
  analysis:
    interval: 10s
",
};

/// Times of a route are the provider's to read, whose words may be others (`infinity`); a metric's window is the metric server's.
fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut read = |path: String, text: Option<&String>, positive: bool| {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        match text.parse::<Duration>() {
            Err(error) => findings.report_sentence(path, &error.to_string()),
            Ok(duration) if positive && duration <= Duration::ZERO => {
                findings.report(path, format!("`{text}` is no time at all"), "Write a duration above 0");
            }
            Ok(_) => {}
        }
    };
    if let Some(analysis) = context.analysis() {
        read("spec.analysis.interval".into(), analysis.interval.as_ref(), false);
        for (index, webhook) in analysis.webhooks.iter().enumerate() {
            read(format!("spec.analysis.webhooks[{index}].timeout"), webhook.timeout.as_ref(), true);
        }
    }
}
