//! A few lines of an API server in memory: versions, conflicts, JSON patches, watches by name. Notes every call.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Bytes};
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    calls: Vec<String>,
    events: Vec<(String, u64, Value)>,
    watches: Vec<(String, UnboundedSender<Value>)>,
    time: Option<Timestamp>,
}

/// The server. Clients made from it share its objects.
#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<State>>);

impl Api {
    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let api = api.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let mut answer = api.answer(&parts.method, &parts.uri, &body);
                if let Some(date) = api.date() {
                    answer.headers_mut().insert(http::header::DATE, date);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        Client::new(service, "default")
    }

    /// Gives the server a clock of its own, which stands still.
    pub(crate) fn tells(&self, time: Timestamp) {
        self.0.lock().unwrap().time = Some(time);
    }

    fn date(&self) -> Option<http::HeaderValue> {
        let time = self.0.lock().unwrap().time?;
        let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap();
        Some(text.try_into().unwrap())
    }

    /// Stores an object as somebody else would.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().store(path, object);
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn delete(&self, path: &str) {
        let mut state = self.0.lock().unwrap();
        let mut object = state.objects.remove(path).unwrap();
        state.version += 1;
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        state.tell(path, "DELETED", &object);
    }

    /// The calls since the last time, without the watching itself, as `VERB last-part-of-path`.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    fn answer(&self, method: &Method, uri: &http::Uri, body: &Bytes) -> Response {
        let mut state = self.0.lock().unwrap();
        let path = uri.path();
        let query = uri.query().unwrap_or_default();
        let named = query.split('&').find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
        if let Some(name) = named {
            let since = query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
            let since = since.and_then(|since| since.parse().ok()).filter(|_| query.contains("watch="));
            return state.select(path, name, since);
        }
        state.calls.push(format!("{method} {}", path.rsplit('/').next().unwrap()));
        match *method {
            Method::GET => match state.objects.get(path) {
                Some(object) => Json(object).into_response(),
                None => refusal(StatusCode::NOT_FOUND, "NotFound"),
            },
            Method::POST => {
                let object: Value = serde_json::from_slice(body).unwrap();
                let path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
                if state.objects.contains_key(&path) {
                    return refusal(StatusCode::CONFLICT, "AlreadyExists");
                }
                Json(state.store(&path, object)).into_response()
            }
            Method::PUT => {
                let object: Value = serde_json::from_slice(body).unwrap();
                match state.objects.get(path) {
                    None => refusal(StatusCode::NOT_FOUND, "NotFound"),
                    Some(old) if version(old) != version(&object) => {
                        refusal(StatusCode::CONFLICT, "Conflict")
                    }
                    Some(_) => Json(state.store(path, object)).into_response(),
                }
            }
            Method::PATCH => {
                let patch: json_patch::Patch = serde_json::from_slice(body).unwrap();
                let Some(mut object) = state.objects.get(path).cloned() else {
                    return refusal(StatusCode::NOT_FOUND, "NotFound");
                };
                match json_patch::patch(&mut object, &patch) {
                    Ok(()) => Json(state.store(path, object)).into_response(),
                    Err(_) => refusal(StatusCode::UNPROCESSABLE_ENTITY, "Invalid"),
                }
            }
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        }
    }
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let name = path.rsplit('/').next().unwrap();
        object["metadata"]["name"] = name.into();
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let old = self.objects.insert(path.to_owned(), object.clone());
        self.tell(path, if old.is_some() { "MODIFIED" } else { "ADDED" }, &object);
        object
    }

    fn tell(&mut self, path: &str, kind: &str, object: &Value) {
        let event = json!({ "type": kind, "object": object });
        self.events.push((path.to_owned(), self.version, event.clone()));
        self.watches
            .retain(|(watched, sender)| watched != path || sender.unbounded_send(event.clone()).is_ok());
    }

    /// Lists, or watches from a version on.
    fn select(&mut self, path: &str, name: &str, since: Option<u64>) -> Response {
        let path = format!("{path}/{name}");
        if let Some(since) = since {
            let (sender, events) = unbounded();
            for (_, _, event) in self.events.iter().filter(|(of, at, _)| *of == path && *at > since) {
                sender.unbounded_send(event.clone()).unwrap();
            }
            self.watches.push((path, sender));
            let lines = events.map(|event| Ok::<_, Infallible>(format!("{event}\n")));
            return Body::from_stream(lines).into_response();
        }
        let items: Vec<_> = self.objects.get(&path).into_iter().collect();
        let version = self.version.to_string();
        Json(json!({ "metadata": { "resourceVersion": version }, "items": items })).into_response()
    }
}

fn version(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    let body = json!({ "kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": status.as_u16() });
    (status, Json(body)).into_response()
}
