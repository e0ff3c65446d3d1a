//! How the API server comes to call the gate: the two webhook configurations of an installation, an entry for each endpoint and
//! mode. Never carries a `caBundle`: that field has one owner, who injects it into the cluster's object.

mod conditions;
mod entry;
#[cfg(test)]
mod tests;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::core::ObjectMeta;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::mode::Mode;
use entry::Entry;

/// One installation: what names its configurations, its Service and its own writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// Name of both configurations and of the Service that serves the gate.
    pub name: String,
    /// Namespace of that Service and of the service account.
    pub namespace: String,
    /// Service account whose writes are not reviewed, because they are ours.
    pub service_account: String,
}

/// Both configurations of an installation.
pub fn configurations(install: &Install) -> (MutatingWebhookConfiguration, ValidatingWebhookConfiguration) {
    let metadata = ObjectMeta { name: Some(install.name.clone()), ..ObjectMeta::default() };
    let entries = |mutating: bool| {
        let endpoints = Endpoint::ALL.into_iter().filter(move |endpoint| endpoint.mutates() == mutating);
        endpoints.flat_map(|endpoint| Mode::ALL.map(|mode| Entry::new(install, endpoint, mode)))
    };
    let mutating = MutatingWebhookConfiguration {
        metadata: metadata.clone(),
        webhooks: Some(entries(true).map(Entry::mutating).collect()),
    };
    let validating = ValidatingWebhookConfiguration {
        metadata,
        webhooks: Some(entries(false).map(Entry::validating).collect()),
    };
    (mutating, validating)
}

/// Both configurations as YAML, one document each, the mutating one first.
pub fn yaml(install: &Install) -> Result<String, RegistrationError> {
    let (mutating, validating) = configurations(install);
    Ok(format!("---\n{}---\n{}", document(&mutating)?, document(&validating)?))
}

/// One configuration as a YAML document.
pub fn document(configuration: &impl Serialize) -> Result<String, RegistrationError> {
    // Conditions stay on one line: a fold could fall into a template expression of the chart.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(configuration, options).map_err(RegistrationError)
}

/// A configuration could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("write an admission configuration as YAML")]
pub struct RegistrationError(#[source] serde_saphyr::ser::Error);
