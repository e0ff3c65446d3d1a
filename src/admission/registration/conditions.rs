//! The match conditions in CEL, by which the API server calls us for nothing that does not concern us.
//!
//! A wrong field name in one is accepted and then, under Ignore, silently skips the webhook: `.?` and `orValue` wherever a
//! field may be absent, and a cluster test for each endpoint that notices when it is not called.

use k8s_openapi::api::admissionregistration::v1::MatchCondition;

use super::Install;
use crate::admission::gate::SYSTEM;
use crate::api::names::{CANARY, MANAGED, PREFIX};

/// A spec of our own kinds that is new or changes.
pub(super) const CHANGED_SPEC: &str = r#"request.operation == "CREATE" || object.?spec != oldObject.?spec"#;

/// A Canary whose primary was ready once, or what Canaries may share.
pub(super) const IN_USE: &str =
    r#"request.kind.kind != "Canary" || oldObject.?status.?lastPromotedSpec.hasValue()"#;

/// Replicas, template, our label, our annotations. Without the last three, somebody else's removal, change or forgery of
/// a mark of ours would slip by.
pub(super) fn changed_target() -> String {
    [
        "object.spec.?replicas != oldObject.spec.?replicas".to_owned(),
        "object.spec.template != oldObject.spec.template".to_owned(),
        changed_marks(),
    ]
    .join(" || ")
}

/// The spec, our label, our annotations.
pub(super) fn changed_shared() -> String {
    format!("object.?spec != oldObject.?spec || {}", changed_marks())
}

fn changed_marks() -> String {
    let marks = |of: &str| {
        format!(
            r#"{of}.metadata.?annotations.orValue({{}}).exists(k, k.startsWith("{PREFIX}") && object.metadata.?annotations[?k] != oldObject.metadata.?annotations[?k])"#
        )
    };
    [
        format!(r#"object.metadata.?labels["{MANAGED}"] != oldObject.metadata.?labels["{MANAGED}"]"#),
        marks("oldObject"),
        marks("object"),
    ]
    .join(" || ")
}

/// What is marked as a Canary's, as it was before.
pub(super) fn marked() -> String {
    format!(r#"oldObject.metadata.?annotations[?"{CANARY}"].hasValue()"#)
}

/// Those that every entry has, and its own. `object` is the one that a request carries for certain: a deletion has only the old
/// one.
pub(super) fn all(install: &Install, object: &str, name: &str, expression: String) -> Vec<MatchCondition> {
    let ours = format!("system:serviceaccount:{}:{}", install.namespace, install.service_account);
    let system = SYSTEM.map(|account| format!(r#""{account}""#)).join(", ");
    [
        ("not-our-own-write", format!(r#"request.userInfo.username != "{ours}""#)),
        ("not-the-clusters-own-repair", format!("!(request.userInfo.username in [{system}])")),
        ("not-being-deleted", format!("!{object}.metadata.?deletionTimestamp.hasValue()")),
        (name, expression),
    ]
    .map(|(name, expression)| MatchCondition { name: name.to_owned(), expression })
    .to_vec()
}
