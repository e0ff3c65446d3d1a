//! Alerts, told to chat rooms: to those that a Canary names, or to the operator's.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::join_all;
use serde::Deserialize;

use super::metrics::Metrics;
use crate::{
    analysis::Credentials,
    api::{AlertProvider, Canary, ObjectRef},
    cluster::{Announcer, Cluster, Told},
    notify::{Room, Sender},
    rollout::{self, Alert, Audience, Event, Reason, Settings},
    sentence,
};

/// The operator's own chat room, and the name of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Alerting {
    /// Who hears of Canaries that name no AlertProvider.
    pub room: Option<Room>,
    /// What the cluster is called in alerts.
    pub cluster: Option<String>,
}

/// Why an alert was not told.
#[derive(Debug, thiserror::Error)]
enum AlertError {
    #[error("it does not exist; create it, or correct spec.analysis.alerts")]
    Missing,
    #[error("it cannot be read as an AlertProvider")]
    Malformed(#[source] serde_json::Error),
    #[error("{secret} has no text under the key address")]
    NoAddress { secret: ObjectRef },
    #[error("reading it")]
    Read(#[source] crate::cluster::ClusterError),
    #[error("{0}")]
    Key(String),
    #[error(transparent)]
    Send(#[from] crate::notify::NotifyError),
}

/// Tells chat rooms.
pub(super) struct Alerts {
    pub(super) cluster: Cluster,
    pub(super) announcer: Announcer,
    pub(super) settings: Arc<Settings>,
    pub(super) alerting: Alerting,
    pub(super) metrics: Metrics,
    senders: (Sender, Sender),
    /// Rooms that the last alert did not reach, by Canary and AlertProvider; the operator's has none.
    failing: Mutex<HashSet<(String, Option<ObjectRef>)>>,
}

impl Alerts {
    pub(super) fn new(
        cluster: Cluster,
        announcer: Announcer,
        settings: Arc<Settings>,
        alerting: Alerting,
        metrics: Metrics,
    ) -> Self {
        let senders = (Sender::new(false), Sender::new(true));
        Alerts { cluster, announcer, settings, alerting, metrics, senders, failing: Mutex::default() }
    }

    /// The alert that an event leads to.
    pub(super) fn of(&self, told: &Told) -> Option<Alert> {
        rollout::alert(&told.canary, &told.event, &self.settings, self.alerting.cluster.as_deref())
    }

    /// Tells whoever is to hear of a Canary.
    pub(super) async fn tell(&self, canary: &Canary, alert: &Alert) {
        match rollout::audience(canary, alert.severity, &self.settings) {
            Audience::Operator => {
                if let Some(room) = &self.alerting.room {
                    let sent = self.senders.1.send(room, alert).await.map_err(AlertError::from);
                    self.ended(canary, alert, None, sent);
                }
            }
            Audience::Providers(providers) => {
                // All at once: a room that does not answer holds no other one up.
                let telling = providers.into_iter().map(|provider| async move {
                    let sent = match self.room(&provider).await {
                        Ok(room) => self.senders.0.send(&room, alert).await.map_err(AlertError::from),
                        Err(error) => Err(error),
                    };
                    self.ended(canary, alert, Some(provider), sent);
                });
                join_all(telling).await;
            }
        }
    }

    /// The room of an AlertProvider, read with its Secret as they are now.
    async fn room(&self, reference: &ObjectRef) -> Result<Room, AlertError> {
        let object =
            self.cluster.get(reference).await.map_err(AlertError::Read)?.ok_or(AlertError::Missing)?;
        let provider = AlertProvider::deserialize(object.as_ref()).map_err(AlertError::Malformed)?;
        let secret = match &provider.spec.secret_ref {
            Some(secret) => {
                let secret = ObjectRef::new("v1", "Secret", &reference.namespace, &secret.name);
                let credentials = self.cluster.credentials(&secret).await.map_err(AlertError::Read)?;
                Some((secret, credentials))
            }
            None => None,
        };
        room(provider, secret)
    }

    /// Counts, and tells once that a room is not reached.
    fn ended(
        &self,
        canary: &Canary,
        alert: &Alert,
        provider: Option<ObjectRef>,
        sent: Result<(), AlertError>,
    ) {
        let key = (alert.canary.clone(), provider);
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = sent else {
            failing.remove(&key);
            return self.metrics.told("alert", "sent");
        };
        self.metrics.told("alert", "failed");
        let who = key.1.as_ref().map_or("The operator's chat room".to_owned(), ToString::to_string);
        let message = format!("{who} did not hear of this Canary: {}.", sentence::of(&error));
        tracing::warn!(canary = alert.canary, message, "an alert failed");
        if failing.insert(key) {
            self.announcer.announce(canary, &Event::new(Reason::AlertFailed, message));
        }
    }
}

/// The room that an AlertProvider is, with what its Secret holds.
fn room(provider: AlertProvider, secret: Option<(ObjectRef, Credentials)>) -> Result<Room, AlertError> {
    let spec = provider.spec;
    let (address, token) = match secret {
        None => (spec.address.unwrap_or_default(), None),
        Some((secret, credentials)) => {
            let text = |key| {
                let text = credentials.text(key).map_err(|error| AlertError::Key(error.to_string()))?;
                Ok::<_, AlertError>(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
            };
            let token = text("token")?;
            (text("address")?.ok_or(AlertError::NoAddress { secret })?, token)
        }
    };
    Ok(Room {
        kind: spec.type_,
        address,
        token,
        channel: spec.channel.unwrap_or_default(),
        username: spec.username.unwrap_or_default(),
        proxy: spec.proxy,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::{Value, json};

    use super::*;
    use crate::{api::AlertProviderType, controller::testing::Stage, notify::NotifyError};

    /// Alerts in a cluster with one AlertProvider and its Secret; the counter is of events about Canaries.
    fn alerts(address: &'static str) -> (Alerts, Arc<AtomicUsize>) {
        let events = Arc::new(AtomicUsize::new(0));
        let posted = events.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (path, posted) = (request.uri().path().to_owned(), posted.clone());
            async move {
                let body: Value = if path.ends_with("/alertproviders/on-call") {
                    json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider",
                           "metadata": {"name": "on-call", "namespace": "store"},
                           "spec": {"type": "rocket", "channel": "releases", "secretRef": {"name": "room"}}})
                } else if path.ends_with("/secrets/room") {
                    // "https://chat.example.com/hush\n" and "hush" in base64, as `kubectl create --from-file` leaves them.
                    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "room", "namespace": "store"},
                           "data": {"token": "aHVzaA==", "address": address}})
                } else {
                    posted.fetch_add(1, Ordering::Relaxed);
                    json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}})
                };
                http::Response::builder().body(kube::client::Body::from(body.to_string().into_bytes()))
            }
        });
        let Stage { cluster, announcer, metrics, .. } = Stage::on(kube::Client::new(service, "default"));
        let settings = Arc::new(Settings::default());
        (Alerts::new(cluster, announcer, settings, Alerting::default(), metrics), events)
    }

    fn on_call() -> ObjectRef {
        ObjectRef::new(crate::api::API_VERSION, "AlertProvider", "store", "on-call")
    }

    #[tokio::test]
    async fn an_alert_provider_is_read_with_its_secret() {
        let (alerts, _) = alerts("aHR0cHM6Ly9jaGF0LmV4YW1wbGUuY29tL2h1c2gK");
        let expected = Room {
            kind: AlertProviderType::Rocket,
            address: "https://chat.example.com/hush".to_owned(),
            token: Some("hush".to_owned()),
            channel: "releases".to_owned(),
            username: String::new(),
            proxy: None,
        };
        assert_eq!(alerts.room(&on_call()).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_secret_without_an_address_is_named() {
        let (alerts, _) = alerts("");
        let error = alerts.room(&on_call()).await.unwrap_err().to_string();
        assert_eq!(error, "Secret store/room has no text under the key address");
    }

    #[tokio::test]
    async fn w_hk_8_a_room_that_is_not_reached_is_told_once_until_it_is() {
        let (alerts, events) = alerts("");
        let canary: Canary = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "store"},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        }))
        .unwrap();
        let alert = Alert {
            severity: crate::api::Severity::Error,
            canary: "shop.store".to_owned(),
            message: "So it is.".to_owned(),
            fields: Vec::new(),
        };
        let refused =
            || Err(NotifyError::Refused { host: "chat.example.com".to_owned(), status: 404 }.into());
        let mut expected = 0;
        for (sent, told) in [(refused(), 1), (refused(), 0), (Ok(()), 0), (refused(), 1)] {
            alerts.ended(&canary, &alert, Some(on_call()), sent);
            expected += told;
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            assert_eq!(events.load(Ordering::Relaxed), expected);
        }
    }
}
