//! The index of all Canaries by what they claim: a workload, three Service names, hosts of a mesh.
//!
//! Each look-up costs O(log n), and an entry is small: of its Canary's fields only names of hosts may be many. The gate refuses a newcomer with it, the
//! controller decides with it which of two rivals works, so that both agree. It may lag behind the API server: a refusal that
//! rests on it is confirmed by a read first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{Canary, CanaryKey, Phase, TargetKind};
use crate::routing;

/// What a Canary claims, most of it in its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Kind of its target.
    pub kind: TargetKind,
    /// Name of its target.
    pub target: String,
    /// Name of its apex Service, from which the names of the other two follow.
    pub apex: String,
    /// Hosts inside of the mesh, where one route a host counts.
    pub mesh_hosts: BTreeSet<String>,
}

impl From<&Canary> for Claim {
    fn from(canary: &Canary) -> Self {
        Claim {
            kind: canary.spec.target_ref.kind,
            target: canary.target_name().to_owned(),
            apex: canary.apex_name().to_owned(),
            mesh_hosts: routing::mesh_hosts(canary),
        }
    }
}

/// In what two Canaries get into each other's way; the first that holds is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Both release the same workload.
    Target,
    /// The target of one is the primary that the other makes.
    Primary,
    /// Both use the same apex Service name.
    Apex,
    /// The apex Service of one has the name of the other's primary or canary Service.
    ServiceName,
}

/// The suffixes of the two Services beside the apex.
const SUFFIXES: [&str; 2] = ["-primary", "-canary"];
/// The suffix of a primary workload.
const PRIMARY: &str = "-primary";

impl Claim {
    /// In what two claims of the same namespace get into each other's way.
    pub fn overlap(&self, other: &Claim) -> Option<Overlap> {
        let extends = |long: &str, short: &str, suffix: &str| long.strip_suffix(suffix) == Some(short);
        if self.kind == other.kind {
            if self.target == other.target {
                return Some(Overlap::Target);
            }
            if extends(&self.target, &other.target, PRIMARY) || extends(&other.target, &self.target, PRIMARY)
            {
                return Some(Overlap::Primary);
            }
        }
        if self.apex == other.apex {
            return Some(Overlap::Apex);
        }
        let collides = |suffix: &&str| {
            extends(&self.apex, &other.apex, suffix) || extends(&other.apex, &self.apex, suffix)
        };
        SUFFIXES.iter().any(collides).then_some(Overlap::ServiceName)
    }
}

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
}

impl From<&Canary> for Entry {
    fn from(canary: &Canary) -> Self {
        Entry {
            uid: canary.uid().unwrap_or_default(),
            created: canary.metadata.creation_timestamp.as_ref().map(|time| time.0),
            phase: canary.status.as_ref().map(|status| status.phase).unwrap_or_default(),
            suspended: canary.spec.suspend,
            deleting: canary.metadata.deletion_timestamp.is_some(),
            claim: canary.into(),
        }
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

type Place = (String, String);

/// All Canaries by what they claim.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<CanaryKey, Entry>,
    /// Keyed by namespace and name of the target; kinds are told apart by the entries.
    by_target: BTreeMap<Place, BTreeSet<String>>,
    by_apex: BTreeMap<Place, BTreeSet<String>>,
    by_mesh_host: BTreeMap<String, BTreeSet<CanaryKey>>,
    /// Whether every Canary of the cluster was seen once; before that, silence means nothing.
    pub synced: bool,
}

impl Catalog {
    /// Takes in a Canary as it is now.
    pub fn apply(&mut self, canary: &Canary) {
        let key = CanaryKey::from(canary);
        let entry = Entry::from(canary);
        if self.entries.get(&key).is_some_and(|known| known.claim == entry.claim) {
            self.entries.insert(key, entry);
            return;
        }
        self.remove(&key);
        let place = |name: &str| (key.namespace.clone(), name.to_owned());
        self.by_target.entry(place(&entry.claim.target)).or_default().insert(key.name.clone());
        self.by_apex.entry(place(&entry.claim.apex)).or_default().insert(key.name.clone());
        for host in &entry.claim.mesh_hosts {
            self.by_mesh_host.entry(host.clone()).or_default().insert(key.clone());
        }
        self.entries.insert(key, entry);
    }

    /// Forgets a Canary.
    pub fn remove(&mut self, key: &CanaryKey) {
        let Some(entry) = self.entries.remove(key) else { return };
        let forget = |index: &mut BTreeMap<Place, BTreeSet<String>>, name: String| {
            let place = (key.namespace.clone(), name);
            if let Some(names) = index.get_mut(&place) {
                names.remove(&key.name);
                if names.is_empty() {
                    index.remove(&place);
                }
            }
        };
        forget(&mut self.by_target, entry.claim.target);
        forget(&mut self.by_apex, entry.claim.apex);
        for host in entry.claim.mesh_hosts {
            if let Some(keys) = self.by_mesh_host.get_mut(&host) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_mesh_host.remove(&host);
                }
            }
        }
    }

    /// What is remembered of a Canary.
    pub fn get(&self, key: &CanaryKey) -> Option<&Entry> {
        self.entries.get(key)
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
        self.by_mesh_host.get(host).into_iter().flatten().filter(move |other| *other != key)
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
        near.remove(key);
        near.into_iter()
            .filter_map(|(key, entry)| {
                let overlap = claim.overlap(&entry.claim)?;
                Some(Rival { key, overlap, deleting: entry.deleting })
            })
            .collect()
    }

    /// The rivals that come before this Canary: created earlier, or at the same second with a smaller name. The Canary has to
    /// leave alone what they claim. Empty for a Canary that is not in the Catalog.
    pub fn older_rivals(&self, key: &CanaryKey) -> Vec<Rival> {
        let Some(entry) = self.get(key) else { return Vec::new() };
        // An object without a creation time is not stored yet, so it is the youngest.
        let rank =
            |key: &CanaryKey, entry: &Entry| (entry.created.unwrap_or(Timestamp::MAX), key.name.clone());
        let own = rank(key, entry);
        let mut rivals = self.rivals(key, &entry.claim);
        rivals.retain(|rival| self.get(&rival.key).is_some_and(|entry| rank(&rival.key, entry) < own));
        rivals
    }

    fn at<'a>(
        &'a self,
        index: &'a BTreeMap<Place, BTreeSet<String>>,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = (CanaryKey, &'a Entry)> + use<'a> {
        let place = (namespace.to_owned(), name.to_owned());
        let names = index.get(&place).into_iter().flatten();
        names.filter_map(move |name| {
            let key = CanaryKey::new(place.0.clone(), name.clone());
            self.entries.get(&key).map(|entry| (key, entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn canary(name: &str, target: &str, apex: &str, created: u32) -> Canary {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
                "creationTimestamp": format!("2026-01-01T00:00:{created:02}Z"),
            },
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
                "service": {"name": apex, "port": 80},
                "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
            },
        }))
        .unwrap()
    }

    fn catalog(canaries: &[Canary]) -> Catalog {
        let mut catalog = Catalog::default();
        canaries.iter().for_each(|canary| catalog.apply(canary));
        catalog
    }

    #[rstest]
    #[case::same_target("web", "a", Some(Overlap::Target))]
    #[case::target_is_its_primary("web-primary", "a", Some(Overlap::Primary))]
    #[case::same_apex("other", "shop", Some(Overlap::Apex))]
    #[case::apex_is_its_primary_service("other", "shop-primary", Some(Overlap::ServiceName))]
    #[case::apex_is_its_canary_service("other", "shop-canary", Some(Overlap::ServiceName))]
    #[case::nothing("other", "shop-other", None)]
    fn claims_overlap_in_both_directions(
        #[case] target: &str,
        #[case] apex: &str,
        #[case] expected: Option<Overlap>,
    ) {
        let (first, second) = (canary("first", "web", "shop", 1), canary("second", target, apex, 2));
        let catalog = catalog(&[first.clone(), second.clone()]);
        let found = |of: &Canary| {
            let rivals = catalog.rivals(&of.into(), &of.into());
            rivals.first().map(|rival| rival.overlap)
        };
        assert_eq!((found(&first), found(&second)), (expected, expected));
    }

    #[test]
    fn other_namespaces_and_other_kinds_do_not_count() {
        let mut elsewhere = canary("first", "web", "web", 1);
        elsewhere.metadata.namespace = Some("bar".into());
        let mut daemon = canary("daemon", "web", "daemon", 1);
        daemon.spec.target_ref.kind = TargetKind::DaemonSet;
        let newcomer = canary("second", "web", "web", 2);
        let catalog = catalog(&[elsewhere, daemon]);
        assert_eq!(catalog.rivals(&(&newcomer).into(), &(&newcomer).into()), []);
        assert_eq!(catalog.of_target(TargetKind::Deployment, "shop", "web"), []);
    }

    #[test]
    fn the_older_one_wins_and_at_the_same_second_the_smaller_name() {
        let all = [canary("b", "web", "x", 5), canary("a", "web", "y", 9), canary("c", "web", "z", 5)];
        let catalog = catalog(&all);
        let older = |name: &str| -> Vec<String> {
            catalog.older_rivals(&CanaryKey::new("shop", name)).into_iter().map(|r| r.key.name).collect()
        };
        assert_eq!(older("b"), [""; 0]);
        assert_eq!(older("c"), ["b"]);
        assert_eq!(older("a"), ["b", "c"]);
        assert_eq!(older("unknown"), [""; 0]);
    }

    #[test]
    fn a_canary_that_moves_leaves_nothing_behind() {
        let mut catalog = catalog(&[canary("a", "web", "web", 1)]);
        catalog.apply(&canary("a", "api", "api", 1));
        assert_eq!(catalog.of_target(TargetKind::Deployment, "shop", "web"), []);
        assert_eq!(catalog.of_target(TargetKind::Deployment, "shop", "api").len(), 1);
        catalog.remove(&CanaryKey::new("shop", "a"));
        assert!(catalog.is_empty() && catalog.by_target.is_empty() && catalog.by_apex.is_empty());
        assert!(catalog.by_mesh_host.is_empty());
    }

    proptest! {
        /// The index is only a shortcut: comparing a claim with every entry finds the same.
        #[test]
        fn rivals_are_those_of_a_full_scan(
            claims in prop::collection::vec(("[ab]{1,2}(-primary|-canary)?", "[ab]{1,2}(-primary|-canary)?"), 1..8),
            removed in 0..8_usize,
        ) {
            let all: Vec<Canary> =
                claims.iter().enumerate().map(|(n, (t, a))| canary(&format!("c{n}"), t, a, n as u32)).collect();
            let mut catalog = catalog(&all);
            if let Some(gone) = all.get(removed) {
                catalog.remove(&gone.into());
            }
            for one in &all {
                let found: Vec<CanaryKey> =
                    catalog.rivals(&one.into(), &one.into()).into_iter().map(|rival| rival.key).collect();
                let claim = Claim::from(one);
                let expected: Vec<CanaryKey> = all.iter().enumerate()
                    .filter(|(n, other)| *n != removed && CanaryKey::from(*other) != CanaryKey::from(one))
                    .filter(|(_, other)| claim.overlap(&Claim::from(*other)).is_some())
                    .map(|(_, other)| other.into())
                    .collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
