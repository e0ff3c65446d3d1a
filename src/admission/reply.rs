//! The AdmissionReview that we send back.
//!
//! A refusal is a 422 with reason Invalid, with details, causes and the full list in `message`, because kubectl shows only the
//! causes and Helm only the message; each stands alone. The patch goes out in base64, as the API documents it.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::mode::Mode;
use super::problem::{Problem, short};
use super::review::{REVIEW_VERSION, Request, ReviewError};
use super::verdict::Verdict;
use super::warning;
use crate::api::names::GATE;

/// Most problems that one refusal spells out; an object with more was hardly written by hand.
const MOST: usize = 50;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    code: u16,
    reason: &'static str,
    message: String,
    details: Details,
}

#[derive(Serialize)]
struct Details {
    group: String,
    kind: String,
    name: String,
    causes: Vec<Cause>,
}

#[derive(Serialize)]
struct Cause {
    reason: &'static str,
    field: String,
    message: String,
}

/// The answer to a request as the API server reads it. Unless the mode enforces, what would have been refused or changed is told
/// as warnings.
pub fn bytes(request: &Request, mode: Mode, verdict: &Verdict) -> Result<Vec<u8>, ReviewError> {
    let enforced = mode == Mode::Enforce;
    let allowed = verdict.is_allowed() || !enforced;
    let unless = if enforced { String::new() } else { format!("without {GATE}={}: ", mode.as_str()) };
    let told = verdict
        .errors()
        .filter(|_| !enforced)
        .map(|error| format!("{unless}refused, {error}"))
        .chain(verdict.warnings().map(Problem::to_string))
        .chain(verdict.changes.iter().map(|change| format!("{unless}{change}")))
        .chain(verdict.notices.iter().cloned());
    let changes = enforced && allowed && !verdict.patch.0.is_empty();
    let patch =
        changes.then(|| serde_json::to_vec(&verdict.patch)).transpose().map_err(ReviewError::Write)?;
    let response = Response {
        uid: request.uid.clone(),
        allowed,
        status: (!allowed).then(|| refusal(request, verdict)),
        warnings: warning::fit(told),
        patch_type: changes.then_some("JSONPatch"),
        patch: patch.map(|patch| STANDARD.encode(patch)),
    };
    let review = Review { api_version: REVIEW_VERSION, kind: "AdmissionReview", response };
    serde_json::to_vec(&review).map_err(ReviewError::Write)
}

fn refusal(request: &Request, verdict: &Verdict) -> Status {
    let mut lines: Vec<String> = verdict.errors().take(MOST).map(|problem| format!("- {problem}")).collect();
    let count = verdict.errors().count();
    if count > MOST {
        lines.push(format!("- and {} more, told once these are mended", count - MOST));
    }
    let number = match count {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    };
    let cause = |problem: &Problem| Cause {
        reason: "FieldValueInvalid",
        field: problem.path.clone(),
        message: problem.cause(),
    };
    Status {
        status: "Failure",
        code: 422,
        reason: "Invalid",
        message: format!(
            "{} {:?} is refused, {number}:\n{}",
            short(request.kind.clone()),
            short(request.display_name()),
            lines.join("\n")
        ),
        details: Details {
            group: short(request.group.clone()),
            kind: short(request.kind.clone()),
            name: short(request.name.clone()),
            causes: verdict.errors().take(MOST).map(cause).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use json_patch::{Patch, PatchOperation};
    use serde_json::{Value, json};

    use super::*;
    use crate::admission::Severity;

    fn request() -> Request {
        Request {
            uid: "u1".into(),
            kind: "Canary".into(),
            group: "flagger.app".into(),
            namespace: "shop".into(),
            name: "web".into(),
            ..Request::default()
        }
    }

    fn problem(severity: Severity, path: &str) -> Problem {
        Problem {
            rule: "SL999",
            severity,
            path: path.into(),
            message: "it is wrong".into(),
            fix: "Mend it".into(),
        }
    }

    fn answer(verdict: &Verdict) -> Value {
        serde_json::from_slice(&bytes(&request(), Mode::Enforce, verdict).unwrap()).unwrap()
    }

    #[test]
    fn an_empty_verdict_allows_and_says_nothing() {
        let expected = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": "u1", "allowed": true},
        });
        assert_eq!(answer(&Verdict::allow()), expected);
    }

    #[test]
    fn a_refusal_tells_everything_to_kubectl_and_to_helm() {
        let problems = vec![
            problem(Severity::Error, "spec.a"),
            problem(Severity::Error, "spec.b"),
            problem(Severity::Warning, "spec.c"),
        ];
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&answer(&Verdict { problems, ..Verdict::default() })).unwrap(),
            @r#"
        {
          "apiVersion": "admission.k8s.io/v1",
          "kind": "AdmissionReview",
          "response": {
            "allowed": false,
            "status": {
              "code": 422,
              "details": {
                "causes": [
                  {
                    "field": "spec.a",
                    "message": "SL999 it is wrong. Mend it.",
                    "reason": "FieldValueInvalid"
                  },
                  {
                    "field": "spec.b",
                    "message": "SL999 it is wrong. Mend it.",
                    "reason": "FieldValueInvalid"
                  }
                ],
                "group": "flagger.app",
                "kind": "Canary",
                "name": "web"
              },
              "message": "Canary \"shop/web\" is refused, 2 problems:\n- SL999 spec.a: it is wrong. Mend it.\n- SL999 spec.b: it is wrong. Mend it.",
              "reason": "Invalid",
              "status": "Failure"
            },
            "uid": "u1",
            "warnings": [
              "SL999 spec.c: it is wrong. Mend it."
            ]
          }
        }
        "#
        );
    }

    #[test]
    fn in_a_namespace_that_warns_nothing_is_refused_or_changed_and_all_is_told() {
        let patch = Patch(vec![PatchOperation::Add(json_patch::AddOperation {
            path: "/a".try_into().unwrap(),
            value: json!(1),
        })]);
        let verdict = Verdict {
            problems: vec![problem(Severity::Error, "spec.a"), problem(Severity::Warning, "spec.b")],
            notices: vec!["a plan".into()],
            patch,
            changes: vec!["it stays at 0".into()],
            ..Verdict::default()
        };
        let answer: Value =
            serde_json::from_slice(&bytes(&request(), Mode::Warn, &verdict).unwrap()).unwrap();
        let warnings = [
            "without sluice.dev/gate=warn: refused, SL999 spec.a: it is wrong. Mend it.",
            "SL999 spec.b: it is wrong. Mend it.",
            "without sluice.dev/gate=warn: it stays at 0",
            "a plan",
        ];
        assert_eq!(answer["response"], json!({"uid": "u1", "allowed": true, "warnings": warnings}));
    }

    #[test]
    fn a_refusal_stays_readable_however_much_is_wrong() {
        let problems = (0..1_000).map(|n| problem(Severity::Error, &format!("spec.a[{n}]"))).collect();
        let answer = answer(&Verdict { problems, ..Verdict::default() });
        let status = &answer["response"]["status"];
        assert_eq!(status["details"]["causes"].as_array().unwrap().len(), 50);
        let message = status["message"].as_str().unwrap();
        assert!(
            message.contains("1000 problems")
                && message.ends_with("- and 950 more, told once these are mended")
        );
    }

    #[test]
    fn a_patch_goes_out_in_base64_and_never_with_a_refusal() {
        let patch = Patch(vec![PatchOperation::Add(json_patch::AddOperation {
            path: "/a".try_into().unwrap(),
            value: json!(1),
        })]);
        let mut verdict = Verdict { patch, ..Verdict::default() };
        let response = answer(&verdict)["response"].clone();
        assert_eq!(response["patchType"], "JSONPatch");
        let decoded = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), r#"[{"op":"add","path":"/a","value":1}]"#);

        verdict.problems.push(problem(Severity::Error, "spec.a"));
        assert_eq!(answer(&verdict)["response"]["patch"], Value::Null);
    }
}
