//! What a rule sees: an object under review and what is known around it.

use std::cell::OnceCell;
use std::sync::LazyLock;

use super::Faults;
use super::ownership::Claims;
use crate::admission::catalog::Catalog;
use crate::admission::lookup::{Lookup, Lookups};
use crate::api::{Analysis, Canary, CanaryKey, Metric, ObjectRef, Provider};
use crate::rollout::Settings;

/// An object that Canaries share, under review, and what is known around it.
#[derive(Debug)]
pub struct Shared<'a, T> {
    /// The object as it is going to be.
    pub object: &'a T,
    /// The object as it is; none when it is new or when the old one cannot be read.
    pub old: Option<&'a T>,
    /// Its namespace and name.
    pub key: &'a CanaryKey,
    /// What was looked up.
    pub lookups: &'a Lookups,
    /// All Canaries.
    pub catalog: &'a Catalog,
    /// The operator's choices.
    pub settings: &'a Settings,
}

/// The end of an object that Canaries share.
#[derive(Debug)]
pub struct Departure<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its namespace and name.
    pub key: &'a CanaryKey,
    /// All Canaries.
    pub catalog: &'a Catalog,
}

/// What is known of an object that nobody looked at.
static NOT_LOOKED_UP: LazyLock<Lookup> = LazyLock::new(|| Lookup::Failed("it was not looked up".to_owned()));

/// A Canary under review and what is known around it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The Canary as it is going to be.
    pub canary: &'a Canary,
    /// The Canary as it is; none when it is new or when the old one cannot be read.
    pub old: Option<&'a Canary>,
    /// Its identity.
    pub key: &'a CanaryKey,
    /// What was looked up.
    pub lookups: &'a Lookups,
    /// All Canaries.
    pub catalog: &'a Catalog,
    /// The operator's choices.
    pub settings: &'a Settings,
    /// Whether it is judged as it is stored: of rivals only those that came before it count.
    pub stored: bool,
    /// What several rules want to know of it.
    pub memo: Memo,
}

/// What several rules want to know of a Canary, worked out by the first that asks.
#[derive(Debug, Default)]
pub struct Memo {
    /// What is wrong with its metrics.
    pub(super) faults: Faults,
    /// What it claims, and who claims that too.
    pub(super) claims: OnceCell<Claims>,
}

impl Context<'_> {
    /// The provider that the Canary names or gets.
    pub fn provider(&self) -> Provider {
        self.canary.spec.provider.unwrap_or(self.settings.provider)
    }

    /// `spec.analysis`, if the Canary has one.
    pub fn analysis(&self) -> Option<&Analysis> {
        self.canary.spec.analysis.as_ref()
    }

    /// The metrics with their place in the list.
    pub fn metrics(&self) -> impl Iterator<Item = (usize, &Metric)> {
        self.analysis().into_iter().flat_map(|analysis| &analysis.metrics).enumerate()
    }

    /// Whether another Canary that claims the same is in the way of this one. Of one that is being deleted the claim ends soon:
    /// the controller waits for it, and a newcomer need not be refused.
    pub fn yields_to(&self, rival: &CanaryKey) -> bool {
        let stays = self.catalog.get(rival).is_some_and(|entry| !entry.deleting);
        stays && (!self.stored || self.catalog.precedes(rival, self.key))
    }

    /// The outcome of a look-up; failed if nobody looked.
    pub fn look(&self, reference: &ObjectRef) -> &Lookup {
        self.lookups.get(reference).unwrap_or(&NOT_LOOKED_UP)
    }
}
