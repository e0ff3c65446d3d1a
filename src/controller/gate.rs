//! The gate's edge: hands a review to the pure `admission` room, and reads what it wants to see.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    admission::{self, Call, Catalog, Endpoint, Lookup, Lookups, rules},
    api::ObjectRef,
    cluster::Cluster,
    sentence,
    server::{self, Answer, Verdict},
};
use bytes::Bytes;
use tokio::time::Instant;

/// How long a review may wait for objects in all. A slower API server makes an object unknown, never a refusal.
const READ_TIME: Duration = Duration::from_millis(300);

/// Most problems of one refusal that the log repeats.
const LOGGED: usize = 20;

/// Answers admission reviews.
pub(super) struct Gate {
    pub(super) cluster: Cluster,
    pub(super) catalog: Arc<RwLock<Catalog>>,
    pub(super) gate: admission::Gate,
}

impl server::Gate for Gate {
    async fn review(&self, endpoint: Endpoint, body: Bytes) -> Answer {
        let call = match Call::parse(endpoint, &body) {
            Ok(call) => call,
            Err(error) => {
                return Answer { body: error.to_string().into_bytes(), verdict: Verdict::Malformed };
            }
        };
        let verdict = self.judge(&call).await;
        if !verdict.is_allowed() {
            let problems: Vec<String> = verdict.errors().take(LOGGED).map(ToString::to_string).collect();
            tracing::info!(
                kind = call.request.kind,
                namespace = call.request.namespace,
                name = call.request.name,
                user = call.request.user,
                dry_run = call.request.dry_run,
                problems = problems.join(" "),
                "refused"
            );
        }
        match call.answer(&verdict) {
            Ok(body) if verdict.is_allowed() => Answer { body, verdict: Verdict::Allowed },
            Ok(body) => Answer { body, verdict: Verdict::Denied },
            Err(error) => Answer { body: error.to_string().into_bytes(), verdict: Verdict::Failed },
        }
    }
}

impl Gate {
    async fn judge(&self, call: &Call) -> admission::Verdict {
        let until = Instant::now() + READ_TIME;
        let mut lookups = self.read(self.gate.needs(call), until).await;
        let verdict = self.gate.judge(call, &self.catalog(), &lookups);
        if verdict.confirm.is_empty() {
            return verdict;
        }
        // The index of this replica may lag behind: what a refusal rests on is read again. And what is named by what was read.
        lookups.extend(self.read(verdict.confirm, until).await);
        self.gate.judge(call, &self.catalog(), &lookups)
    }

    async fn read(&self, references: Vec<ObjectRef>, until: Instant) -> Lookups {
        let reads = references.into_iter().map(|reference| async move {
            let lookup = match tokio::time::timeout_at(until, self.cluster.get(&reference)).await {
                Ok(Ok(Some(object))) => Lookup::Found(match reference.kind.as_str() {
                    "ConfigMap" | "Secret" => rules::keys_only(&object),
                    _ => object.as_ref().clone(),
                }),
                Ok(Ok(None)) => Lookup::Missing,
                Ok(Err(error)) => Lookup::Failed(sentence::of(&error)),
                Err(_) => {
                    Lookup::Failed(format!("the API server took longer than {} ms", READ_TIME.as_millis()))
                }
            };
            (reference, lookup)
        });
        futures::future::join_all(reads).await.into_iter().collect()
    }

    fn catalog(&self) -> std::sync::RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }
}
