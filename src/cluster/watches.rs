//! The watches that feed the view: one a kind, each a task of its own, so that one that fails holds up no other.

use std::{collections::HashSet, future::Future, sync::PoisonError, time::Duration};

use futures::{Stream, StreamExt};
use kube::{
    Api, Client, Resource,
    api::ApiResource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Config, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    flight::Shared,
    health::{Health, Pulse},
    kinds::{Duty, HEARD, Heard, KINDS, Kind},
    named::Sight,
    raw::{Raw, RawMeta},
    read::Cluster,
    served::Served,
    view::View,
};
use crate::api::ObjectRef;

/// Pause before a new list after the API server refused to go on.
const RESTART: Duration = Duration::from_secs(1);

/// Pause before a list is tried again for which we lack the rights.
const RIGHTS: Duration = Duration::from_secs(60);

/// Pause before discovery is asked again after it failed.
const RETRY: Duration = Duration::from_secs(5);

/// Watches under way.
pub struct Watches {
    tasks: JoinSet<&'static str>,
    health: Vec<(&'static str, watch::Receiver<Health>)>,
}

impl Cluster {
    /// Starts the watches of a duty. They end when `stop` is cancelled; what they knew is then forgotten, so that a later
    /// start never rests on it.
    pub fn watch(&self, duty: Duty, stop: &CancellationToken) -> Watches {
        let mut watches = Watches { tasks: JoinSet::new(), health: Vec::new() };
        for kind in KINDS.iter().filter(|kind| kind.duty == duty) {
            let cluster = self.clone();
            let watch = |pulse| async move { keep(&cluster, kind, pulse).await };
            watches.start(self, kind.name, stop, watch, |view| view.unwatched(kind));
        }
        for heard in HEARD.iter().filter(|heard| heard.kind.duty == duty && self.hears(heard)) {
            let cluster = self.clone();
            let watch = |pulse| async move { hear(&cluster, heard, pulse).await };
            watches.start(self, heard.watch, stop, watch, |view| view.deaf(heard));
        }
        watches
    }
}

impl Watches {
    /// Starts one watch; when it ends, what it knew is forgotten.
    fn start<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        cluster: &Cluster,
        name: &'static str,
        stop: &CancellationToken,
        watch: impl FnOnce(Pulse) -> F,
        forget: impl FnOnce(&mut View) + Send + 'static,
    ) {
        let (pulse, health) = Pulse::new(name, cluster.failures.clone());
        let (view, stop, watch) = (cluster.view.clone(), stop.clone(), watch(pulse));
        cluster.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(name, health.clone());
        self.health.push((name, health));
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watch => {}
            }
            forget(&mut view.lock());
            name
        });
    }

    /// Waits until each watch has delivered its first list.
    pub async fn synced(&self) {
        for (_, health) in &self.health {
            // An error is a task that ended: `ended` tells of it.
            let _ = health.clone().wait_for(|health| health.synced).await;
        }
    }

    /// Waits until each watch has delivered its first list, but no longer than `patience`; returns those that have not. They go on
    /// being tried.
    pub async fn begun(&self, patience: Duration) -> Vec<&'static str> {
        let _ = tokio::time::timeout(patience, self.synced()).await;
        let late = self.health.iter().filter(|(_, health)| !health.borrow().synced);
        late.map(|(name, _)| *name).collect()
    }

    /// Whether each watch has delivered its first list.
    pub fn is_synced(&self) -> bool {
        self.health.iter().all(|(_, health)| health.borrow().synced)
    }

    /// Watches that have been failing for longer than `patience`, with the time since when.
    pub fn failing(&self, patience: Duration) -> Vec<(&'static str, Duration)> {
        let now = Instant::now();
        let failing = self.health.iter().filter_map(|(name, health)| {
            let since = health.borrow().failing_since(now)?;
            Some((*name, now.duration_since(since)))
        });
        failing.filter(|(_, age)| *age > patience).collect()
    }

    /// A view of the state of each watch that outlives a borrow of this.
    pub fn health(&self) -> Vec<(&'static str, watch::Receiver<Health>)> {
        self.health.clone()
    }

    /// Waits until a watch ended; before `stop` is cancelled that is a defect and the process should end.
    pub async fn ended(&mut self) -> Option<&'static str> {
        match self.tasks.join_next().await? {
            Ok(name) => Some(name),
            Err(error) => {
                warn!(%error, "a watch ended in a panic");
                Some("unknown")
            }
        }
    }

    /// Waits until all have ended, after `stop` was cancelled.
    pub async fn finished(mut self) {
        while self.ended().await.is_some() {}
    }
}

/// Keeps the projection of one kind for ever.
async fn keep(cluster: &Cluster, kind: &'static Kind, pulse: Pulse) {
    loop {
        if kind.optional && !wait_until_served(&cluster.client, &cluster.served, kind, &pulse).await {
            continue;
        }
        let config = Config { label_selector: kind.selector(), ..Config::default() };
        match feed(&cluster.view, source(cluster, kind, config), kind, &pulse).await {
            Ended::NotServed => cluster.view.lock().unwatched(kind),
            Ended::Forbidden => {
                cluster.view.lock().unwatched(kind);
                // Everything else goes on; a Canary that needs the kind asks for each object and is told what is missing.
                warn!(kind = kind.name, group = kind.api_version, "no right to watch; its Canaries wait");
                pulse.passed_over();
                tokio::time::sleep(RIGHTS).await;
            }
            Ended::TooOld => tokio::time::sleep(RESTART).await,
        }
    }
}

/// Why a stream of events is of no use any more.
enum Ended {
    /// The kind is no longer served.
    NotServed,
    /// We lack the rights on a kind that not every Canary needs.
    Forbidden,
    /// The API server refuses to go on from the last version; only a new list helps. kube lists anew by itself when this
    /// comes as an event, but not when it is the answer to the request.
    TooOld,
}

impl Ended {
    fn by(error: &watcher::Error, kind: &Kind) -> Option<Ended> {
        use watcher::Error::{InitialListFailed, WatchStartFailed};
        match error {
            WatchStartFailed(kube::Error::Api(status)) if status.code == 410 => Some(Ended::TooOld),
            InitialListFailed(kube::Error::Api(status)) | WatchStartFailed(kube::Error::Api(status))
                if status.code == 404 && kind.optional =>
            {
                Some(Ended::NotServed)
            }
            InitialListFailed(kube::Error::Api(status)) | WatchStartFailed(kube::Error::Api(status))
                if status.code == 403 && kind.optional =>
            {
                Some(Ended::Forbidden)
            }
            _ => None,
        }
    }
}

/// The address of all objects that a watch of the kind covers, as a stream with growing pauses between failures.
fn source<K>(
    cluster: &Cluster,
    kind: &Kind,
    config: Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + use<K>
where
    K: Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api: Api<K> = match &cluster.namespace {
        Some(namespace) => Api::namespaced_with(cluster.client.clone(), namespace, &kind.resource()),
        None => Api::all_with(cluster.client.clone(), &kind.resource()),
    };
    watcher(api, config).default_backoff()
}

/// Waits until an optional kind is served; false to ask again.
async fn wait_until_served(client: &Client, served: &Served, kind: &'static Kind, pulse: &Pulse) -> bool {
    match served.check(client, kind).await {
        Ok(true) => return true,
        Ok(false) => {
            info!(kind = kind.name, "not served here; it is looked for again when a Canary needs it");
            pulse.synced();
            served.wanted().await;
        }
        Err(error) => {
            pulse.failed(&error);
            tokio::time::sleep(RETRY).await;
        }
    }
    false
}

/// Feeds a projection as long as that is of use.
async fn feed(
    view: &Shared,
    events: impl Stream<Item = watcher::Result<Event<Raw>>> + Send,
    kind: &'static Kind,
    pulse: &Pulse,
) -> Ended {
    let resource = kind.resource();
    let mut events = std::pin::pin!(events);
    let (mut listed, mut begun) = (HashSet::new(), Instant::now());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => {
                listed.clear();
                begun = Instant::now();
            }
            Ok(Event::InitApply(raw)) => {
                if let Some(reference) = named(&raw, &resource) {
                    view.lock().delivered(&reference, raw.into_object(&resource));
                    listed.insert(reference);
                }
            }
            Ok(Event::InitDone) => {
                view.lock().listed(kind, &std::mem::take(&mut listed), begun);
                pulse.synced();
            }
            Ok(Event::Apply(raw)) => {
                if let Some(reference) = named(&raw, &resource) {
                    view.lock().delivered(&reference, raw.into_object(&resource));
                }
            }
            Ok(Event::Delete(raw)) => {
                if let Some(reference) = named(&raw, &resource) {
                    view.lock().left(&reference, &raw.into_object(&resource));
                }
            }
            Err(error) => {
                pulse.failed(&error);
                if let Some(ended) = Ended::by(&error, kind) {
                    return ended;
                }
            }
        }
    }
    Ended::TooOld
}

/// Listens to the metadata of all objects of a kind; the view remembers those that Canaries name.
async fn hear(cluster: &Cluster, heard: &'static Heard, pulse: Pulse) {
    let resource = heard.kind.resource();
    loop {
        let mut events = std::pin::pin!(source::<RawMeta>(cluster, &heard.kind, Config::default()));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            let (raw, exists, listing) = match event {
                Ok(Event::Init) => {
                    listed.clear();
                    continue;
                }
                Ok(Event::InitDone) => {
                    cluster.view.lock().heard_all(heard, &std::mem::take(&mut listed));
                    pulse.synced();
                    continue;
                }
                Ok(Event::InitApply(raw)) => (raw, true, true),
                Ok(Event::Apply(raw)) => (raw, true, false),
                Ok(Event::Delete(raw)) => (raw, false, false),
                Err(error) => {
                    pulse.failed(&error);
                    if Ended::by(&error, &heard.kind).is_some() {
                        break;
                    }
                    continue;
                }
            };
            if let Some(reference) = named(&raw, &resource) {
                let sight = Sight::from(raw.value());
                if exists {
                    let ours = Kind::of(&reference).is_some_and(|kind| kind.selects(raw.value()));
                    cluster.view.lock().heard(&reference, sight, ours);
                } else {
                    cluster.view.lock().unheard(&reference, Some(&sight.uid));
                }
                if listing {
                    listed.insert(reference);
                }
            }
        }
        tokio::time::sleep(RESTART).await;
    }
}

/// The object's reference; an object without a name is passed over, so that it stops no other.
fn named<const ONLY_META: bool>(raw: &Raw<ONLY_META>, resource: &ApiResource) -> Option<ObjectRef> {
    let reference = raw.reference(resource);
    if reference.is_none() {
        warn!(kind = resource.kind, "the watch delivered an object without a name; it is passed over");
    }
    reference
}
