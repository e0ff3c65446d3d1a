//! Decides what the certificates need next, and makes it. Pure but for random numbers.
//!
//! A new authority first joins the bundle and signs only after the bundle stood for the overlap; an old one
//! leaves the bundle when it has expired. So a client that has any bundle of the last [`Policy::overlap`] accepts
//! whatever we serve. It refuses to shorten the overlap, but for an authority that is dead anyway.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;

use super::facts::{Facts, Names, certificates, certified, verify};
use super::material::{BUNDLE, CA_SIGNING, CERTIFICATE, Material, Next};
use super::{Error, Pair, issue};

/// How long things live. The ratios are fixed: a leaf is renewed in its last third, an authority is succeeded in
/// its last fifth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Life of an authority.
    pub authority: SignedDuration,
    /// Life of a serving certificate.
    pub leaf: SignedDuration,
    /// How long a new authority stands in the bundle before it signs.
    pub overlap: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        let day = SignedDuration::from_hours(24);
        Self { authority: day * 3650, leaf: day * 90, overlap: SignedDuration::from_hours(1) }
    }
}

/// What an operator may ask for by annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A new serving certificate now.
    Leaf,
    /// A new authority now; the overlap is kept.
    Authority,
}

/// The world as far as the decision needs it.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The names that the serving certificate must have.
    pub names: &'a Names,
    /// The time.
    pub now: Timestamp,
    /// How long things live.
    pub policy: &'a Policy,
    /// What an operator asked for.
    pub request: Option<Request>,
    /// False when it is known that clients do not have the new bundle yet, however long it stood.
    pub published: bool,
}

/// What to do next. After each step ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// All is well.
    Nothing,
    /// Start over with a new authority and leaf: there is nothing to build on.
    IssueAll,
    /// A new leaf by the authority that signs now.
    RenewLeaf,
    /// A new authority joins the bundle; the leaf stays.
    BeginRollover,
    /// The next authority signs from now on: a new leaf by it. The old one stays in the bundle until it expires.
    SwitchLeaf,
    /// The bundle lacks one of ours, or holds what has expired.
    TidyBundle,
}

/// Decides the next step.
pub fn plan(current: Option<&Material>, situation: &Situation<'_>) -> Action {
    let Some(material) = current else { return Action::IssueAll };
    let now = situation.now;
    let next = material.next.as_ref().filter(|next| Authority::usable(&next.authority, now).is_some());
    let due = next.is_some_and(|next| {
        situation.published && next.since.checked_add(situation.policy.overlap).is_ok_and(|due| due <= now)
    });
    let signing = material.signing.as_ref().and_then(|signing| Authority::usable(signing, now));
    let Some(signing) = signing else {
        return match (next, accepted(material, &material.trusted, situation)) {
            (Some(_), true) if !due => Action::Nothing,
            (Some(_), _) => Action::SwitchLeaf,
            (None, true) => Action::BeginRollover,
            (None, false) => Action::IssueAll,
        };
    };
    if due {
        return Action::SwitchLeaf;
    }
    if leaf_is_wanting(material, &signing, situation) {
        return Action::RenewLeaf;
    }
    let aged = left(signing.facts.not_after, now) < situation.policy.authority / 5;
    if next.is_none() && (aged || situation.request == Some(Request::Authority)) {
        return Action::BeginRollover;
    }
    let since_future = material.next.as_ref().is_some_and(|next| next.since > now);
    if since_future || tidy(material, now) != material.trusted { Action::TidyBundle } else { Action::Nothing }
}

/// Makes what [`plan`] decided. [`Action::Nothing`] gives back what there is.
pub fn make(
    action: Action,
    current: Option<&Material>,
    situation: &Situation<'_>,
) -> Result<Material, Error> {
    let now = situation.now;
    let policy = situation.policy;
    let Some(old) = current.filter(|_| action != Action::IssueAll) else {
        let signing = issue::authority(now, policy.authority)?;
        let leaf = sign(&signing, situation)?;
        let trusted = certificates(&signing.certificate, CA_SIGNING)?;
        return checked(Material { leaf, signing: Some(signing), next: None, trusted }, situation);
    };
    let mut new = old.clone();
    match (action, &old.signing, &old.next) {
        (Action::RenewLeaf, Some(signing), _) => new.leaf = sign(signing, situation)?,
        (Action::BeginRollover, ..) => {
            new.next = Some(Next { authority: issue::authority(now, policy.authority)?, since: now });
        }
        (Action::SwitchLeaf, _, Some(next)) => {
            new.leaf = sign(&next.authority, situation)?;
            new.signing = Some(next.authority.clone());
            new.next = None;
        }
        (Action::TidyBundle, _, Some(next)) => {
            let stood = certificates(&next.authority.certificate, super::material::CA_NEXT)?
                .iter()
                .all(|certificate| old.trusted.contains(certificate));
            if !stood || next.since > now {
                new.next = Some(Next { authority: next.authority.clone(), since: now });
            }
        }
        _ => {}
    }
    new.trusted = tidy(&new, now);
    checked(new, situation)
}

/// A step must never leave something that a client refuses.
fn checked(material: Material, situation: &Situation<'_>) -> Result<Material, Error> {
    certified(&material.leaf)?;
    let leaf = certificates(&material.leaf.certificate, CERTIFICATE)?;
    if material.trusted.is_empty() {
        return Err(Error::Missing(BUNDLE));
    }
    verify(&leaf[0], &material.trusted, situation.names, situation.now)?;
    Ok(material)
}

fn sign(authority: &Pair, situation: &Situation<'_>) -> Result<Pair, Error> {
    let certificate = certificates(&authority.certificate, CA_SIGNING)?;
    let until = renewed_until(&Facts::read(&certificate[0], CA_SIGNING)?, situation)?;
    issue::leaf(authority, situation.names, situation.now, until)
}

/// How long a leaf signed now would live: never longer than its authority.
fn renewed_until(authority: &Facts, situation: &Situation<'_>) -> Result<Timestamp, Error> {
    let until = situation.now.checked_add(situation.policy.leaf).map_err(|_| Error::Time)?;
    Ok(until.min(authority.not_after))
}

fn leaf_is_wanting(material: &Material, signing: &Authority, situation: &Situation<'_>) -> bool {
    let authority = std::slice::from_ref(&signing.certificate);
    if situation.request == Some(Request::Leaf) || !accepted(material, authority, situation) {
        return true;
    }
    let Some(facts) = leaf_facts(material) else { return true };
    let late = left(facts.not_after, situation.now) < situation.policy.leaf / 3;
    // In the last days of an authority a renewal gains nothing; without this it would be renewed for ever.
    late && renewed_until(&signing.facts, situation).is_ok_and(|until| until > facts.not_after)
}

/// Whether the leaf is whole: its key belongs to it, it has exactly the names, and `authorities` vouch for it.
fn accepted(material: &Material, authorities: &[CertificateDer<'static>], situation: &Situation<'_>) -> bool {
    let Ok(key) = certified(&material.leaf) else { return false };
    leaf_facts(material).is_some_and(|facts| facts.has_names(situation.names))
        && verify(&key.cert[0], authorities, situation.names, situation.now).is_ok()
}

fn leaf_facts(material: &Material) -> Option<Facts> {
    let leaf = certificates(&material.leaf.certificate, CERTIFICATE).ok()?;
    Facts::read(&leaf[0], CERTIFICATE).ok()
}

/// The bundle as it should be: ours first, then whatever else it held that has not expired.
fn tidy(material: &Material, now: Timestamp) -> Vec<CertificateDer<'static>> {
    let ours = material.signing.iter().chain(material.next.as_ref().map(|next| &next.authority));
    let ours = ours.filter_map(|pair| certificates(&pair.certificate, CA_SIGNING).ok()).flatten();
    let mut bundle: Vec<CertificateDer<'static>> = Vec::new();
    for certificate in ours.chain(material.trusted.iter().cloned()) {
        let alive = Facts::read(&certificate, BUNDLE).is_ok_and(|facts| facts.not_after >= now);
        if alive && !bundle.contains(&certificate) {
            bundle.push(certificate);
        }
    }
    bundle
}

fn left(until: Timestamp, now: Timestamp) -> SignedDuration {
    until.duration_since(now)
}

/// An authority that can sign: readable, key and certificate belong together, valid now.
struct Authority {
    certificate: CertificateDer<'static>,
    facts: Facts,
}

impl Authority {
    fn usable(pair: &Pair, now: Timestamp) -> Option<Self> {
        let certificate = certified(pair).ok()?.cert.first()?.clone();
        let facts = Facts::read(&certificate, CA_SIGNING).ok()?;
        facts.is_valid(now).then_some(Self { certificate, facts })
    }
}
