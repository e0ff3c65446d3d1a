//! What a certificate says: dates, names, key; and whether it holds before a set of authorities, asked of the
//! same verifier that clients written in Rust use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Error, Pair};

/// The DNS names under which the API server calls us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The names of a Service inside a cluster whose domain is `cluster.local`.
    pub fn of_service(service: &str, namespace: &str) -> Self {
        let short = format!("{service}.{namespace}");
        Self([format!("{short}.svc"), format!("{short}.svc.cluster.local"), short].into())
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Dates and names of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// First instant at which it is valid.
    pub not_before: Timestamp,
    /// Last instant at which it is valid.
    pub not_after: Timestamp,
    /// DNS names of the subject alternative name.
    pub names: BTreeSet<String>,
}

impl Facts {
    /// Reads a certificate; `what` names it in the error.
    pub fn read(certificate: &CertificateDer<'_>, what: &'static str) -> Result<Self, Error> {
        let unreadable = || Error::Unreadable { what };
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| unreadable())?;
        let second = |at: i64| Timestamp::from_second(at).map_err(|_| unreadable());
        let names = match parsed.subject_alternative_name().map_err(|_| unreadable())? {
            None => BTreeSet::new(),
            Some(extension) => extension.value.general_names.iter().filter_map(dns).collect(),
        };
        Ok(Self {
            not_before: second(parsed.validity().not_before.timestamp())?,
            not_after: second(parsed.validity().not_after.timestamp())?,
            names,
        })
    }

    /// Whether these are exactly the names asked for.
    pub fn has_names(&self, names: &Names) -> bool {
        self.names == names.0
    }

    /// Whether `now` lies in the validity.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.complaint(now).is_none()
    }

    /// Why nobody whose clock shows `now` believes the certificate.
    pub fn complaint(&self, now: Timestamp) -> Option<String> {
        if now < self.not_before {
            let from = self.not_before;
            return Some(format!(
                "the certificate is not valid before {from} and it is {now} here: this clock or the issuer's is wrong"
            ));
        }
        (now > self.not_after).then(|| {
            format!("the certificate has expired at {} and it is {now} here: renew it", self.not_after)
        })
    }
}

fn dns(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    }
}

/// The only cryptography provider of the program, named explicitly so that nothing rests on process state.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// All certificates of a PEM text, at least one; `what` names it in the error.
pub(super) fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Unreadable { what }),
    }
}

/// PEM of one certificate.
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

/// The pair as TLS wants it. Refuses a key that does not belong to the certificate.
pub(super) fn certified(pair: &Pair) -> Result<CertifiedKey, Error> {
    let chain = certificates(&pair.certificate, super::material::CERTIFICATE)?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())
        .map_err(|_| Error::Unreadable { what: super::material::KEY })?;
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|source| Error::Tls { what: "the key does not belong to the certificate", source })
}

/// Whether a client that trusts `authorities` accepts `leaf` at `now` under every one of `names`.
pub fn verify(
    leaf: &CertificateDer<'_>,
    authorities: &[CertificateDer<'static>],
    names: &Names,
    now: Timestamp,
) -> Result<(), Error> {
    let failed = |source| Error::Tls { what: "a client would refuse the serving certificate", source };
    let mut roots = rustls::RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(failed)?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| failed(rustls::Error::General(error.to_string())))?;
    let second = u64::try_from(now.as_second()).map_err(|_| Error::Time)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(second));
    for name in names.iter() {
        let name =
            ServerName::try_from(name).map_err(|error| failed(rustls::Error::General(error.to_string())))?;
        verifier.verify_server_cert(leaf, &[], &name, &[], now).map_err(failed)?;
    }
    Ok(())
}
