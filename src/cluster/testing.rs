//! An API server for tests: a closure that answers requests, a record of them, and watches whose events a test sends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A request as the server got it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) content_type: String,
    pub(super) body: Value,
}

/// What the server does with a request.
pub(super) enum Reply {
    /// Answers with this code and body.
    Json(u16, Value),
    /// Answers with a watch; each line is an event.
    Watch(mpsc::UnboundedReceiver<Value>),
    /// Never answers.
    Hang,
}

impl Clone for Reply {
    fn clone(&self) -> Self {
        match self {
            Reply::Json(code, body) => Reply::Json(*code, body.clone()),
            Reply::Watch(_) | Reply::Hang => Reply::Hang,
        }
    }
}

impl Reply {
    pub(super) fn ok(body: Value) -> Reply {
        Reply::Json(200, body)
    }

    /// A refusal as the API server words it.
    pub(super) fn refused(code: u16, reason: &str) -> Reply {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": "refused by the test", "metadata": {}});
        Reply::Json(code, body)
    }
}

/// The record of a server's requests.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Mutex<Vec<Call>>>);

impl Record {
    /// All requests so far.
    pub(super) fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }

    /// Drops the requests so far.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Requests so far as `METHOD path`, without lists and watches.
    pub(super) fn single(&self) -> Vec<String> {
        let calls = self.all().into_iter().filter(|call| !call.query.contains("limit=") && !call.is_watch());
        calls.map(|call| format!("{} {}", call.method, call.path)).collect()
    }
}

impl Call {
    pub(super) fn is_watch(&self) -> bool {
        self.query.contains("watch=true")
    }
}

/// A client of a server that answers with `answer`.
pub(super) fn server(answer: impl FnMut(&Call) -> Reply + Send + 'static) -> (Client, Record) {
    let record = Record::default();
    let (kept, answer) = (record.clone(), Arc::new(Mutex::new(answer)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (kept, answer) = (kept.clone(), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let header = head.headers.get(http::header::CONTENT_TYPE);
            let call = Call {
                method: head.method,
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                content_type: header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            kept.0.lock().unwrap().push(call.clone());
            let reply = answer.lock().unwrap()(&call);
            let (code, body) = match reply {
                Reply::Json(code, body) => (code, axum::body::Body::from(body.to_string())),
                Reply::Watch(events) => (200, lines(events)),
                Reply::Hang => std::future::pending().await,
            };
            Response::builder().status(code).body(body).map_err(tower::BoxError::from)
        }
    });
    (Client::new(service, "default"), record)
}

fn lines(events: mpsc::UnboundedReceiver<Value>) -> axum::body::Body {
    let lines = stream::unfold(events, |mut events| async move {
        let line = format!("{}\n", events.recv().await?);
        Some((Ok::<_, std::convert::Infallible>(line), events))
    });
    axum::body::Body::from_stream(lines.boxed())
}

/// A server with lists and watches, as little of one as the watches of this room need.
#[derive(Clone, Default)]
pub(super) struct Bed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lists: BTreeMap<String, Vec<Value>>,
    objects: BTreeMap<String, Reply>,
    watches: BTreeMap<String, mpsc::UnboundedSender<Value>>,
}

/// Key of the metadata watch of Deployments; all others have their path.
pub(super) const METADATA: &str = "metadata";

impl Bed {
    /// Lists hold these objects from now on.
    pub(super) fn list(&self, path: &str, objects: &[Value]) {
        self.0.lock().unwrap().lists.insert(path.to_owned(), objects.to_vec());
    }

    /// Requests `METHOD path`, or lists `LIST path`, are answered like this.
    pub(super) fn answer(&self, request: &str, reply: Reply) {
        self.0.lock().unwrap().objects.insert(request.to_owned(), reply);
    }

    /// The watch sends an event, and all tasks get the time to take it in.
    pub(super) async fn send(&self, path: &str, event: &str, object: &Value) {
        self.0.lock().unwrap().watches[path].send(json!({"type": event, "object": object})).unwrap();
        settle().await;
    }

    /// A client of this server.
    pub(super) fn client(&self) -> (Client, Record) {
        let bed = self.clone();
        server(move |call| bed.reply(call))
    }

    fn reply(&self, call: &Call) -> Reply {
        let mut state = self.0.lock().unwrap();
        // The kinds that we watch both ways; two watches under one key would end each other for ever.
        let twice = ["/deployments", "/daemonsets", "/horizontalpodautoscalers"];
        let metadata =
            twice.iter().any(|of| call.path.ends_with(of)) && !call.query.contains("labelSelector");
        let key = match metadata {
            true if call.path.ends_with("/deployments") => METADATA.to_owned(),
            true => format!("{METADATA} of {}", call.path),
            false => call.path.clone(),
        };
        if call.is_watch() {
            let (sender, receiver) = mpsc::unbounded_channel();
            state.watches.insert(key, sender);
            return Reply::Watch(receiver);
        }
        if call.query.contains("limit=") {
            if let Some(reply) = state.objects.get(&format!("LIST {key}")) {
                return reply.clone();
            }
            let items = state.lists.get(&key).cloned().unwrap_or_default();
            return Reply::ok(
                json!({"kind": "List", "metadata": {"resourceVersion": "100"}, "items": items}),
            );
        }
        match state.objects.get(&format!("{} {}", call.method, call.path)) {
            Some(reply) => reply.clone(),
            None => Reply::refused(404, "NotFound"),
        }
    }
}

/// Lets all tasks run until they wait.
pub(super) async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}
