//! The AdmissionReview that the API server sends, read leniently: everything but the uid may be missing or of the wrong type.
//!
//! A review is picked apart by hand, not by a typed parse, so that a refusal can echo the uid of even the oddest object: the API
//! server takes an answer without it for a failure of the webhook, not for a refusal.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::sparing;
use crate::api::GROUP;

/// The version of the envelope that we are registered for and speak.
pub const REVIEW_VERSION: &str = "admission.k8s.io/v1";

/// Why a body is no review; the API server has to take the answer for a failure (HTTP 400).
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The body is not JSON.
    #[error("reading the admission review: the body is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The body is JSON, but there is no `request.uid` to answer to.
    #[error(
        "reading the admission review: there is no request.uid; send an AdmissionReview of admission.k8s.io/v1"
    )]
    NoUid,
    /// The envelope is of another version.
    #[error(
        "reading the admission review: its version is {found}; register the webhook for admissionReviewVersions [v1]"
    )]
    Version {
        /// The `apiVersion` that was sent.
        found: String,
    },
    /// The answer could not be written.
    #[error("writing the admission review")]
    Write(#[source] serde_json::Error),
}

/// What is being done to the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// The object is new.
    Create,
    /// The object exists and changes.
    Update,
    /// The object goes.
    Delete,
    /// Anything else, also a word that we do not know.
    #[default]
    Other,
}

/// One question of the API server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Identity of the question, to be echoed.
    pub uid: String,
    /// Kind of the object, `Canary`.
    pub kind: String,
    /// Group of that kind; empty for core kinds.
    pub group: String,
    /// Namespace of the object; empty if it is of the cluster.
    pub namespace: String,
    /// Name of the object; may be empty when the API server is to make one up.
    pub name: String,
    /// What is being done.
    pub operation: Operation,
    /// `status`, `scale` …; empty for the object itself.
    pub sub_resource: String,
    /// Who does it, `system:serviceaccount:NAMESPACE:NAME` or a person.
    pub user: String,
    /// The object as it is going to be, one of ours without its `managedFields`; absent on DELETE. Where its `spec.template` is,
    /// byte for byte, that of the old object too, it is left out of both unless this is a dry run: nobody looks at it, and it may
    /// be very large.
    pub object: Option<Value>,
    /// The object as it is; absent on CREATE.
    pub old_object: Option<Value>,
    /// Why an object could not be read although the review is JSON: it nests too deep, or a number is too large. Both objects
    /// are absent then.
    pub unreadable: Option<String>,
    /// Whether nothing is going to be stored.
    pub dry_run: bool,
}

impl Request {
    /// Reads the body of a review.
    pub fn parse(body: &[u8]) -> Result<Self, ReviewError> {
        let (mut review, unreadable) = match sparing::review(body) {
            Ok(review) => (review, None),
            Err(error) => {
                let why = error.to_string();
                (envelope(body).ok_or(ReviewError::NotJson(error))?, Some(why))
            }
        };
        match review.get("apiVersion").and_then(Value::as_str) {
            Some(REVIEW_VERSION) | None => {}
            Some(found) => return Err(ReviewError::Version { found: found.to_owned() }),
        }
        let request = review.get_mut("request").and_then(Value::as_object_mut).ok_or(ReviewError::NoUid)?;
        let uid = text(request, "uid");
        if uid.is_empty() {
            return Err(ReviewError::NoUid);
        }
        let kind = request.get("kind").and_then(Value::as_object);
        let group = kind.map(|kind| text(kind, "group")).unwrap_or_default();
        let user = request.get("userInfo").and_then(Value::as_object);
        Ok(Request {
            uid,
            kind: kind.map(|kind| text(kind, "kind")).unwrap_or_default(),
            namespace: text(request, "namespace"),
            name: text(request, "name"),
            operation: match request.get("operation").and_then(Value::as_str) {
                Some("CREATE") => Operation::Create,
                Some("UPDATE") => Operation::Update,
                Some("DELETE") => Operation::Delete,
                _ => Operation::Other,
            },
            sub_resource: text(request, "subResource"),
            user: user.map(|user| text(user, "username")).unwrap_or_default(),
            dry_run: request.get("dryRun").and_then(Value::as_bool).unwrap_or_default(),
            object: object(request, "object", &group),
            old_object: object(request, "oldObject", &group),
            group,
            unreadable,
        })
    }

    /// `namespace/name`, or the name alone for an object of the cluster.
    pub fn display_name(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

/// The review without its objects, if the body is JSON at all: enough to answer to. What is skipped may nest as deep as it likes.
fn envelope(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(rename = "apiVersion", default)]
        api_version: Value,
        #[serde(borrow)]
        request: BTreeMap<String, &'a RawValue>,
    }
    let envelope: Envelope<'_> = serde_json::from_slice(body).ok()?;
    let about =
        |(name, _): &(String, &RawValue)| !matches!(name.as_str(), "object" | "oldObject" | "options");
    let request: Map<String, Value> = envelope
        .request
        .into_iter()
        .filter(about)
        .filter_map(|(name, value)| Some((name, serde_json::from_str(value.get()).ok()?)))
        .collect();
    Some(serde_json::json!({"apiVersion": envelope.api_version, "request": request}))
}

/// A field as text; empty when it is absent or something else.
fn text(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Takes an object of a group out; `null` is absent. Who manages which field of one of ours nobody asks, and it can be half of it.
fn object(map: &mut Map<String, Value>, key: &str, group: &str) -> Option<Value> {
    let mut object = map.remove(key).filter(|value| !value.is_null())?;
    if group == GROUP
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("managedFields");
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Request, ReviewError> {
        Request::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_full_review_is_read() {
        let request = parse(&json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u1", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"}, "namespace": "shop",
                "name": "web", "operation": "UPDATE", "subResource": "scale", "userInfo": {"username": "ann"},
                "object": {"a": 1}, "oldObject": {"a": 0}, "dryRun": true,
            },
        }))
        .unwrap();
        let expected = Request {
            uid: "u1".into(),
            kind: "Deployment".into(),
            group: "apps".into(),
            namespace: "shop".into(),
            name: "web".into(),
            operation: Operation::Update,
            sub_resource: "scale".into(),
            user: "ann".into(),
            object: Some(json!({"a": 1})),
            old_object: Some(json!({"a": 0})),
            unreadable: None,
            dry_run: true,
        };
        assert_eq!(request, expected);
    }

    #[rstest]
    #[case::only_a_uid(json!({"request": {"uid": "u"}}))]
    #[case::wrong_types(json!({"request": {"uid": "u", "kind": 7, "userInfo": [], "operation": {}, "dryRun": "x", "object": null}}))]
    #[case::odd_object(json!({"request": {"uid": "u", "object": [1, 2], "oldObject": "text"}}))]
    fn the_uid_is_all_that_a_review_needs(#[case] review: Value) {
        assert_eq!(parse(&review).unwrap().uid, "u");
    }

    #[rstest]
    #[case::deep(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "recursion limit")]
    #[case::large_number("1e999".to_owned(), "number out of range")]
    fn an_object_that_cannot_be_read_still_has_somebody_to_answer(#[case] object: String, #[case] why: &str) {
        for place in ["object", "oldObject", "options"] {
            let body = format!(
                r#"{{"request": {{"uid": "u", "kind": {{"kind": "Canary"}}, "{place}": {object}}}}}"#
            );
            let request = Request::parse(body.as_bytes()).unwrap();
            assert_eq!((request.uid.as_str(), request.kind.as_str()), ("u", "Canary"));
            assert!(request.unreadable.unwrap().contains(why));
            assert_eq!((request.object, request.old_object), (None, None));
        }
    }

    #[rstest]
    #[case::not_json("<html>")]
    #[case::empty("")]
    #[case::no_request("{}")]
    #[case::not_an_object("[]")]
    #[case::no_uid(r#"{"request":{}}"#)]
    #[case::a_uid_of_another_type(r#"{"request":{"uid":5}}"#)]
    #[case::another_version(r#"{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}"#)]
    fn what_cannot_be_answered_is_an_error(#[case] body: &str) {
        assert!(Request::parse(body.as_bytes()).is_err());
    }
}
