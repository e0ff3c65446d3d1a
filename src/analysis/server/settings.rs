//! From the provider of a MetricTemplate to a server: what is missing or can never work is told before anything is
//! asked.

use std::collections::BTreeMap;
use std::fmt;

use super::credentials::spelled;
use super::{Need, Server, known, server};
use crate::api::{MetricProvider, MetricProviderType, ObjectRef};

/// Where a metric server is and how it is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Base URL, `http` or `https`; a path is kept.
    pub address: String,
    /// Headers that are sent along. They may hold credentials, so only their names are printed.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// Region of the server, for those that have one; else empty.
    pub region: String,
    /// The Secret with the credentials. It is read when the question is asked, so that a new one counts at once.
    pub secret: Option<ObjectRef>,
}

impl Endpoint {
    /// A server that needs no more than its address.
    pub fn plain(address: String) -> Self {
        Self { address, headers: BTreeMap::new(), insecure: false, region: String::new(), secret: None }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Endpoint")
            .field("headers", &headers)
            .field("insecure", &self.insecure)
            .field("region", &self.region)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// Settings of a provider with which it can never be asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A kind of server that Sluice cannot ask yet.
    #[error("metric provider {kind} is not supported yet; use {known}", known = known())]
    NotSupported {
        /// The kind.
        kind: MetricProviderType,
    },
    /// A server that nobody knows the address of.
    #[error("{0} has no address of its own; set provider.address to http://host:port or https://host:port")]
    NoAddress(MetricProviderType),
    /// An address that is no URL.
    #[error("the address '{0}' is no URL; write http://host:port or https://host:port")]
    Address(String),
    /// A server of which there is one a region.
    #[error("{0} is asked in a region and there is none; set provider.region, such as eu-west-1")]
    NoRegion(MetricProviderType),
    /// A region that is no name.
    #[error("the region '{0}' is no name of a region; write one such as eu-west-1")]
    Region(String),
    /// A server that answers nobody without credentials.
    #[error("{kind} answers nobody without credentials; set provider.secretRef to a Secret with {keys}")]
    NoSecret {
        /// The kind.
        kind: MetricProviderType,
        /// The keys that it has to hold.
        keys: String,
    },
    /// Sluice's own identity would be shown to a server that a user names.
    #[error(
        "an address of one's own with Sluice's identity would show it to that server; set provider.secretRef, or remove provider.address"
    )]
    Ambient,
}

impl SettingsError {
    /// The field of the MetricTemplate that has to change.
    pub fn path(&self) -> &'static str {
        match self {
            Self::NotSupported { .. } => "spec.provider.type",
            Self::NoAddress(_) | Self::Address(_) => "spec.provider.address",
            Self::NoRegion(_) | Self::Region(_) => "spec.provider.region",
            Self::NoSecret { .. } | Self::Ambient => "spec.provider.secretRef",
        }
    }
}

/// Everything because of which a provider can never be asked.
pub fn problems(provider: &MetricProvider) -> Vec<SettingsError> {
    let kind = provider.type_;
    let Some(server) = server(kind) else { return vec![SettingsError::NotSupported { kind }] };
    let needs = server.needs();
    let named = set(&provider.address);
    let mut found = Vec::new();
    match set(&provider.region) {
        None if needs.region => found.push(SettingsError::NoRegion(kind)),
        Some(region) if needs.region && !is_region(region) => {
            found.push(SettingsError::Region(region.to_owned()));
        }
        _ => {}
    }
    match named {
        None if server.address("").is_none() => found.push(SettingsError::NoAddress(kind)),
        Some(address) => found.extend(is_url(address).err()),
        None => {}
    }
    match needs.secret {
        _ if provider.secret_ref.is_some() => {}
        Need::Required => found.push(SettingsError::NoSecret { kind, keys: spelled(needs.keys) }),
        Need::Ambient if named.is_some() => found.push(SettingsError::Ambient),
        Need::Ambient | Need::Optional => {}
    }
    found
}

/// The server of a MetricTemplate in `namespace`.
pub fn endpoint(provider: &MetricProvider, namespace: &str) -> Result<Endpoint, SettingsError> {
    if let Some(problem) = problems(provider).into_iter().next() {
        return Err(problem);
    }
    let region = set(&provider.region).unwrap_or_default();
    let own = || server(provider.type_).and_then(|server: &dyn Server| server.address(region));
    let secret = provider.secret_ref.as_ref();
    Ok(Endpoint {
        address: set(&provider.address).map(str::to_owned).or_else(own).unwrap_or_default(),
        headers: provider.headers.clone(),
        insecure: provider.insecure_skip_verify,
        region: region.to_owned(),
        secret: secret.map(|secret| ObjectRef::new("v1", "Secret", namespace, secret.name.as_str())),
    })
}

/// Whether the text is an address. Credentials that were written into it are kept out of the error.
pub(in crate::analysis) fn is_url(address: &str) -> Result<(), SettingsError> {
    let uri = address.parse::<http::Uri>().ok();
    let usable = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    let shown = || address.rsplit_once('@').map_or(address, |(_, host)| host).to_owned();
    if usable { Ok(()) } else { Err(SettingsError::Address(shown())) }
}

/// A region becomes part of a host name: nothing else may hide in it.
fn is_region(text: &str) -> bool {
    text.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-')
}

fn set(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}
