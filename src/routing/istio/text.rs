//! Texts as Istio's own admission wants them. What it would refuse is told before a rollout rests on it.

use regex::Regex;

use crate::{api::Duration, routing::Problem};

const MILLISECOND: i64 = 1_000_000;
/// Longest regular expression, in bytes.
const LONGEST_REGEX: usize = 1024;
/// Headers that stand for parts of the request itself.
const PSEUDO: [&str; 5] = [":method", ":scheme", ":authority", ":path", ":status"];
/// Prefix of a header match that means a claim of a token.
pub(super) const CLAIM: &str = "@request.auth.claims";

/// Whether it is one label of a domain name.
pub(super) fn is_label(text: &str) -> bool {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && end(text.chars().next())
        && end(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether it is a domain name; one dot may stand at the end.
pub(super) fn is_domain(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text);
    let top = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 255 && top.parse::<i64>().is_err() && labels.split('.').all(is_label)
}

/// Checks a duration: at least a millisecond and whole ones.
pub(super) fn duration(text: &str, path: &str, problems: &mut Vec<Problem>) -> Option<Duration> {
    let duration = text.parse::<Duration>().ok();
    let fits = |duration: &Duration| {
        duration.nanoseconds() >= MILLISECOND && duration.nanoseconds() % MILLISECOND == 0
    };
    let duration = duration.filter(fits);
    if duration.is_none() {
        problems.push(Problem::new(
            path,
            format!("{text:?} is no time that Istio takes: write whole milliseconds, one or more, such as 500ms, 15s or 1m; for none leave it out"),
        ));
    }
    duration
}

/// Checks a regular expression. Istio's dialect has a few words that ours lacks: with one of those it is left to Istio.
pub(super) fn regex(text: &str, path: &str, problems: &mut Vec<Problem>) {
    let fault = match Regex::new(text) {
        _ if text.is_empty() => "it is empty".to_owned(),
        _ if text.len() > LONGEST_REGEX => format!("it is longer than {LONGEST_REGEX} bytes"),
        Err(regex::Error::Syntax(fault)) if !["\\Q", "\\C"].iter().any(|word| text.contains(word)) => {
            fault.lines().last().unwrap_or_default().trim().to_owned()
        }
        _ => return,
    };
    problems.push(Problem::new(
        path,
        format!("{text:?} is no regular expression ({fault}): write one in RE2 syntax"),
    ));
}

/// Whether a header of this name can be matched.
pub(super) fn is_matchable(name: &str) -> bool {
    name.starts_with(CLAIM) || PSEUDO.contains(&name) || is_header(name)
}

/// Whether it is a name of a header.
pub(super) fn is_header(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(letter)
}

/// Whether it is the value of a header that Envoy takes: no control characters, and every `%` doubled or part of a pair.
pub(super) fn is_header_value(value: &str) -> bool {
    let control = |c: char| (c.is_ascii_control() && c != '\t') || c == '\u{7f}';
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('%') {
        let Some((_, behind)) = after.split_once('%') else { return false };
        rest = behind;
    }
    !value.contains(control)
}
