//! The gate's edge: hands a review to the pure `admission` room, and reads what it wants to see.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    admission::{self, Call, Catalog, Endpoint, Lookup, Lookups, Mode, rules},
    api::ObjectRef,
    cluster::Cluster,
    sentence,
    server::{self, Answer, Verdict},
};
use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::Semaphore, time::Instant};

/// How long a review may wait for objects in all. A slower API server makes an object unknown, never a refusal.
const READ_TIME: Duration = Duration::from_millis(300);

/// How many objects are read at once for all reviews together: whoever sends many must not keep the API server busy through us.
const READS: usize = 64;

/// Answers admission reviews.
pub(super) struct Gate {
    pub(super) cluster: Cluster,
    pub(super) catalog: Arc<RwLock<Catalog>>,
    pub(super) gate: admission::Gate,
    reads: Semaphore,
}

impl server::Gate for Gate {
    async fn review(&self, endpoint: Endpoint, mode: Mode, body: Bytes) -> Answer {
        let call = match Call::parse(endpoint, mode, &body) {
            Ok(call) => call,
            Err(error) => {
                return Answer { body: error.to_string().into_bytes(), verdict: Verdict::Malformed };
            }
        };
        let verdict = self.judge(&call).await;
        let outcome = outcome(&verdict);
        if outcome == Verdict::Denied {
            refused(&call, &verdict);
        }
        match call.answer(&verdict) {
            Ok(body) => Answer { body, verdict: outcome },
            Err(error) => Answer { body: error.to_string().into_bytes(), verdict: Verdict::Failed },
        }
    }
}

/// What the verdict counts as, also where the mode does not enforce it.
fn outcome(verdict: &admission::Verdict) -> Verdict {
    match (verdict.is_allowed(), verdict.patch.0.is_empty()) {
        (false, _) => Verdict::Denied,
        (true, false) => Verdict::Changed,
        (true, true) => Verdict::Allowed,
    }
}

/// Logs who met which rules with what. Messages stay out of the log: they quote values, and a value may be a secret.
fn refused(call: &Call, verdict: &admission::Verdict) {
    let rules: BTreeSet<&str> = verdict.errors().map(|problem| problem.rule).collect();
    let rules = Vec::from_iter(rules).join(" ");
    let request = &call.request;
    tracing::info!(
        endpoint = call.endpoint.path(),
        mode = call.mode.as_str(),
        kind = request.kind,
        namespace = request.namespace,
        name = request.name,
        user = request.user,
        dry_run = request.dry_run,
        rules,
        "{}",
        if call.mode == Mode::Enforce { "refused" } else { "would be refused" }
    );
}

impl Gate {
    pub(super) fn new(cluster: Cluster, catalog: Arc<RwLock<Catalog>>, gate: admission::Gate) -> Self {
        Gate { cluster, catalog, gate, reads: Semaphore::new(READS) }
    }

    async fn judge(&self, call: &Call) -> admission::Verdict {
        let until = Instant::now() + READ_TIME;
        let mut needs = self.gate.needs(call, &self.catalog());
        if !self.cluster.reads_credentials() && call.request.kind != "Canary" {
            // Nothing is said of a Secret that nobody may look at.
            needs.retain(|reference| reference.kind != "Secret");
        }
        let mut lookups = self.read(call, needs, until).await;
        let verdict = self.gate.judge(call, &self.catalog(), &lookups);
        if verdict.confirm.is_empty() {
            return verdict;
        }
        // The index of this replica may lag behind: what a refusal rests on is read again.
        lookups.extend(self.read(call, verdict.confirm, until).await);
        self.gate.judge(call, &self.catalog(), &lookups)
    }

    /// Reads objects, and what those name in turn as soon as they are there.
    async fn read(&self, call: &Call, references: Vec<ObjectRef>, until: Instant) -> Lookups {
        let mut lookups = Lookups::new();
        let mut reads: FuturesUnordered<_> =
            references.into_iter().map(|reference| self.look(reference, until)).collect();
        while let Some((reference, lookup)) = reads.next().await {
            let further = self.gate.further(call, &reference, &lookup);
            reads.extend(further.into_iter().map(|reference| self.look(reference, until)));
            lookups.insert(reference, lookup);
        }
        lookups
    }

    async fn look(&self, reference: ObjectRef, until: Instant) -> (ObjectRef, Lookup) {
        // Every replica keeps these. At worst one is warned about as it was a moment ago; a new one is asked for.
        let kept = (reference.kind == "MetricTemplate").then(|| self.cluster.known(&reference)).flatten();
        if let Some(template) = kept {
            return (reference, Lookup::Found(Arc::unwrap_or_clone(template)));
        }
        let glance = async {
            // Nobody closes it. Whoever waits for a turn for too long is late like any other.
            let _turn = self.reads.acquire().await;
            self.cluster.glance(&reference).await
        };
        let lookup = match tokio::time::timeout_at(until, glance).await {
            Ok(Ok(Some(object))) => Lookup::Found(match reference.kind.as_str() {
                "ConfigMap" | "Secret" => rules::keys_only(&object),
                _ => Arc::unwrap_or_clone(object),
            }),
            Ok(Ok(None)) => Lookup::Missing,
            Ok(Err(error)) => Lookup::Failed(sentence::of(&error)),
            Err(_) => Lookup::Failed(format!("the API server took longer than {} ms", READ_TIME.as_millis())),
        };
        (reference, lookup)
    }

    fn catalog(&self) -> std::sync::RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{api::API_VERSION, cluster::Duty, rollout::Settings};

    fn template(name: &str) -> Value {
        json!({"apiVersion": API_VERSION, "kind": "MetricTemplate",
            "metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "1"}})
    }

    /// An API server whose list has the template `old`, and that has `new` too; it counts the reads of single ones.
    fn server(reads: Arc<AtomicU32>) -> kube::Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let path = request.uri().path().to_owned();
            let body = match path.rsplit_once("/metrictemplates") {
                Some((_, "")) => {
                    json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": [template("old")]})
                }
                Some((_, name)) => {
                    reads.fetch_add(1, Ordering::Relaxed);
                    template(name.trim_start_matches('/'))
                }
                None => json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []}),
            };
            async move {
                if watches {
                    std::future::pending::<()>().await;
                }
                Response::builder().body(Body::from(body.to_string().into_bytes()))
            }
        });
        kube::Client::new(service, "default")
    }

    #[tokio::test]
    async fn a_template_that_the_watch_told_of_costs_no_read_and_a_new_one_costs_one() {
        let (reads, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
        let (cluster, _touched) = Cluster::new(server(reads.clone()), None);
        let watches = cluster.watch(Duty::Catalog, &stop);
        watches.synced().await;
        let gate = Gate::new(cluster, Arc::default(), admission::Gate::new(Settings::default(), "us"));
        for (name, asked) in [("old", 0), ("new", 1)] {
            let reference = ObjectRef::new(API_VERSION, "MetricTemplate", "shop", name);
            let (_, lookup) = gate.look(reference, Instant::now() + READ_TIME).await;
            let Lookup::Found(found) = lookup else { panic!("{name}: {lookup:?}") };
            assert_eq!(
                (found["metadata"]["name"].as_str(), reads.load(Ordering::Relaxed)),
                (Some(name), asked)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_of_all_reviews_together_are_bounded_and_what_has_no_turn_in_time_is_late() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let service = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<Response<Body>, http::Error>>()
        });
        let (cluster, _touched) = Cluster::new(kube::Client::new(service, "default"), None);
        let gate = Gate::new(cluster, Arc::default(), admission::Gate::new(Settings::default(), "us"));
        let begin = Instant::now();
        let looks = (0..READS + 6).map(|number| {
            let reference = ObjectRef::new("apps/v1", "Deployment", "shop", number.to_string());
            gate.look(reference, begin + READ_TIME)
        });
        for (_, lookup) in futures::future::join_all(looks).await {
            assert_eq!(lookup, Lookup::Failed("the API server took longer than 300 ms".to_owned()));
        }
        assert_eq!((asked.load(Ordering::Relaxed), begin.elapsed()), (64, READ_TIME));
        assert_eq!(gate.reads.available_permits(), READS, "the next ones have their turn");
    }
}
