//! Secrets that a MetricTemplate or AlertProvider names. Only their keys are looked at.

use serde_json::{Map, Value, json};

use super::{Check, Findings, Manner, Rule, Shared};
use crate::admission::lookup::Lookup;
use crate::admission::problem::Severity;
use crate::analysis::server::{CA, Need, server};
use crate::api::{MetricTemplate, ObjectRef, SecretRef};

pub(super) static OF_TEMPLATE: Rule = Rule {
    id: "SL531",
    severity: Severity::Warning,
    title: "The Secret that a MetricTemplate names exists and has the keys of its kind of server; until then its checks do not pass",
    manner: Manner::Plain,
    check: Check::MetricTemplate(of_template),
    cel: &[],
    wrong: "
kind: MetricTemplate
spec:
  provider:
    type: prometheus
    secretRef:
      name: nobody
",
    right: "
kind: MetricTemplate
spec:
  provider:
    type: prometheus
    secretRef:
      name: credentials
",
};

/// The Secret as an object to look up.
pub(super) fn reference(named: &SecretRef, namespace: &str) -> ObjectRef {
    ObjectRef::new("v1", "Secret", namespace, named.name.as_str())
}

/// Reports a Secret that is missing, or that has none of the sets of keys. Silent where nobody could look: the right to read
/// Secrets may be kept from us.
pub(super) fn tell<T>(
    shared: &Shared<'_, T>,
    named: &SecretRef,
    sets: &[&[&str]],
    path: &str,
    findings: &mut Findings,
) {
    let reference = reference(named, &shared.key.namespace);
    match shared.lookups.get(&reference) {
        Some(Lookup::Missing) => findings.report(
            path,
            format!("{reference} does not exist"),
            "Create it before the first use, or correct the name",
        ),
        Some(Lookup::Found(secret)) => {
            let has = |key: &&str| {
                ["data", "stringData"]
                    .iter()
                    .any(|field| secret.get(field).and_then(|data| data.get(*key)).is_some())
            };
            if !sets.iter().any(|keys| keys.iter().all(&has)) {
                let spelled: Vec<String> = sets.iter().map(|keys| keys.join(" and ")).collect();
                findings.report(
                    path,
                    format!("{reference} does not have the key {}", spelled.join(", or ")),
                    "Add what is missing to the Secret",
                );
            }
        }
        Some(Lookup::Failed(_) | Lookup::Unseen) | None => {}
    }
}

/// A Secret or ConfigMap without its values, which nobody here needs.
pub fn keys_only(object: &Value) -> Value {
    let keys = |field: &str| -> Map<String, Value> {
        let data = object.get(field).and_then(Value::as_object).into_iter().flatten();
        data.map(|(key, _)| (key.clone(), Value::Null)).collect()
    };
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"],
        "metadata": {"namespace": object["metadata"]["namespace"], "name": object["metadata"]["name"]},
        "data": keys("data"), "stringData": keys("stringData"),
    })
}

fn of_template(template: &Shared<'_, MetricTemplate>, findings: &mut Findings) {
    let provider = &template.object.spec.provider;
    let Some(named) = &provider.secret_ref else { return };
    let Some(needs) = server(provider.type_).map(|server| server.needs()) else { return };
    let mut sets = needs.keys.to_vec();
    if needs.secret != Need::Required {
        // A Secret of nothing but the certificates to trust.
        sets.push(&[CA]);
    }
    tell(template, named, &sets, "spec.provider.secretRef", findings);
}
