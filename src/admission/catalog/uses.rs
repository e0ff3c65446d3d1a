//! What a Canary uses together with others: MetricTemplates and AlertProviders.

use std::collections::BTreeSet;

use crate::api::{Canary, Reference};

/// Kinds of objects that Canaries share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedKind {
    /// A query and the server that answers it.
    MetricTemplate,
    /// A chat room.
    AlertProvider,
}

impl SharedKind {
    /// The kind of this name.
    pub fn named(kind: &str) -> Option<Self> {
        [SharedKind::MetricTemplate, SharedKind::AlertProvider]
            .into_iter()
            .find(|known| known.as_str() == kind)
    }

    /// The kind in CamelCase.
    pub fn as_str(self) -> &'static str {
        match self {
            SharedKind::MetricTemplate => "MetricTemplate",
            SharedKind::AlertProvider => "AlertProvider",
        }
    }
}

/// One object that Canaries share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedRef {
    /// Its kind.
    pub kind: SharedKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Everything that a Canary uses together with others, of whatever namespace.
pub(super) fn uses(canary: &Canary) -> BTreeSet<SharedRef> {
    let own = canary.namespace_name();
    let shared = |kind, reference: &Reference| {
        let namespace = reference.namespace_or(&own).to_owned();
        SharedRef { kind, namespace, name: reference.name.clone() }
    };
    let Some(analysis) = &canary.spec.analysis else { return BTreeSet::new() };
    let templates = analysis.metrics.iter().filter_map(|metric| metric.template_ref.as_ref());
    let providers = analysis.alerts.iter().filter_map(|alert| alert.provider_ref.as_ref());
    let templates = templates.map(|template| shared(SharedKind::MetricTemplate, template));
    templates.chain(providers.map(|provider| shared(SharedKind::AlertProvider, provider))).collect()
}
