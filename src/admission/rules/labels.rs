//! Labels and annotations that the generated Services are to have.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;

pub(super) static UNUSABLE: Rule = Rule {
    id: "SL318",
    severity: Severity::Error,
    title: "Labels and annotations of the Services (spec.service.apex, primary and canary) are such as Kubernetes takes",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
spec:
  service:
    canary:
      labels:
        team: a b
",
    right: "
spec:
  service:
    canary:
      labels:
        team: a-b
",
};

/// Most characters of a label's value, and of a key behind its prefix.
const LONGEST: usize = 63;
/// Most characters of the prefix of a key.
const LONGEST_PREFIX: usize = 253;

fn check(context: &Context<'_>, findings: &mut Findings) {
    // Once it is stored the API server refuses the Service and is quoted; a run must not stop for it.
    let Some(service) = context.canary.spec.service.as_ref().filter(|_| !context.stored) else { return };
    let metadata = [("apex", &service.apex), ("primary", &service.primary), ("canary", &service.canary)];
    for (name, metadata) in metadata.into_iter().filter_map(|(name, of)| Some((name, of.as_ref()?))) {
        for (key, value) in &metadata.labels {
            let path = format!("spec.service.{name}.labels");
            check_key(&path, key, findings);
            if !value.is_empty() && !is_word(value) {
                findings.report(
                    format!("{path}.{key}"),
                    format!("{value:?} cannot be the value of a label"),
                    "Write at most 63 letters, digits, -, _ and ., a letter or digit at both ends; or make it an annotation",
                );
            }
        }
        for key in metadata.annotations.keys() {
            check_key(&format!("spec.service.{name}.annotations"), key, findings);
        }
    }
}

fn check_key(path: &str, key: &str, findings: &mut Findings) {
    if !is_key(key) {
        findings.report(
            path,
            format!("{key:?} cannot be a key"),
            "Write at most 63 letters, digits, -, _ and ., a letter or digit at both ends, behind a domain and / if wanted",
        );
    }
}

/// Whether a text is a qualified name as the API server takes it.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_domain(prefix) && is_word(name),
        None => is_word(key),
    }
}

fn is_word(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let outer = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LONGEST && text.starts_with(outer) && text.ends_with(outer) && text.chars().all(inner)
}

fn is_domain(text: &str) -> bool {
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(outer) && part.ends_with(outer) && part.chars().all(|c| outer(c) || c == '-')
    };
    text.len() <= LONGEST_PREFIX && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("team", true)]
    #[case::prefixed("example.com/team_A.1", true)]
    #[case::one("a", true)]
    #[case::nothing("", false)]
    #[case::no_name("example.com/", false)]
    #[case::no_prefix("/team", false)]
    #[case::two("a/b/c", false)]
    #[case::space("a b", false)]
    #[case::edge("team-", false)]
    #[case::upper_case_prefix("Example.com/team", false)]
    #[case::empty_part("example..com/team", false)]
    #[case::not_latin("tëam", false)]
    fn a_key_is_what_the_api_server_takes(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_key(key), expected);
    }

    #[test]
    fn lengths_count_without_the_prefix() {
        assert!(is_word(&"a".repeat(63)) && !is_word(&"a".repeat(64)));
        assert!(is_key(&format!("{}/{}", "a".repeat(253), "b".repeat(63))));
        assert!(!is_key(&format!("{}/b", "a".repeat(254))));
    }
}
