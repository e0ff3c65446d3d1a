//! Tells the API server whom to trust: keeps `caBundle` of our two webhook configurations equal to the bundle.
//! One owner at a time: the caller runs it only while it leads. Makes no call while all is equal.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use json_patch::{AddOperation, Patch, PatchOperation, TestOperation, jsonptr::PointerBuf};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch as KubePatch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Bundle, Error};
use crate::sentence;

/// Tries before a write is given up until the next event.
const TRIES: usize = 5;
/// Rest after a write, so that a fight with another writer stays slow.
const REST: Duration = Duration::from_secs(1);

/// A webhook configuration of either kind: a named list of entries with a client configuration each.
pub trait Configuration:
    Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static
{
    /// The kind as people write it.
    const KIND: &'static str;
    /// Client configuration of each entry, in order.
    fn entries(&self) -> Vec<&WebhookClientConfig>;
}

impl Configuration for MutatingWebhookConfiguration {
    const KIND: &'static str = "MutatingWebhookConfiguration";
    fn entries(&self) -> Vec<&WebhookClientConfig> {
        self.webhooks.iter().flatten().map(|entry| &entry.client_config).collect()
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    const KIND: &'static str = "ValidatingWebhookConfiguration";
    fn entries(&self) -> Vec<&WebhookClientConfig> {
        self.webhooks.iter().flatten().map(|entry| &entry.client_config).collect()
    }
}

/// What became of one look at a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {
    /// There is no such configuration: the gate is off.
    Absent,
    /// Another tool is told to inject here (cert-manager's annotation): hands off.
    Foreign,
    /// Every entry has the bundle already.
    Equal,
    /// So many entries were changed.
    Patched(usize),
}

/// The patch that gives every entry of `configuration` the bundle; nothing if all have it.
pub fn patch<C: Configuration>(configuration: &C, bundle: &Bundle) -> Option<(Patch, usize)> {
    let wanted = ByteString(bundle.0.clone().into_bytes());
    let entries = configuration.entries();
    let wrong: Vec<usize> =
        (0..entries.len()).filter(|&index| entries[index].ca_bundle.as_ref() != Some(&wanted)).collect();
    if wrong.is_empty() {
        return None;
    }
    let value = serde_json::to_value(&wanted).ok()?;
    let version = configuration.resource_version().unwrap_or_default();
    let mut operations = vec![PatchOperation::Test(TestOperation {
        path: PointerBuf::from_tokens(["metadata", "resourceVersion"]),
        value: version.into(),
    })];
    // `add` on a member of an object also replaces one that is there.
    operations.extend(wrong.iter().map(|index| {
        let path = PointerBuf::from_tokens(["webhooks", &index.to_string(), "clientConfig", "caBundle"]);
        PatchOperation::Add(AddOperation { path, value: value.clone() })
    }));
    Some((Patch(operations), wrong.len()))
}

/// Keeps the two configurations called `name` equal to the bundle.
#[derive(Clone)]
pub struct Injector {
    client: Client,
    name: String,
    // The sending half: an injector that outlives its keeper goes on repairing.
    bundle: watch::Sender<Option<Bundle>>,
}

impl Injector {
    pub(super) fn new(client: Client, name: String, bundle: watch::Sender<Option<Bundle>>) -> Self {
        Self { client, name, bundle }
    }

    /// Works until `shutdown`: repairs at once after every change of the bundle or of a configuration.
    pub async fn run(&self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            ((), ()) = async { tokio::join!(
                self.keep::<MutatingWebhookConfiguration>(),
                self.keep::<ValidatingWebhookConfiguration>(),
            ) } => {}
        }
    }

    /// Whether every entry that exists has exactly `bundle`. Reads both configurations.
    pub async fn published(&self, bundle: &Bundle) -> Result<bool, Error> {
        Ok(self.has::<MutatingWebhookConfiguration>(bundle).await?
            && self.has::<ValidatingWebhookConfiguration>(bundle).await?)
    }

    async fn has<C: Configuration>(&self, bundle: &Bundle) -> Result<bool, Error> {
        let found = self.get::<C>(&Api::all(self.client.clone())).await?;
        Ok(found.is_none_or(|found| foreign(&found) || patch(&found, bundle).is_none()))
    }

    async fn keep<C: Configuration>(&self) {
        let api = Api::<C>::all(self.client.clone());
        let mut bundle = self.bundle.subscribe();
        let mut seen: Option<C> = None;
        let mut events = std::pin::pin!(watch_object(api.clone(), &self.name).default_backoff());
        loop {
            let wanted = bundle.borrow_and_update().clone();
            if let (Some(wanted), Some(found)) = (&wanted, &seen)
                && patch(found, wanted).is_some()
            {
                match self.ensure(&api, wanted).await {
                    Ok(Injected::Patched(entries)) => {
                        tracing::info!(kind = C::KIND, name = self.name, entries, "caBundle injected");
                        // The watch tells us what is stored now.
                        seen = None;
                        tokio::time::sleep(REST).await;
                    }
                    Ok(_) => seen = None,
                    Err(error) => {
                        tracing::warn!(
                            kind = C::KIND,
                            name = self.name,
                            error = sentence::of(&error),
                            "caBundle not injected"
                        );
                        tokio::time::sleep(REST * 5).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(found)) => seen = found,
                    Some(Err(error)) => tracing::warn!(kind = C::KIND, name = self.name, error = sentence::of(&error), "watch interrupted"),
                    None => return,
                },
                changed = bundle.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Reads the configuration and patches the entries that differ.
    pub async fn ensure<C: Configuration>(&self, api: &Api<C>, bundle: &Bundle) -> Result<Injected, Error> {
        let doing = || format!("patch caBundle of {} {}", C::KIND, self.name);
        for _ in 0..TRIES {
            let Some(found) = self.get(api).await? else { return Ok(Injected::Absent) };
            if foreign(&found) {
                tracing::warn!(
                    kind = C::KIND,
                    name = self.name,
                    "cert-manager is told to inject here; caBundle left alone"
                );
                return Ok(Injected::Foreign);
            }
            let Some((patch, entries)) = patch(&found, bundle) else { return Ok(Injected::Equal) };
            let parameters =
                PatchParams { field_manager: Some("sluice/webhooks".to_owned()), ..PatchParams::default() };
            match api.patch(&self.name, &parameters, &KubePatch::Json::<()>(patch)).await {
                Ok(_) => return Ok(Injected::Patched(entries)),
                // 409 or 422: the version moved on under us. 404: it is gone. Look again.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => {}
                Err(source) => return Err(Error::api(doing(), source)),
            }
        }
        Err(Error::Contended { doing: doing() })
    }

    async fn get<C: Configuration>(&self, api: &Api<C>) -> Result<Option<C>, Error> {
        api.get_opt(&self.name)
            .await
            .map_err(|source| Error::api(format!("read {} {}", C::KIND, self.name), source))
    }
}

fn foreign<C: Configuration>(configuration: &C) -> bool {
    configuration.annotations().keys().any(|key| key.starts_with("cert-manager.io/inject-"))
}
