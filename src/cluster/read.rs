//! Reading: what one decision needs, from memory wherever memory is certain, by one GET an object wherever it is not.
//!
//! What costs a GET: an object of a labelled kind that the watch did not deliver (it may exist without our label), an object
//! whose state a failed or unconfirmed write of ours left in doubt, a member that left its watch, and every object of a kind
//! that is not watched. Of kinds with a metadata watch an absence found by GET is remembered until the watch speaks of the name. For
//! other kinds it is not remembered: nothing would tell us of its end, so each look that needs such an object asks once.
//! An error is an error, never an absence.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    calls,
    error::ClusterError,
    flight::Shared,
    health::{Failures, Health},
    kinds::{CONFIG_MAP, CONTROLLER_REVISION, ENDPOINT_SLICE, Heard, Kind, SECRET},
    overlay::Look,
    served::Served,
    store::Group,
    view::{Touched, View},
};
use crate::{
    api::{CanaryKey, Live, Object, ObjectRef},
    rollout::Needs,
};

/// How many GETs of one look run at a time.
pub(super) const AT_ONCE: usize = 8;

/// The cluster as we know it. Clones share what they know.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    pub(super) view: Shared,
    pub(super) served: Arc<Served>,
    pub(super) namespace: Option<String>,
    /// Kinds of configs that are watched by metadata.
    configs: Arc<[&'static str]>,
    /// How often each watch failed.
    pub(super) failures: Failures,
    /// How the watches do, by what they watch.
    pub(super) watched: Arc<Mutex<HashMap<&'static str, watch::Receiver<Health>>>>,
    /// Whether Secrets with credentials may be read.
    pub(super) credentials: bool,
}

impl Cluster {
    /// A cluster of which nothing is known yet, restricted to one namespace if one is given; and where its changes are told.
    pub fn new(client: Client, namespace: Option<String>) -> (Cluster, mpsc::UnboundedReceiver<Touched>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let view = Shared::new(View::new(namespace.clone(), events));
        let cluster = Cluster {
            client,
            view,
            served: Arc::default(),
            namespace,
            configs: Arc::default(),
            failures: Failures::default(),
            watched: Arc::default(),
            credentials: true,
        };
        (cluster, receiver)
    }

    /// The same, with metadata watches of these kinds of configs (ConfigMap, Secret).
    pub fn hearing(self, configs: &[&'static str]) -> Cluster {
        Cluster { configs: configs.into(), ..self }
    }

    /// The same, that reads no Secret with credentials of metric servers and chat rooms.
    pub fn without_credentials(self) -> Cluster {
        Cluster { credentials: false, ..self }
    }

    /// Whether Secrets with credentials of metric servers and chat rooms are read.
    pub fn reads_credentials(&self) -> bool {
        self.credentials
    }

    /// Counts how often each watch failed.
    pub fn failures(&self) -> Failures {
        self.failures.clone()
    }

    /// The objects that a decision needs, none older than our own last write. Fails if any of them could not be read.
    pub async fn live(&self, needs: &Needs) -> Result<Live, ClusterError> {
        let mut wanted: BTreeSet<ObjectRef> = needs.objects.iter().cloned().collect();
        {
            let view = self.view.lock();
            // Of a kind that is not served or not listed yet, nothing is missing: its watch wakes the Canary.
            wanted.extend(view.members(&Group::Routes(needs.family_of.clone())));
            for (kind, groups) in groups(needs) {
                let synced = Kind::named(kind).is_some_and(|kind| view.is_synced(kind));
                if !groups.is_empty() && !synced {
                    return Err(self.not_synced(kind));
                }
                wanted.extend(groups.iter().flat_map(|group| view.members(group)));
            }
            // No decision hangs on these: one that is not known yet is seen when its watch tells of it.
            wanted.extend(view.members(&Group::Autoscalers(needs.family_of.clone())));
        }
        self.objects(wanted).await
    }

    /// Why changes of one of these objects are told by nobody: a watch has not delivered its first list. They are read by GET
    /// meanwhile. None if all are watched that should be.
    pub fn unheard<'a>(&self, references: impl IntoIterator<Item = &'a ObjectRef>) -> Option<ClusterError> {
        let view = self.view.lock();
        let hears = |reference: &ObjectRef| Heard::of(reference).is_some_and(|heard| self.hears(heard));
        let mut late = references.into_iter().filter_map(|reference| {
            let late = view.late(reference, hears(reference))?;
            // One that is not served is no matter of its watch.
            Kind::of(reference).is_none_or(|kind| !self.served.lacks(kind)).then_some(late)
        });
        late.next().map(|kind| self.not_synced(kind))
    }

    /// A watch that has not delivered its first list, and why not.
    fn not_synced(&self, kind: &'static str) -> ClusterError {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let why = watched.get(kind).and_then(|health| health.borrow().lapse.clone());
        ClusterError::NotSynced { kind, why }
    }

    /// These objects, as far as they exist. Fails if any of them could not be read.
    pub async fn objects(&self, wanted: impl IntoIterator<Item = ObjectRef>) -> Result<Live, ClusterError> {
        let found: Vec<_> = stream::iter(wanted)
            .map(|reference| async move {
                let object = self.look(&reference).await?;
                Ok(object.map(|object| (reference, object)))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|found| async move { Ok::<_, ClusterError>(found) })
            .try_collect()
            .await?;
        Ok(found.into_iter().collect())
    }

    /// These objects as far as they exist and can be read, and why one of them cannot.
    pub async fn readable(
        &self,
        wanted: impl IntoIterator<Item = ObjectRef>,
    ) -> (Live, Option<ClusterError>) {
        let read = stream::iter(wanted).map(|reference| self.objects([reference]));
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).collect().await;
        let (mut live, mut lost) = (Live::default(), None);
        for found in read {
            match found {
                Ok(found) => live.extend(found),
                Err(error) => drop(lost.get_or_insert(error)),
            }
        }
        (live, lost)
    }

    /// One object, from memory where memory is certain.
    pub async fn look(&self, reference: &ObjectRef) -> Result<Option<Arc<Object>>, ClusterError> {
        let look = self.view.lock().look(reference, Instant::now());
        match look {
            Look::Present(object) => Ok(Some(object)),
            Look::Absent => Ok(None),
            Look::Unknown if !self.may_be_served(reference) => Ok(None),
            Look::Unknown => self.get(reference).await,
        }
    }

    /// One object as the API server has it now.
    pub async fn get(&self, reference: &ObjectRef) -> Result<Option<Arc<Object>>, ClusterError> {
        let flight = self.view.reading(reference);
        let answer = calls::get(&self.client, reference).await?;
        flight.answered(answer.as_ref());
        Ok(answer)
    }

    /// The object as the API server has it, of which nothing is remembered: for those who decide nothing here. A replica that does
    /// not lead would remember it for nobody, and keep it for long.
    pub async fn glance(&self, reference: &ObjectRef) -> Result<Option<Arc<Object>>, ClusterError> {
        calls::get(&self.client, reference).await
    }

    /// The object as far as memory knows it, without any call.
    pub fn known(&self, reference: &ObjectRef) -> Option<Arc<Object>> {
        self.view.lock().last(reference, Instant::now())
    }

    /// All objects of a kind that is always watched of which memory knows, in order of namespace and name; each is to be looked
    /// at on its own.
    pub fn known_of(&self, kind: &str) -> BTreeSet<ObjectRef> {
        Kind::named(kind).map(|kind| self.view.lock().of_kind(kind)).unwrap_or_default()
    }

    /// Forgets what all Canaries name.
    pub fn forget_names(&self) {
        self.view.lock().forget_names();
    }

    /// Tells which objects a Canary names, so that their birth, changes and end wake the Canary although they lack our label;
    /// none when the Canary is gone. Of kinds that are not heard of, nothing is remembered.
    pub fn name(&self, canary: &CanaryKey, references: BTreeSet<ObjectRef>) {
        self.view.lock().name(canary, references);
    }

    /// Whether the kind has a metadata watch.
    pub(super) fn hears(&self, heard: &Heard) -> bool {
        self.configs.contains(&heard.kind.name) || !matches!(heard.kind.name, CONFIG_MAP | SECRET)
    }

    /// Whether the API server serves this kind, as far as we know: false only for an optional kind that discovery just lacked.
    pub fn may_be_served(&self, reference: &ObjectRef) -> bool {
        Kind::of(reference).is_none_or(|kind| self.served.may_be(kind, Instant::now()))
    }

    /// Whether the API server serves this kind; asked only about an optional one, and true where nothing else is certain.
    pub(super) async fn is_served(&self, reference: &ObjectRef) -> bool {
        match Kind::of(reference).filter(|kind| kind.optional) {
            Some(kind) => self.served.check(&self.client, kind).await.unwrap_or(true),
            None => true,
        }
    }
}

/// The families that are needed whole, by kind.
fn groups(needs: &Needs) -> [(&'static str, Vec<Group>); 2] {
    let namespace = &needs.family_of.namespace;
    let slices = needs.slices_of.iter().map(|service| Group::Slices(namespace.clone(), service.clone()));
    let snapshots = vec![Group::Snapshots(needs.family_of.clone())];
    [(ENDPOINT_SLICE, slices.collect()), (CONTROLLER_REVISION, snapshots)]
}
