//! What only the leader does: look at Canaries, tell the API server of the certificate.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    asks::Asks,
    catalog,
    look::Looker,
    metrics::Metrics,
    probes::{self, WatchHealth},
    queue,
    slots::{Bounds, Slots},
};
use crate::{
    admission::Catalog,
    api::CanaryKey,
    certs::Injector,
    cluster::{Announcer, Candidate, Cluster, ClusterWorld, Duty, Told, check_schema},
    execute::lease::Leadership,
    rollout::Settings,
    sentence,
};

/// Pause before the served schema is looked at again.
const SCHEMA_PAUSE: Duration = Duration::from_secs(10);

/// How long a term waits for watches that fail. It then begins without them: they concern some Canaries, and it all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the served schema can hold what we write.
pub(super) type Schema = watch::Receiver<Result<(), String>>;

/// Everything that leading needs.
pub(super) struct Leader {
    pub(super) schema: Schema,
    /// The watches of every replica; nobody leads before Canaries are known.
    pub(super) catalog_watches: WatchHealth,
    pub(super) cluster: Cluster,
    pub(super) catalog: Arc<RwLock<Catalog>>,
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: Metrics,
    pub(super) announcer: Announcer,
    pub(super) asks: Arc<Asks>,
    pub(super) tell: mpsc::UnboundedSender<Told>,
    pub(super) wake: Arc<RwLock<Option<mpsc::UnboundedSender<CanaryKey>>>>,
    /// Whether the Catalog's follower tells what Canaries name.
    pub(super) naming: Arc<AtomicBool>,
    pub(super) injector: Option<Injector>,
    pub(super) concurrency: usize,
    pub(super) bounds: Bounds,
}

/// Looks until the served schema is ours: a schema of the peer would silently drop our status.
pub(super) fn watch_schema(client: kube::Client) -> Schema {
    let (sender, receiver) = watch::channel(Err("the served schema was not looked at yet".to_owned()));
    tokio::spawn(async move {
        while let Err(error) = check_schema(&client).await {
            let text = sentence::of(&error);
            if sender.borrow().as_ref() != Err(&text) {
                tracing::error!(error = text, "nothing is done for any Canary");
            }
            let _ = sender.send_replace(Err(text));
            tokio::time::sleep(SCHEMA_PAUSE).await;
        }
        let _ = sender.send_replace(Ok(()));
        // The last word is kept for as long as anybody reads it.
        sender.closed().await;
    });
    receiver
}

impl Leader {
    /// Competes for the lease and leads whenever it is ours, until `shutdown`; gives the lease back in the end.
    pub(super) async fn run(
        self,
        mut candidate: Candidate,
        mut leadership: watch::Receiver<Leadership>,
        mut answers: mpsc::UnboundedReceiver<CanaryKey>,
        shutdown: CancellationToken,
    ) {
        let patience = Instant::now() + PATIENCE;
        let leading = async {
            while !shutdown.is_cancelled() {
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = self.chosen(&mut leadership, patience) => {}
                }
                let stop = shutdown.child_token();
                let held = leadership.clone();
                // Whatever changes from here on is named by the Catalog's follower, all else at the beginning of the term.
                self.naming.store(true, Ordering::Relaxed);
                tokio::join!(self.term(&mut answers, held, &stop), async {
                    tokio::select! {
                        () = lost(&mut leadership) => {}
                        () = stop.cancelled() => {}
                    }
                    stop.cancel();
                });
                self.naming.store(false, Ordering::Relaxed);
                self.cluster.forget_names();
            }
        };
        tokio::select! {
            () = candidate.run() => {}
            () = leading => {}
        }
        candidate.release().await;
    }

    /// Waits until this replica leads and may act; until `patience` for what it can do without.
    async fn chosen(&self, leadership: &mut watch::Receiver<Leadership>, patience: Instant) {
        let mut schema = self.schema.clone();
        told_of(&probes::known(&self.catalog_watches, patience).await);
        // The senders live as long as the process does.
        let _ = schema.wait_for(Result::is_ok).await;
        let _ = leadership.wait_for(|held| held.is_leader(Instant::now())).await;
    }

    /// One term: from the first list to the last write.
    async fn term(
        &self,
        answers: &mut mpsc::UnboundedReceiver<CanaryKey>,
        leadership: watch::Receiver<Leadership>,
        stop: &CancellationToken,
    ) {
        // What is heard of a name that nobody has named yet is not remembered, and would cost a GET.
        catalog::name_all(&self.cluster);
        let mut watches = self.cluster.watch(Duty::Loop, stop);
        let late = tokio::select! {
            late = watches.begun(PATIENCE) => late,
            () = stop.cancelled() => return watches.finished().await,
        };
        told_of(&late);
        tokio::join!(self.work(answers, leadership, stop), async {
            // A watch that ends by itself leaves a projection that nobody renews: end the term and begin anew.
            if let Some(kind) = watches.ended().await.filter(|_| !stop.is_cancelled()) {
                tracing::error!(kind, "a watch ended; the term ends too, to begin anew");
                stop.cancel();
            }
        });
        watches.finished().await;
    }

    async fn work(
        &self,
        answers: &mut mpsc::UnboundedReceiver<CanaryKey>,
        leadership: watch::Receiver<Leadership>,
        stop: &CancellationToken,
    ) {
        let (wake, events) = mpsc::unbounded_channel();
        let (ask, mut asked) = mpsc::unbounded_channel();
        self.wake_through(Some(wake.clone()));
        for canary in self.cluster.known_of("Canary") {
            let _ = wake.send(CanaryKey::new(canary.namespace, canary.name));
        }
        let slots = Slots::new(self.bounds, catalog::running(&self.catalog));
        let looker = Looker {
            cluster: self.cluster.clone(),
            world: ClusterWorld::new(
                self.cluster.clone(),
                self.announcer.clone(),
                ask,
                self.tell.clone(),
                leadership,
            ),
            asks: self.asks.clone(),
            catalog: self.catalog.clone(),
            settings: self.settings.clone(),
            metrics: self.metrics.clone(),
            slots: Arc::new(Mutex::new(slots)),
            writes: Arc::default(),
            reads: Arc::default(),
            statuses: Arc::default(),
            wake: wake.clone(),
        };
        let asking = async {
            while let Some((key, question)) = asked.recv().await {
                self.asks.start(key, question);
            }
        };
        let answering = async {
            while let Some(key) = answers.recv().await {
                let _ = wake.send(key);
            }
        };
        let publishing = async {
            match &self.injector {
                Some(injector) => injector.run(stop.clone()).await,
                None => stop.cancelled().await,
            }
        };
        let working = queue::work(events, self.concurrency, stop, move |key| looker.clone().look(key));
        let helping = async { tokio::join!(asking, answering, publishing) };
        tokio::select! {
            () = working => {}
            _ = helping => {}
        }
        self.wake_through(None);
        self.metrics.rest();
    }

    fn wake_through(&self, wake: Option<mpsc::UnboundedSender<CanaryKey>>) {
        *self.wake.write().unwrap_or_else(PoisonError::into_inner) = wake;
    }
}

/// Tells of kinds that cannot be watched.
fn told_of(late: &[&str]) {
    if !late.is_empty() {
        let kinds = late.join(", ");
        tracing::error!(
            kinds,
            "cannot be watched; all Canaries are worked on, and those that need them are told"
        );
    }
}

/// Waits until this replica may not begin writes any more.
async fn lost(leadership: &mut watch::Receiver<Leadership>) {
    loop {
        let until = leadership.borrow_and_update().until();
        let Some(until) = until.filter(|until| *until > Instant::now()) else { return };
        tokio::select! {
            changed = leadership.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(until) => {}
        }
    }
}
