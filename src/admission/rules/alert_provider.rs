//! AlertProviders: what their kind of chat does not use, and addresses that are secrets themselves.

use super::{Check, Findings, Manner, Rule, Shared, secret};
use crate::admission::address;
use crate::admission::problem::Severity;
use crate::api::{AlertProvider, AlertProviderType};

pub(super) static NO_EFFECT: Rule = Rule {
    id: "SL521",
    severity: Severity::Warning,
    title: "An AlertProvider sets channel and username only where its kind of chat has them: slack, discord and rocket",
    manner: Manner::Plain,
    check: Check::AlertProvider(no_effect),
    cel: &[],
    wrong: "
kind: AlertProvider
spec:
  type: msteams
  channel: releases
",
    right: "
kind: AlertProvider
spec:
  type: slack
  channel: releases
",
};

pub(super) static IN_CLEAR: Rule = Rule {
    id: "SL522",
    severity: Severity::Warning,
    title: "The address of an incoming webhook stands in a Secret: whoever knows it may write to the channel",
    manner: Manner::Plain,
    check: Check::AlertProvider(in_clear),
    cel: &[],
    wrong: "
kind: AlertProvider
spec:
  address: https://hooks.chat.example/services/T0/B0
  secretRef: null
",
    right: "
kind: AlertProvider
spec:
  secretRef:
    name: credentials
",
};

pub(super) static SECRET: Rule = Rule {
    id: "SL523",
    severity: Severity::Warning,
    title: "The Secret that an AlertProvider names exists and has the key address; until then its alerts reach nobody",
    manner: Manner::Plain,
    check: Check::AlertProvider(has_secret),
    cel: &[],
    wrong: "
kind: AlertProvider
spec:
  secretRef:
    name: nobody
",
    right: "
kind: AlertProvider
spec:
  secretRef:
    name: credentials
",
};

fn no_effect(provider: &Shared<'_, AlertProvider>, findings: &mut Findings) {
    let spec = &provider.object.spec;
    if !matches!(spec.type_, AlertProviderType::MsTeams | AlertProviderType::GoogleChat) {
        return;
    }
    for (name, value) in [("channel", &spec.channel), ("username", &spec.username)] {
        if value.as_ref().is_some_and(|value| !value.is_empty()) {
            findings.report(
                format!("spec.{name}"),
                format!("with type {} it has no effect: the address says where a message goes", spec.type_),
                "Remove it",
            );
        }
    }
}

fn in_clear(provider: &Shared<'_, AlertProvider>, findings: &mut Findings) {
    let address = provider.object.spec.address.as_deref().unwrap_or_default();
    // A bare host is no secret.
    if address::read(address).is_ok_and(|url| url.path() != "/" || url.query().is_some()) {
        findings.report(
            "spec.address",
            "whoever may read this object may write to the channel",
            "Move the address to the key address of a Secret, and name it in spec.secretRef",
        );
    }
}

fn has_secret(provider: &Shared<'_, AlertProvider>, findings: &mut Findings) {
    let Some(named) = &provider.object.spec.secret_ref else { return };
    secret::tell(provider, named, &[&["address"]], "spec.secretRef", findings);
}
