//! Issues authorities and leaves with rcgen (ECDSA P-256). Pure but for the random numbers: the time comes in.
//!
//! No name constraints: the only trust this authority ever gets is the `caBundle` of our own webhooks, which
//! names the one Service anyway, and a constraint would turn every change of names into a change of authority.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::Error;
use super::facts::{Names, certificates};

/// How far a certificate is dated back, so that a client whose clock is behind ours believes it.
pub const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// A certificate with its private key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS#8).
    pub key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).field("key", &"(hidden)").finish()
    }
}

/// Issues a self-signed authority that is valid from `now` (dated back by [`SKEW`]) for `life`.
pub fn authority(now: Timestamp, life: SignedDuration) -> Result<Pair, Error> {
    let what = "certificate authority";
    let key = KeyPair::generate().map_err(|source| Error::Issue { what, source })?;
    let mut params = CertificateParams::default();
    // A name of its own for each authority: a client tells two of them apart without trying signatures.
    params.distinguished_name.push(DnType::CommonName, format!("Sluice admission CA {now:.3}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let until = now.checked_add(life).map_err(|_| Error::Time)?;
    valid(&mut params, now, until)?;
    let certificate = params.self_signed(&key).map_err(|source| Error::Issue { what, source })?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Issues a serving certificate for `names`, signed by `authority`, valid from `now` (dated back by [`SKEW`])
/// until `until`.
pub fn leaf(authority: &Pair, names: &Names, now: Timestamp, until: Timestamp) -> Result<Pair, Error> {
    let what = "serving certificate";
    let failed = |source| Error::Issue { what, source };
    let signer =
        KeyPair::from_pem(&authority.key).map_err(|_| Error::Unreadable { what: super::material::CA_KEY })?;
    let certificate = certificates(&authority.certificate, super::material::CA_SIGNING)?.remove(0);
    let issuer = Issuer::from_ca_cert_der(&certificate, signer).map_err(failed)?;

    let key = KeyPair::generate().map_err(failed)?;
    let mut params =
        CertificateParams::new(names.iter().map(str::to_owned).collect::<Vec<_>>()).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    // No name of a service here: the field holds 64 characters, a service's full name may be longer.
    params.distinguished_name.push(DnType::CommonName, "Sluice admission");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, until)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn valid(params: &mut CertificateParams, now: Timestamp, until: Timestamp) -> Result<(), Error> {
    let seconds =
        |at: Timestamp| u64::try_from(at.as_second()).map(Duration::from_secs).map_err(|_| Error::Time);
    let from = now.checked_sub(SKEW).map_err(|_| Error::Time)?;
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + seconds(from)?;
    params.not_after = epoch + seconds(until)?;
    Ok(())
}
