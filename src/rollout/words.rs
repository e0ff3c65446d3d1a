//! The words of a decision: what was seen and decided, then what comes next and when. Both stand in `status.lastDecision`, with
//! [`NEXT`] between them; an event tells the same as long as it is the last word of its decision.

use super::{draft::Draft, scene::Scene, text::whole};
use crate::{
    analysis::{self, Verdict},
    api::{Check, CheckOutcome},
    routing::Weight,
};

/// Stands between what was decided and what comes next.
pub const NEXT: &str = " Next: ";
/// How a sentence begins that names what is awaited.
const WAITING: &str = "Waiting: ";
/// How a sentence begins that names the revision that waits for its turn.
const QUEUED: &str = "Queued: ";
/// What is said while a Canary is suspended.
pub(super) const SUSPENDED: &str = "Suspended: nothing is changed.";
/// Most characters of a query that an event tells.
const QUERY_IN_EVENT: usize = 200;

/// What was decided, and what comes next, of a decision as it stands in a status or an event.
pub fn parts(told: &str) -> (&str, Option<&str>) {
    match told.rsplit_once(NEXT) {
        Some((decided, next)) => (decided, Some(next)),
        None => (told, None),
    }
}

/// Both as one text.
pub(super) fn with_next(decided: &str, next: &str) -> String {
    format!("{decided}{NEXT}{next}.")
}

/// What is awaited.
pub(super) fn waiting(why: &str) -> String {
    format!("{WAITING}{why}")
}

/// How it is told that a revision waits for its turn, without what for.
pub(super) fn queued(revision: &str) -> String {
    format!("{QUEUED}revision {revision} waits for its turn")
}

/// Whether a sentence tells what is awaited.
pub(super) fn waits(decided: &str) -> bool {
    decided.starts_with(WAITING)
}

/// Whether a sentence is true only as long as each look says it anew.
pub(super) fn passes(decided: &str) -> bool {
    [WAITING, QUEUED, SUSPENDED].iter().any(|begin| decided.starts_with(begin))
}

/// A verdict that names the range in which a value passes, also if there was no value.
pub(super) fn ranged(check: &analysis::Check, verdict: Verdict) -> Verdict {
    if verdict.value.is_some() {
        return verdict;
    }
    let range = check.bounds.in_words(check.kind);
    Verdict { message: format!("{}; it passes with {range}", verdict.message), ..verdict }
}

/// What a check that did not pass has seen: metric, value, bounds, and where the query comes from, with its text.
pub(super) fn against(check: &Check) -> String {
    let message = check.message.as_deref().unwrap_or_default();
    match (&check.source, &check.query) {
        (Some(source), Some(query)) => format!("{message} ({source}: {})", shortened(query, QUERY_IN_EVENT)),
        _ => message.to_owned(),
    }
}

/// What speaks for the next step: the checks of the present one, or that pods are ready for the first.
pub(super) fn seen(scene: &Scene<'_>, draft: &Draft<'_>) -> String {
    let passed = draft.status.checks.iter().filter(|check| check.outcome == Some(CheckOutcome::Passed));
    let told: Vec<String> = passed
        .map(|check| {
            let source = check.source.as_deref().unwrap_or_default();
            format!("{} ({source})", check.message.as_deref().unwrap_or_default())
        })
        .collect();
    match scene.canary_endpoints {
        _ if !told.is_empty() => told.join("; "),
        _ if draft.status.step_index > 0 => "no metric is to be asked".to_owned(),
        1 => "1 of its pods is ready".to_owned(),
        ready => format!("{ready} of its pods are ready"),
    }
}

/// What becomes of the canary's share in a run that goes on.
pub(super) fn keeps(share: Weight) -> String {
    format!("The canary's share stays at {share} %.")
}

/// What becomes of the canary's share at the end of a run.
pub(super) fn leaves(before: Weight, after: Weight) -> String {
    match (before, after) {
        (Weight::ZERO, _) => "The canary has no traffic.".to_owned(),
        (_, Weight::ZERO) => format!("The canary's share goes from {before} % to 0 %."),
        (before, after) if before == after => {
            format!("The canary's share stays at {after} % until the primary can take it back.")
        }
        (before, after) => format!("The canary's share goes from {before} % to {after} %."),
    }
}

/// Two sentences as one text.
pub(super) fn and(first: impl Into<String>, second: &str) -> String {
    format!("{} {second}", whole(first.into()))
}

/// A text of at most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_decision_has_two_parts_whatever_people_write_into_the_first() {
        let told = with_next("Closed: gate a: it answered 403: no. Next: try it.", "the checks at noon");
        assert_eq!(told, "Closed: gate a: it answered 403: no. Next: try it. Next: the checks at noon.");
        assert_eq!(
            parts(&told),
            ("Closed: gate a: it answered 403: no. Next: try it.", Some("the checks at noon."))
        );
        assert_eq!(parts("An older version said this."), ("An older version said this.", None));
    }

    #[rstest]
    #[case::none(0, 0, "The canary has no traffic.")]
    #[case::all(20, 0, "The canary's share goes from 20 % to 0 %.")]
    #[case::kept(20, 20, "The canary's share stays at 20 % until the primary can take it back.")]
    #[case::some(50, 20, "The canary's share goes from 50 % to 20 %.")]
    fn what_becomes_of_the_share_is_told(#[case] before: i64, #[case] after: i64, #[case] told: &str) {
        let weight = |percent| Weight::try_from(percent).unwrap();
        assert_eq!(leaves(weight(before), weight(after)), told);
    }

    #[test]
    fn a_check_is_told_with_where_its_query_comes_from_and_the_beginning_of_it() {
        let check: Check = serde_json::from_value(json!({
            "name": "errors", "passed": false, "message": "errors 4.00 is above the maximum 1",
            "source": "MetricTemplate shop/errors", "query": "x".repeat(201),
        }))
        .unwrap();
        let told = format!(
            "errors 4.00 is above the maximum 1 (MetricTemplate shop/errors: {}…)",
            "x".repeat(QUERY_IN_EVENT)
        );
        assert_eq!(against(&check), told);
        let unasked = Check { query: None, source: None, ..check };
        assert_eq!(
            against(&unasked),
            "errors 4.00 is above the maximum 1",
            "what could not be asked has no query"
        );
    }
}
