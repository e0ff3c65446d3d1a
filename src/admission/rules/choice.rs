//! Choices: of several fields one, and not two. What the schema says in CEL, told with everything else.

use serde_json::Value;

use super::place::visit;
use super::{Check, Findings, Manner, Rule};
use crate::admission::problem::Severity;
use crate::api::cel;

pub(super) static CHOICE: Rule = Rule {
    id: "SL003",
    severity: Severity::Error,
    title: "Where one of several fields is to be chosen, one is set",
    manner: Manner::Plain,
    check: Check::Json(check),
    cel: &[
        cel::ONE_HEADER_CONDITION,
        cel::AT_MOST_ONE_CONDITION,
        cel::ORIGINS_HAVE_A_CONDITION,
        cel::ONE_LOAD_BALANCER,
        cel::ONE_HASH_KEY,
        cel::ONE_ADDRESS,
    ],
    wrong: "
spec:
  service:
    match:
      - uri:
          exact: /
          prefix: /
",
    right: "
spec:
  service:
    match:
      - uri:
          prefix: /
",
};

/// How many of the fields are to be set.
#[derive(Clone, Copy, PartialEq)]
enum Count {
    One,
    AtMostOne,
}

/// A place, in which `*` is every entry of a list or map, and the fields of which one is to be chosen there.
struct Choice {
    kind: &'static str,
    path: &'static str,
    fields: &'static [&'static str],
    count: Count,
}

const fn choice(path: &'static str, fields: &'static [&'static str], count: Count) -> Choice {
    Choice { kind: "Canary", path, fields, count }
}

const TEXT: &[&str] = &["exact", "prefix", "regex"];
const HASH: &[&str] = &["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"];

const CHOICES: &[Choice] = &[
    choice("spec.analysis.match.*.headers.*", &["exact", "prefix", "suffix", "regex"], Count::One),
    choice("spec.analysis.match.*.queryParams.*", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.uri", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.scheme", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.method", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.authority", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.headers.*", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.withoutHeaders.*", TEXT, Count::AtMostOne),
    choice("spec.service.match.*.queryParams.*", TEXT, Count::AtMostOne),
    choice("spec.service.corsPolicy.allowOrigins.*", TEXT, Count::One),
    choice("spec.service.trafficPolicy.loadBalancer", &["simple", "consistentHash"], Count::AtMostOne),
    choice("spec.service.trafficPolicy.loadBalancer.consistentHash", HASH, Count::One),
    Choice { kind: "AlertProvider", path: "spec", fields: &["address", "secretRef"], count: Count::One },
];

fn check(kind: &str, object: &Value, findings: &mut Findings) {
    for choice in CHOICES.iter().filter(|choice| choice.kind == kind) {
        visit(object, choice.path, &mut |path, place| {
            if !place.is_object() {
                return;
            }
            let set: Vec<&str> = choice.fields.iter().copied().filter(|name| is_set(place, name)).collect();
            let message = match set.len() {
                1 => return,
                0 if choice.count == Count::AtMostOne => return,
                0 => "nothing is chosen".to_owned(),
                _ => format!("{} exclude each other", set.join(" and ")),
            };
            findings.report(path, message, format!("Set one of {}", choice.fields.join(", ")));
        });
    }
}

/// Whether a field is there; the API server drops a null.
fn is_set(object: &Value, name: &str) -> bool {
    object.get(name).is_some_and(|value| !value.is_null())
}
