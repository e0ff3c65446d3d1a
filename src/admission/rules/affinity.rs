//! Cookies that keep users on a version.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::cel;

pub(super) static SAME_COOKIE: Rule = Rule {
    id: "SL305",
    severity: Severity::Error,
    title: "The cookies of canary and primary have different names",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[cel::COOKIES_DIFFER],
    wrong: "
spec:
  analysis:
    sessionAffinity:
      cookieName: app
      primaryCookieName: app
",
    right: "
spec:
  analysis:
    stepWeight: 10
",
};

fn check(context: &Context<'_>, findings: &mut Findings) {
    let affinity = context.analysis().and_then(|analysis| analysis.session_affinity.as_ref());
    if let Some(affinity) = affinity.filter(|a| a.primary_cookie_name.as_ref() == Some(&a.cookie_name)) {
        findings.report(
            "spec.analysis.sessionAffinity.primaryCookieName",
            format!("both cookies are named {}, so that each overwrites the other", affinity.cookie_name),
            "Choose another name for one of them",
        );
    }
}
