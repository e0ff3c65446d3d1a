//! The index of all Canaries by what they claim (a workload, three Service names, hosts of a mesh, requests at a Gateway) and by what they use together.
//!
//! Each look-up costs O(log n), and an entry is small: of its Canary's fields only names of hosts may be many. The gate refuses a newcomer with it, the
//! controller decides with it which of two rivals works, so that both agree. It may lag behind the API server: a refusal that
//! rests on it is confirmed by a read first.

mod claim;
mod index;
mod stored;
#[cfg(test)]
mod tests;
mod uses;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

pub use claim::{Claim, Overlap};
use claim::{PRIMARY, SUFFIXES};
use index::Index;
pub use stored::stored;
pub use uses::{SharedKind, SharedRef};

use crate::api::{Canary, CanaryKey, Phase, Provider, TargetKind};
use crate::rollout::Settings;
use crate::routing::RouteClaim;

/// What is remembered of a Canary.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Where it stands.
    pub phase: Phase,
    /// Whether its user stopped it.
    pub suspended: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What it claims.
    pub claim: Claim,
    /// What it uses together with others, in order.
    pub uses: Box<[SharedRef]>,
    /// Whether a revision was ever promoted, so that its primary serves.
    pub serves: bool,
    /// What was seen in the cluster when the controller looked last.
    pub seen: Seen,
}

/// What the index is told of the objects around a Canary, which the Canary does not say itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The label by which its target's pods are found, `app=web`.
    pub label: Option<String>,
    /// Whether the primary is there and its own.
    pub primary: bool,
}

impl Entry {
    fn of(canary: &Canary, claim: Claim) -> Self {
        Entry {
            uid: canary.uid().unwrap_or_default(),
            created: canary.metadata.creation_timestamp.as_ref().map(|time| time.0),
            phase: canary.status.as_ref().map(|status| status.phase).unwrap_or_default(),
            suspended: canary.spec.suspend,
            deleting: canary.metadata.deletion_timestamp.is_some(),
            claim,
            uses: uses::uses(canary).into_iter().collect(),
            serves: canary.status.as_ref().is_some_and(|status| status.last_promoted_spec.is_some()),
            seen: Seen::default(),
        }
    }

    /// Whether anything was made for it that a rival would need.
    fn began(&self) -> bool {
        self.serves || self.seen.primary
    }
}

/// Another Canary that claims what this one claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The other one.
    pub key: CanaryKey,
    /// What both claim.
    pub overlap: Overlap,
    /// Whether the other one is being deleted, so that waiting helps.
    pub deleting: bool,
}

/// A name in a namespace.
type Place = (String, String);

/// All Canaries by what they claim and use.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The provider of Canaries that name none.
    provider: Provider,
    entries: BTreeMap<Arc<CanaryKey>, Entry>,
    /// By name of the target; kinds are told apart by the entries.
    by_target: Index<Place>,
    by_apex: Index<Place>,
    by_mesh_host: Index<String>,
    /// By a hash of what a route claims: the claims themselves stand in the entries.
    by_route: Index<u64>,
    by_use: Index<SharedRef>,
    by_label: Index<Place>,
    /// Whether every Canary of the cluster was seen once; before that, silence means nothing.
    pub synced: bool,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog::new(Settings::default().provider)
    }
}

/// Where a route is found among those with the same host and condition at the same entrance.
fn spot(route: &RouteClaim) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&route.parent, &route.host, &route.condition).hash(&mut hasher);
    hasher.finish()
}

impl Catalog {
    /// A Catalog without Canaries; `provider` is that of Canaries that name none.
    pub fn new(provider: Provider) -> Self {
        Catalog {
            provider,
            entries: BTreeMap::new(),
            by_target: Index::default(),
            by_apex: Index::default(),
            by_mesh_host: Index::default(),
            by_route: Index::default(),
            by_use: Index::default(),
            by_label: Index::default(),
            synced: false,
        }
    }

    /// What a Canary claims.
    pub fn claim(&self, canary: &Canary) -> Claim {
        Claim::of(canary, self.provider)
    }

    /// Takes in a Canary as it is now.
    pub fn apply(&mut self, canary: &Canary) {
        let key = CanaryKey::from(canary);
        let key =
            self.entries.get_key_value(&key).map_or_else(|| Arc::new(key), |(known, _)| Arc::clone(known));
        let mut entry = Entry::of(canary, self.claim(canary));
        // What was seen of a target holds until it is seen again.
        let of_target = |known: &&Entry| {
            (&known.uid, known.claim.kind, &known.claim.target)
                == (&entry.uid, entry.claim.kind, &entry.claim.target)
        };
        entry.seen =
            self.entries.get(&key).filter(of_target).map(|known| known.seen.clone()).unwrap_or_default();
        let same = |known: &Entry| {
            (&known.claim, &known.uses, &known.seen) == (&entry.claim, &entry.uses, &entry.seen)
        };
        if !self.entries.get(&key).is_some_and(same) {
            self.remove(&key);
            let place = |name: &str| (key.namespace.clone(), name.to_owned());
            self.by_target.add(place(&entry.claim.target), &key);
            self.by_apex.add(place(&entry.claim.apex), &key);
            entry.claim.mesh_hosts.iter().for_each(|host| self.by_mesh_host.add(host.clone(), &key));
            entry.claim.routes.iter().for_each(|route| self.by_route.add(spot(route), &key));
            entry.uses.iter().for_each(|shared| self.by_use.add(shared.clone(), &key));
            entry.seen.label.iter().for_each(|label| self.by_label.add(place(label), &key));
        }
        self.entries.insert(key, entry);
    }

    /// Forgets a Canary.
    pub fn remove(&mut self, key: &CanaryKey) {
        let Some((key, Entry { claim, uses, seen, .. })) = self.entries.remove_entry(key) else { return };
        let place = |name: String| (key.namespace.clone(), name);
        self.by_target.remove(place(claim.target), &key);
        self.by_apex.remove(place(claim.apex), &key);
        claim.mesh_hosts.into_iter().for_each(|host| self.by_mesh_host.remove(host, &key));
        claim.routes.iter().for_each(|route| self.by_route.remove(spot(route), &key));
        uses.into_iter().for_each(|shared| self.by_use.remove(shared, &key));
        seen.label.into_iter().for_each(|label| self.by_label.remove(place(label), &key));
    }

    /// Remembers what was seen around a Canary. Returns the others whom that concerns: those whose targets have the label that
    /// its target has now or had before, and its rivals if it got its primary or lost it. Nothing if all that is known.
    pub fn learn(&mut self, key: &CanaryKey, seen: Seen) -> Vec<CanaryKey> {
        let Some((stored, known)) = self.entries.get_key_value(key).filter(|(_, entry)| entry.seen != seen)
        else {
            return Vec::new();
        };
        let stored = Arc::clone(stored);
        let mut concerned: Vec<CanaryKey> = Vec::new();
        if known.seen.primary != seen.primary {
            concerned.extend(self.rivals(key, &known.claim).into_iter().map(|rival| rival.key));
        }
        let former = known.seen.label.clone();
        if former != seen.label {
            let place = |label: &String| (key.namespace.clone(), label.clone());
            former.iter().for_each(|label| self.by_label.remove(place(label), &stored));
            seen.label.iter().for_each(|label| self.by_label.add(place(label), &stored));
            let both = former.iter().chain(&seen.label);
            let sharing = both.flat_map(|label| self.labelled(&key.namespace, label));
            concerned.extend(sharing.filter(|other| *other != key).cloned());
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.seen = seen;
        }
        concerned
    }

    /// The Canaries of a namespace whose targets' pods are found by a label, ordered by key.
    pub fn labelled(&self, namespace: &str, label: &str) -> impl Iterator<Item = &CanaryKey> {
        self.by_label.at(&(namespace.to_owned(), label.to_owned()))
    }

    /// What is remembered of a Canary.
    pub fn get(&self, key: &CanaryKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// All Canaries, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&CanaryKey, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_ref(), entry))
    }

    /// How many Canaries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many a namespace has.
    pub fn in_namespace(&self, namespace: &str) -> usize {
        let first = CanaryKey::new(namespace, "");
        self.entries.range(first..).take_while(|(key, _)| key.namespace == namespace).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The Canaries that release a workload, by name of Canary; more than one when they are rivals.
    pub fn of_target(&self, kind: TargetKind, namespace: &str, name: &str) -> Vec<CanaryKey> {
        self.at(&self.by_target, namespace, name)
            .filter(|(_, entry)| entry.claim.kind == kind)
            .map(|(key, _)| key)
            .collect()
    }

    /// The other Canaries that have a host inside of the mesh too, ordered by key.
    pub fn at_mesh_host<'a>(&'a self, key: &'a CanaryKey, host: &str) -> impl Iterator<Item = &'a CanaryKey> {
        self.by_mesh_host.at(&host.to_owned()).filter(move |other| *other != key)
    }

    /// The Canaries that use an object, ordered by key.
    pub fn users(&self, shared: &SharedRef) -> impl Iterator<Item = &CanaryKey> {
        self.by_use.at(shared)
    }

    /// All others that claim what this claim does, whatever their age, ordered by key.
    pub fn rivals(&self, key: &CanaryKey, claim: &Claim) -> Vec<Rival> {
        let namespace = key.namespace.as_str();
        let target = claim.target.as_str();
        let mut near: BTreeMap<CanaryKey, &Entry> = self.at(&self.by_target, namespace, target).collect();
        near.extend(self.at(&self.by_target, namespace, &format!("{target}{PRIMARY}")));
        near.extend(
            target.strip_suffix(PRIMARY).into_iter().flat_map(|t| self.at(&self.by_target, namespace, t)),
        );
        let apex = claim.apex.as_str();
        near.extend(self.at(&self.by_apex, namespace, apex));
        for suffix in SUFFIXES {
            near.extend(self.at(&self.by_apex, namespace, &format!("{apex}{suffix}")));
            near.extend(
                apex.strip_suffix(suffix).into_iter().flat_map(|a| self.at(&self.by_apex, namespace, a)),
            );
        }
        for route in &claim.routes {
            let keys = self.by_route.at(&spot(route));
            near.extend(keys.filter_map(|key| Some((key.clone(), self.entries.get(key)?))));
        }
        near.remove(key);
        near.into_iter()
            .filter_map(|(key, entry)| {
                let overlap = claim.overlap(&entry.claim)?;
                Some(Rival { key, overlap, deleting: entry.deleting })
            })
            .collect()
    }

    /// Whether a rival comes before a Canary: it began and the Canary did not, or else it was created earlier, or at the same
    /// second with a smaller namespace and name. The Canary has to leave alone what both claim. Before one that is not in the
    /// Catalog nobody comes.
    ///
    /// Age alone is not enough: whoever was seen first may have begun before the older one was seen, and what it made is its own.
    pub fn precedes(&self, rival: &CanaryKey, canary: &CanaryKey) -> bool {
        // An object without a creation time is not stored yet, so it is the youngest.
        let rank = |key: &CanaryKey| {
            let entry = self.get(key)?;
            Some((!entry.began(), entry.created.unwrap_or(Timestamp::MAX), key.clone()))
        };
        rank(canary).is_some_and(|own| rank(rival).is_some_and(|rival| rival < own))
    }

    fn at<'a>(
        &'a self,
        index: &'a Index<Place>,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = (CanaryKey, &'a Entry)> + use<'a> {
        let keys = index.at(&(namespace.to_owned(), name.to_owned()));
        keys.filter_map(|key| self.entries.get(key).map(|entry| (key.clone(), entry)))
    }
}
