//! What the Secret holds, read and written. Knows the keys of the Secret, decides nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::facts::{certificates, pem};
use super::{Error, Pair};

/// Key of the serving certificate.
pub(super) const CERTIFICATE: &str = "tls.crt";
/// Key of the serving certificate's private key.
pub(super) const KEY: &str = "tls.key";
/// Key of the trust bundle: every authority that clients must trust.
pub(super) const BUNDLE: &str = "ca.crt";
/// Key of the authority that signs now.
pub(super) const CA_SIGNING: &str = "ca-signing.crt";
/// Key of the private key of the authority that signs now.
pub(super) const CA_KEY: &str = "ca.key";
/// Key of the authority that takes over soon.
pub(super) const CA_NEXT: &str = "ca-next.crt";
/// Key of the private key of the authority that takes over soon.
pub(super) const CA_NEXT_KEY: &str = "ca-next.key";
/// Key of the instant (RFC 3339) since which the bundle holds the authority that takes over soon.
pub(super) const CA_NEXT_SINCE: &str = "ca-next.since";

/// The trust bundle as clients get it (PEM). Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle(pub String);

/// An authority that stands in the bundle but does not sign yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The authority.
    pub authority: Pair,
    /// Since when the bundle holds it.
    pub since: Timestamp,
}

/// Everything that the Secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// The serving certificate.
    pub leaf: Pair,
    /// The authority that signs now; absent if somebody took its key away.
    pub signing: Option<Pair>,
    /// The authority that takes over soon, during a rollover only.
    pub next: Option<Next>,
    /// Every authority that clients must trust, the signing one first.
    pub trusted: Vec<CertificateDer<'static>>,
}

impl Material {
    /// Reads the data of a Secret. What only rotation needs may be missing or broken and is then absent; the
    /// serving pair and the bundle must be there.
    pub fn parse(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let text = |key: &'static str| match data.get(key) {
            None => Err(Error::Missing(key)),
            Some(bytes) => String::from_utf8(bytes.clone()).map_err(|_| Error::Unreadable { what: key }),
        };
        let pair = |certificate, key| -> Result<Pair, Error> {
            Ok(Pair { certificate: text(certificate)?, key: text(key)? })
        };
        let leaf = pair(CERTIFICATE, KEY)?;
        let trusted = certificates(&text(BUNDLE)?, BUNDLE)?;
        let since = text(CA_NEXT_SINCE).ok().and_then(|since| since.trim().parse().ok());
        let next = match (pair(CA_NEXT, CA_NEXT_KEY), since) {
            (Ok(authority), Some(since)) => Some(Next { authority, since }),
            _ => None,
        };
        Ok(Self { leaf, signing: pair(CA_SIGNING, CA_KEY).ok(), next, trusted })
    }

    /// Writes into the data of a Secret. Keys that are not ours stay.
    pub fn write(&self, data: &mut BTreeMap<String, Vec<u8>>) {
        let mut put = |key: &str, text: Option<&str>| match text {
            Some(text) => drop(data.insert(key.to_owned(), text.as_bytes().to_vec())),
            None => drop(data.remove(key)),
        };
        put(CERTIFICATE, Some(&self.leaf.certificate));
        put(KEY, Some(&self.leaf.key));
        put(BUNDLE, Some(&self.bundle().0));
        let signing = self.signing.as_ref();
        put(CA_SIGNING, signing.map(|pair| pair.certificate.as_str()));
        put(CA_KEY, signing.map(|pair| pair.key.as_str()));
        let next = self.next.as_ref();
        put(CA_NEXT, next.map(|next| next.authority.certificate.as_str()));
        put(CA_NEXT_KEY, next.map(|next| next.authority.key.as_str()));
        put(CA_NEXT_SINCE, next.map(|next| next.since.to_string()).as_deref());
    }

    /// The trust bundle, PEM, always spelled the same way.
    pub fn bundle(&self) -> Bundle {
        Bundle(self.trusted.iter().map(pem).collect())
    }
}
