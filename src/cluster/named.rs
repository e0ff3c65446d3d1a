//! The Deployments that Canaries name as targets: all that is remembered of the metadata watch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::api::{CanaryKey, ObjectRef};

/// The name of the metadata watch, beside the names of kinds.
pub(super) const ALL_DEPLOYMENTS: &str = "Deployment metadata";

/// A Deployment that somebody names.
#[derive(Default)]
struct Target {
    by: BTreeSet<CanaryKey>,
    version: Option<String>,
}

/// Who names what.
#[derive(Default)]
pub(super) struct Named {
    targets: HashMap<ObjectRef, Target>,
    of: BTreeMap<CanaryKey, ObjectRef>,
}

impl Named {
    /// Sets which Deployment a Canary names.
    pub(super) fn set(&mut self, canary: &CanaryKey, target: Option<ObjectRef>) {
        if self.of.get(canary) == target.as_ref() {
            return;
        }
        if let Some(before) = self.of.remove(canary)
            && let Some(entry) = self.targets.get_mut(&before)
        {
            entry.by.remove(canary);
            if entry.by.is_empty() {
                self.targets.remove(&before);
            }
        }
        if let Some(target) = target {
            self.targets.entry(target.clone()).or_default().by.insert(canary.clone());
            self.of.insert(canary.clone(), target);
        }
    }

    /// The watch spoke of a Deployment; returns the Canaries to which that is news.
    pub(super) fn heard(&mut self, reference: &ObjectRef, version: Option<&str>) -> Vec<CanaryKey> {
        match self.targets.get_mut(reference) {
            Some(target) if target.version.as_deref() != version => {
                target.version = version.map(str::to_owned);
                target.by.iter().cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Named Deployments that existed and are not among those listed.
    pub(super) fn missing_from(&self, listed: &HashSet<ObjectRef>) -> Vec<ObjectRef> {
        let existed = self.targets.iter().filter(|(_, target)| target.version.is_some());
        existed.map(|(reference, _)| reference.clone()).filter(|name| !listed.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(name: &str) -> ObjectRef {
        ObjectRef::new("apps/v1", "Deployment", "n", name)
    }

    #[test]
    fn the_birth_a_change_and_the_end_of_a_named_deployment_are_news_once() {
        let (mut named, canary) = (Named::default(), CanaryKey::new("n", "c"));
        named.set(&canary, Some(deployment("a")));
        assert_eq!(named.heard(&deployment("a"), Some("1")), std::slice::from_ref(&canary));
        assert!(named.heard(&deployment("a"), Some("1")).is_empty(), "a relist is no news");
        assert_eq!(named.heard(&deployment("a"), Some("2")), std::slice::from_ref(&canary));
        assert_eq!(named.missing_from(&HashSet::new()), [deployment("a")]);
        assert_eq!(named.heard(&deployment("a"), None), [canary]);
        assert!(named.missing_from(&HashSet::new()).is_empty());
    }

    #[test]
    fn nothing_is_remembered_of_deployments_that_nobody_names() {
        let (mut named, canary) = (Named::default(), CanaryKey::new("n", "c"));
        assert!(named.heard(&deployment("b"), Some("1")).is_empty());
        named.set(&canary, Some(deployment("a")));
        named.set(&canary, Some(deployment("b")));
        assert!(named.heard(&deployment("a"), Some("1")).is_empty());
        named.set(&canary, None);
        assert!(named.targets.is_empty() && named.of.is_empty());
    }
}
