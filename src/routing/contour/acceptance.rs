//! Whether Contour took the HTTPProxy as it is now.

use serde::Deserialize;

use crate::routing::Acceptance;

/// An `HTTPProxy` as far as we look at it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HttpProxy {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    generation: i64,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    observed_generation: i64,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
struct Fault {
    #[serde(rename = "type")]
    type_: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// What Contour says about the present generation.
pub(super) fn acceptance(proxy: &Option<HttpProxy>) -> Acceptance {
    let Some(proxy) = proxy else { return Acceptance::Pending("the HTTPProxy is being made".to_owned()) };
    let valid = proxy.status.conditions.iter().find(|condition| condition.type_ == "Valid");
    let Some(valid) = valid.filter(|valid| valid.observed_generation >= proxy.metadata.generation) else {
        return Acceptance::Pending(
            "Contour has not looked at the last change of the HTTPProxy yet".to_owned(),
        );
    };
    if valid.status == "True" {
        return Acceptance::Accepted;
    }
    if valid.errors.iter().any(|fault| fault.type_ == "Orphaned") {
        return Acceptance::Pending(
            "no root HTTPProxy includes it; name it in spec.includes of the HTTPProxy with your virtual host"
                .to_owned(),
        );
    }
    let said: Vec<String> =
        valid.errors.iter().map(|fault| format!("{}: {}", fault.reason, fault.message)).collect();
    let said = if said.is_empty() { format!("{}: {}", valid.reason, valid.message) } else { said.join("; ") };
    // Services are made just before the route: a Contour that has not seen them yet will.
    let waits = |fault: &Fault| fault.reason == "ServiceUnresolvedReference";
    if valid.status != "False" || (!valid.errors.is_empty() && valid.errors.iter().all(waits)) {
        Acceptance::Pending(format!("Contour: {said}"))
    } else {
        Acceptance::Refused(format!("Contour: {said}"))
    }
}
