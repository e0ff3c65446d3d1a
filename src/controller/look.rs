//! One look at one Canary: gather an Observation, ask `rollout`, hand the Decision to `execute`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::FutureExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    asks::Asks,
    leaving::Leaving,
    metrics::Metrics,
    problems,
    queue::Again,
    reads::{Gathered, Reads},
    slots::{Slots, Stand},
    statuses::Statuses,
};
use crate::{
    admission::{Catalog, Seen},
    api::{API_VERSION, Canary, CanaryKey, CanarySpec, Object, ObjectRef},
    cluster::{Cluster, ClusterError, ClusterWorld},
    execute::{Outcome, World, WorldError, execute},
    rollout::{self, Cause, Failure, Lost, Observation, Settings, Sketches, Unread, Writes},
    sentence,
    workload::configs::{ConfigRef, Configs},
};

/// What a look needs; clones share it.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) cluster: Cluster,
    pub(super) world: ClusterWorld,
    pub(super) asks: Arc<Asks>,
    pub(super) catalog: Arc<RwLock<Catalog>>,
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: Metrics,
    /// How many rollouts go on at once.
    pub(super) slots: Arc<Mutex<Slots>>,
    /// What came of the last writes for each Canary.
    pub(super) writes: Arc<Mutex<HashMap<CanaryKey, Writes>>>,
    /// For which Canaries reads do not pass.
    pub(super) reads: Arc<Reads>,
    /// Of which Canaries the status cannot be written.
    pub(super) statuses: Arc<Statuses>,
    /// Where other Canaries are woken that a look concerns.
    pub(super) wake: mpsc::UnboundedSender<CanaryKey>,
}

/// Why a look ended early.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("reading what {canary} needs")]
    Read {
        canary: CanaryKey,
        #[source]
        source: ClusterError,
    },
    #[error("acting for {canary}")]
    Act {
        canary: CanaryKey,
        #[source]
        source: WorldError,
    },
}

/// Where a Canary stands.
pub(super) fn reference(key: &CanaryKey) -> ObjectRef {
    ObjectRef::new(API_VERSION, "Canary", &key.namespace, &key.name)
}

/// A Canary of whose spec nothing can be read.
fn unread(key: &CanaryKey, object: &Object) -> Canary {
    let of = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    let mut canary = Canary::new(&key.name, CanarySpec::default());
    canary.metadata.namespace = Some(key.namespace.clone());
    (canary.metadata.uid, canary.metadata.resource_version) = (of("uid"), of("resourceVersion"));
    canary
}

/// The time from `now` until `at`; none if that is past.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

impl Looker {
    /// Looks at a Canary; whatever goes wrong concerns this Canary alone.
    pub(super) async fn look(self, key: CanaryKey) -> Again {
        let begin = Instant::now();
        let again = match AssertUnwindSafe(self.attempt(&key)).catch_unwind().await {
            Ok(Ok(again)) => again,
            Ok(Err(error)) => {
                tracing::warn!(canary = %key, error = sentence::of(&error), "the look failed; it is repeated");
                Again::Failed
            }
            Err(_) => {
                tracing::error!(canary = %key, "the look panicked; it is repeated");
                Again::Failed
            }
        };
        let outcome = match &again {
            Again::Failed | Again::Held(Cause::WriteFailed | Cause::ReadFailed | Cause::ReadDenied, _) => {
                "error"
            }
            Again::Stale(_) => "stale",
            Again::Held(Cause::WriteRefused | Cause::KindNotServed, _) => "refused",
            Again::Never | Again::After(_) => "done",
        };
        self.metrics.looked(&key, begin.elapsed().as_secs_f64(), outcome);
        again
    }

    async fn attempt(&self, key: &CanaryKey) -> Result<Again, LookError> {
        let read = |source| LookError::Read { canary: key.clone(), source };
        let act = |source| LookError::Act { canary: key.clone(), source };
        let Some(object) = self.cluster.look(&reference(key)).await.map_err(read)? else {
            self.asks.retain(key, |_| false);
            self.writes().remove(key);
            self.reads.keep(key, None);
            self.statuses.forget(key);
            self.metrics.unwritten(self.statuses.count());
            self.stands(key, Stand::Rests);
            return Ok(Again::Never);
        };
        let (object, canary, unreadable) = match Canary::deserialize(object.as_ref()) {
            Ok(canary) => (object, canary, None),
            Err(_) => match Leaving::of(&object) {
                Some(leaving) => {
                    let unreadable = leaving.is_bare.then(|| self.unreadable(key, &object));
                    (Arc::new(leaving.object), leaving.canary, unreadable)
                }
                None => {
                    self.stands(key, Stand::Rests);
                    let told = self.poisoned(key, &object).await;
                    self.wrote(&unread(key, &object), told.as_ref().map(drop));
                    return told.map_err(act);
                }
            },
        };
        let gathered = self.gather(key, &object, &canary).await;
        let Gathered { live, configs, mut problems, lost } = gathered.unwrap_or_else(Gathered::nothing);
        problems.extend(unreadable);
        let answers = self.asks.answers(key);
        // For the decisions of this one look: kept from look to look, they would be most of the memory of whoever runs much at once.
        let sketches = Sketches::default();
        let canary = Arc::new(canary);
        let writes = self.writes().get(key).cloned().unwrap_or_default();
        let now = Timestamp::now();
        let failing = self.reads.failing(key);
        let unread = |lost, error| Unread::then(failing.as_ref(), lost, problems::unread(&error), now);
        let mut observation = Observation {
            canary,
            live,
            configs,
            answers,
            problems,
            unread: lost.map(|(lost, error)| unread(lost, error)),
            full: None,
            writes,
            sketches,
        };
        let mut decision = rollout::decide(&observation, &self.settings, now);
        if !decision.lacks.is_empty() {
            // Contents are in memory for this one look only.
            let (contents, lost) = self.cluster.readable(decision.lacks).await;
            observation.live.extend(contents);
            // What is to be copied waits; all else goes on.
            observation.unread = observation.unread.or(lost.map(|error| unread(Lost::Little, error)));
            decision = rollout::decide(&observation, &self.settings, now);
        }
        self.reads.keep(key, observation.unread.as_ref());
        if rollout::starts(&observation.canary, &decision) {
            observation.full = self.slots().take(key).err();
            if observation.full.is_some() {
                decision = rollout::decide(&observation, &self.settings, now);
            }
        }
        let status = &decision.status;
        let outcome = execute(&self.world, &observation.canary, &decision).await;
        self.wrote(&observation.canary, outcome.as_ref().map(drop));
        let failed = match outcome {
            Err(WorldError::Stale { what }) | Ok(Outcome::Stale(what)) => return Ok(Again::Stale(what)),
            Ok(Outcome::Failed(failure)) => Some(failure),
            Ok(Outcome::Done) => None,
            Err(error) => return Err(act(error)),
        };
        if observation.unread.as_ref().is_some_and(Unread::holds) {
            // A look that was not to write anything says nothing of writes.
            if !decision.effects.is_empty() {
                self.remember(key, failed);
            }
            return Ok(Again::Failed);
        }
        if observation.canary.status.as_ref() != Some(status) {
            tracing::info!(
                canary = %key,
                phase = status.phase.as_str(),
                weight = status.canary_weight,
                revision = status.last_applied_spec,
                decision = status.last_decision,
                "decided"
            );
        }
        let runs = status.phase.runs() && !observation.canary.spec.suspend;
        self.stands(
            key,
            match &observation.full {
                Some(_) => Stand::Queued,
                None if runs => Stand::Runs,
                None => Stand::Rests,
            },
        );
        self.metrics.status(&observation.canary, status);
        // What came during the look wakes the Canary for the next one.
        self.asks.retain(key, |id| decision.known.contains(id) || !observation.answers.contains_key(id));
        let again = decision.wake.map(|at| until(at, Timestamp::now()));
        let unread = observation.unread.map(|unread| unread.failure.cause);
        // No event tells of a right that is given.
        let held = failed.as_ref().map(|failure| failure.cause).or(unread);
        let writes = self.remember(key, failed);
        Ok(match (held, again) {
            (Some(cause), again) => Again::Held(cause, again),
            // What did not pass is written: that is told too.
            _ if writes.outlived_by(status) => Again::After(Duration::ZERO),
            (None, None) => Again::Never,
            (None, Some(pause)) => Again::After(pause),
        })
    }

    fn writes(&self) -> MutexGuard<'_, HashMap<CanaryKey, Writes>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what came of the writes of this look.
    fn remember(&self, key: &CanaryKey, failed: Option<Failure>) -> Writes {
        let mut all = self.writes();
        let before = all.remove(key).unwrap_or_default();
        let writes = before.clone().then(failed, Timestamp::now());
        if let Writes::Failing { failure, .. } = &writes
            && writes != before
        {
            tracing::warn!(canary = %key, what = failure.what, why = failure.why, "a write does not pass");
        }
        all.insert(key.clone(), writes.clone());
        writes
    }

    /// Tells people by an event what a status that was not written does not tell.
    fn wrote(&self, canary: &Canary, status: Result<(), &WorldError>) {
        if let Some(event) = self.statuses.keep(&CanaryKey::from(canary), status) {
            self.world.announce(canary, &canary.status.clone().unwrap_or_default(), &event);
        }
        self.metrics.unwritten(self.statuses.count());
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps where a Canary stands, and wakes those whose turn has come by that.
    fn stands(&self, key: &CanaryKey, stand: Stand) {
        let mut slots = self.slots();
        for next in slots.stands(key, stand) {
            // The receiver is gone only when leadership just ended.
            let _ = self.wake.send(next);
        }
        self.metrics.slots(slots.counts());
    }

    /// What the Canary needs, and why nobody may act on it.
    async fn gather(
        &self,
        key: &CanaryKey,
        object: &Object,
        canary: &Canary,
    ) -> Result<Gathered, ClusterError> {
        let needs = rollout::needs(canary, &self.settings);
        let live = self.cluster.live(&needs).await?;
        let configs = rollout::configs(canary, &live, &self.settings);
        let named = configs.iter().map(|config| config.object(&key.namespace));
        let named: Vec<ObjectRef> = named.chain(needs.objects).collect();
        let (configs, lost) = self.configs(key, canary, configs).await;
        // Read by GET, and looked at again and again: nobody tells of changes.
        let lost = lost.or_else(|| Some((Lost::Little, self.cluster.unheard(&named)?)));
        self.learn(key, problems::seen(canary, &live, &self.settings));
        let catalog = self.catalog.read().unwrap_or_else(PoisonError::into_inner);
        let problems = problems::standing(object, canary, &catalog, &self.settings, &live);
        Ok(Gathered { live, configs, problems, lost })
    }

    /// Remembers what was seen around the Canary. Whom that concerns is looked at again.
    fn learn(&self, key: &CanaryKey, seen: Seen) {
        let known = |catalog: &Catalog| catalog.get(key).is_none_or(|entry| entry.seen == seen);
        if known(&self.catalog.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let concerned = self.catalog.write().unwrap_or_else(PoisonError::into_inner).learn(key, seen);
        for other in concerned {
            // The receiver is gone only when leadership just ended.
            let _ = self.wake.send(other);
        }
    }

    /// What is known of the configs, of which the Canary is told from now on.
    async fn configs(
        &self,
        key: &CanaryKey,
        canary: &Canary,
        configs: BTreeSet<ConfigRef>,
    ) -> (Configs, Option<(Lost, ClusterError)>) {
        let mut names = rollout::names(canary);
        names.extend(configs.iter().map(|config| config.object(&key.namespace)));
        self.cluster.name(key, names);
        let none = BTreeMap::new();
        let seen = canary.status.as_ref().map_or(&none, |status| &status.config_versions);
        self.cluster.configs(&key.namespace, configs, seen).await
    }

    fn unreadable(&self, key: &CanaryKey, object: &Object) -> String {
        let catalog = self.catalog.read().unwrap_or_else(PoisonError::into_inner);
        problems::unreadable(object, key, &catalog, &self.settings)
    }

    /// A Canary that cannot be read (the gate was away) is told so in a condition; it stops nobody else.
    async fn poisoned(&self, key: &CanaryKey, object: &Object) -> Result<Again, WorldError> {
        let message = self.unreadable(key, object);
        let told = object["status"]["conditions"].as_array().into_iter().flatten();
        if told
            .into_iter()
            .any(|condition| condition["type"] == "Stalled" && condition["message"] == json!(message))
        {
            return Ok(Again::Never);
        }
        tracing::warn!(canary = %key, message, "the Canary cannot be read");
        let now = Timestamp::now().to_string();
        let condition = |of: &str, status: &str| {
            json!({"type": of, "status": status, "reason": "Malformed", "message": message,
                   "lastUpdateTime": now, "lastTransitionTime": now})
        };
        let conditions = json!([condition("Ready", "False"), condition("Stalled", "True")]);
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        self.world.write_conditions(&reference(key), version, conditions).await?;
        Ok(Again::Never)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        controller::{slots::Bounds, testing::Stage},
        hooks::Hooks,
        providers::{Limits, Providers},
        rollout::HookHosts,
    };

    /// What looks at Canaries of an API server that the test plays.
    pub(in super::super) fn looker(client: kube::Client) -> Looker {
        let Stage { cluster, world, metrics, .. } = Stage::on(client);
        let (answered, _) = mpsc::unbounded_channel();
        let providers = Providers::new(Limits::default(), |_| false).unwrap();
        let hooks = Arc::new(Hooks::new(HookHosts::default()));
        let settings = Arc::new(Settings::default());
        Looker {
            asks: Asks::new(cluster.clone(), providers, hooks, answered),
            cluster,
            world,
            catalog: Arc::new(RwLock::new(Catalog::new(settings.provider))),
            settings,
            metrics,
            slots: Arc::new(Mutex::new(Slots::new(Bounds::default(), BTreeSet::new()))),
            writes: Arc::default(),
            reads: Arc::default(),
            statuses: Arc::default(),
            wake: mpsc::unbounded_channel().0,
        }
    }

    #[tokio::test]
    async fn w_ctl_15_a_look_contains_its_own_panic_and_the_next_one_goes_on() {
        let service = tower::service_fn(|request: http::Request<kube::client::Body>| async move {
            assert!(!request.uri().path().ends_with("/strange"), "nobody has thought of this shape");
            let body = r#"{"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "metadata": {}}"#;
            http::Response::builder().status(404).body(kube::client::Body::from(body.as_bytes().to_vec()))
        });
        let looker = looker(kube::Client::new(service, "default"));
        let look = |name: &str| looker.clone().look(CanaryKey::new("store", name));
        assert_eq!(look("strange").await, Again::Failed, "it is repeated");
        assert_eq!(look("other").await, Again::Never, "one that is gone");
    }

    #[test]
    fn a_due_time_that_passed_during_the_look_is_now() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(until(at(12), at(10)), Duration::from_secs(2));
        assert_eq!(until(at(10), at(10)), Duration::ZERO);
        assert_eq!(until(at(8), at(10)), Duration::ZERO);
    }
}
